"use strict";
// The script of a report. The page is whole without it; it adds sorting, windows of long tables, filters, the panel
// of a single layer, choices between figures, and downloads. It asks nothing of the network.
// This part has elements and words for all others; cmake/write_page_assets.cmake puts them together, in one scope.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/// An element: make("button", { type: "button", onclick: f }, "text", child, ...). Texts are never markup.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const button = (text, onclick, properties = {}) => make("button", { type: "button", onclick, ...properties }, text);

/// A name in which a line may break behind points, as html_name writes it.
function named(text) {
  return text.split(/(?<=[^\s\d][./])(?=\S)|(?<=[./])(?=[^\s\d])/).flatMap((part, k) => (k ? [make("wbr"), part] : [part]));
}

const shown = (value) => (value === null || value === undefined || value === "" ? "-" : String(value));

const near = new Map();  // what is to be done when an element comes near the window
const nearing = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    nearing.unobserve(target);
    const actions = near.get(target);
    near.delete(target);
    for (const action of actions) action();
  }
}, { rootMargin: "100%" });

/// Does something once an element is less than a window away: a page opens sooner that leaves what nobody sees yet.
function whenNear(element, action) {
  if (!near.has(element)) {
    near.set(element, []);
    nearing.observe(element);
  }
  near.get(element).push(action);
}
