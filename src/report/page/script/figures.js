// Figures: choices between them, their buttons, and what a click on a mark opens.

/// The figures of a group as one: a row of buttons, of which one is pressed.
function addChoice(group) {
  const folded = all(":scope > details", group);
  const names = [group.dataset.choice, ...folded.map((details) => details.firstElementChild.textContent)];
  for (const details of folded) details.replaceWith(details.querySelector("figure"));
  const figures = all(":scope > figure", group);
  const buttons = names.map((name, k) => button(name, () => { choose(k); writeView(); }));
  const choose = (chosen) => {
    figures.forEach((figure, k) => { figure.hidden = k !== chosen; });
    buttons.forEach((one, k) => one.setAttribute("aria-pressed", String(k === chosen)));
  };
  group.prepend(make("p", { class: "tools", role: "group", "aria-label": "Show" }, ...buttons));
  choose(0);
  return { figures, choose, chosen: () => figures.findIndex((figure) => !figure.hidden) };
}

/// Makes a figure visible that another of its group hides.
function reveal(figure) {
  for (const choice of choices) {
    const k = choice.figures.indexOf(figure);
    if (k >= 0) choice.choose(k);
  }
}

const MARKS = "[data-i], [data-block]";
const titleOf = (mark) => mark.querySelector("title")?.textContent ?? mark.getAttribute("aria-label") ?? "";

/// Saving, and the way through the marks by keyboard: arrows move, Enter opens.
function equip(figure) {
  const svg = figure.querySelector("svg");
  if (!svg) return;
  const caption = figure.querySelector("figcaption");
  figure.append(make("p", { class: "tools" }, button("SVG", () => save(standalone(svg), fileName(figure.id, "svg"), "image/svg+xml"),
    { "aria-label": `Save as SVG: ${caption.textContent}` })));
  if (!svg.querySelector(MARKS)) return;
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", `${caption.textContent}. Arrow keys move from mark to mark, Enter opens.`);
  svg.setAttribute("tabindex", "0");
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = document.activeElement.closest(MARKS);
    if ((event.key === "Enter" || event.key === " ") && at) {
      openMark(at);
    } else if (step) {
      const marks = all(MARKS, svg).filter((mark) => !mark.classList.contains("dim"));
      const next = marks[(marks.indexOf(at) + step + marks.length) % marks.length];
      if (!next) return;
      next.setAttribute("tabindex", "-1");
      next.setAttribute("role", "button");
      next.setAttribute("aria-label", titleOf(next));
      next.focus();
    } else {
      return;
    }
    event.preventDefault();
  });
}

function openMark(mark) {
  if (mark.dataset.i !== undefined) openLayer(Number(mark.dataset.i));
  else openGroup(mark.dataset.role, mark.dataset.block, mark.dataset.stack, titleOf(mark));
}
