"use strict";
// The script of a report. The page is whole without it; it adds sorting, windows of long tables, filters, the panel
// of a single layer, choices between figures, and downloads. It asks nothing of the network.

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

// ---- Data ----------------------------------------------------------------------------------------------------------

/// A column in one of the forms that layer_data.hpp describes, as its values.
function decoded(column, count) {
  if (column.values) return column.values;
  if (column.words) return column.at.map((k) => column.words[k]);
  if (column.rest) {
    let before = "";
    return column.rest.map((rest, k) => (before = before.slice(0, column.shared[k]) + rest));
  }
  return new Array(count).fill(column.all);
}

/// What the program wrote as JSON, read when it is asked for: of many thousand layers the most is never looked at. The
/// program writes each member and each column in a line of its own, so a line is read alone.
class LazyJson {
  /// @param count  the member that has the number of values in a column
  constructor(element, count) {
    this.members = new Map();
    this.columns = [];  // the line of each column, then what it holds
    const text = element.textContent;
    for (let begin = 0; begin < text.length;) {
      const end = (text.indexOf("\n", begin) + 1 || text.length + 1) - 1;
      const line = text.slice(begin, end);
      const name = /^\{?"(\w+)": (?!\[$)/.exec(line);
      if (name && !/^\{"(name|values|all|words|shared|of)"/.test(line)) this.members.set(name[1], line.slice(name[0].length));
      else if (line.startsWith("{")) this.columns.push(line);
      begin = end + 1;
    }
    this.count = this.member(count);
  }

  member(name) {
    const line = this.members.get(name);
    if (typeof line === "string") this.members.set(name, JSON.parse(line.replace(/(?:,|\})$/, "")));
    return this.members.get(name);
  }

  column(k) {
    if (typeof this.columns[k] === "string") this.columns[k] = decoded(JSON.parse(this.columns[k].replace(/(?:,|\](?:,|\}))$/, "")), this.count);
    return this.columns[k];
  }
}

/// The layers of the page by columns; null on a page without them.
const layers = (() => {
  const element = document.getElementById("layers");
  if (!element) return null;
  const data = new LazyJson(element, "layers");
  const places = new Map(data.columns.map((line, k) => [/^\{"name": "(\w+)"/.exec(line)[1], k]));
  const columns = {
    names: [...places.keys()],
    has: (name) => places.has(name),
    get: (name) => (places.has(name) ? data.column(places.get(name)) : undefined),
  };
  return {
    count: data.count, columns, get: (name, i) => columns.get(name)?.[i] ?? null,
    get names() { return columns.get("layer"); },
    get worst() { return data.member("worst_first"); },
  };
})();

function median(values) {
  const known = values.filter((value) => value !== null && !Number.isNaN(value)).sort((a, b) => a - b);
  if (!known.length) return null;
  const middle = known.length >> 1;
  const value = known.length % 2 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
  return Number(value.toPrecision(4));
}

// ---- Downloads -----------------------------------------------------------------------------------------------------

function save(text, name, type) {
  const url = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }));
  const link = make("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/// As csv_cell of the program: quoted where RFC 4180 has it; what a spreadsheet would run gets an apostrophe.
function csvCell(text) {
  const cell = /^[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(text) && text !== "-" ? "'" + text : text;
  return /[",;\t\n\r]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell;
}

/// The file name of something on the page: from its anchor.
const fileName = (id, extension) => `${id || "page"}.${extension}`;

/// The drawing as a document of its own, with the rules of the page's style that it needs, in light colours.
function standalone(svg) {
  const copy = svg.cloneNode(true);
  for (const element of all(".dim, .hit", copy)) element.classList.remove("dim", "hit");
  const applies = (selector) => selector === ":root" || copy.matches(selector) || copy.querySelector(selector);
  const style = document.createElementNS(svg.namespaceURI, "style");
  style.textContent = [...document.styleSheets[0].cssRules]
    .filter((rule) => rule.selectorText && applies(rule.selectorText)).map((rule) => rule.cssText).join("\n");
  copy.prepend(style);
  return new XMLSerializer().serializeToString(copy);
}

/// A value in the JSON that the page saves: a number where the text is one.
const plainValue = (text) => (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text);

function pageJson() {
  const rows = layers && Array.from({ length: layers.count },
    (_, i) => Object.fromEntries(layers.columns.names.map((name) => [name, layers.get(name, i)])));
  return JSON.stringify({
    schema: "wishart/page/1", title: document.title, layers: rows,
    tables: tables.map((table) => ({ id: table.id, columns: table.header, rows: table.order.map((r) => table.header.map((_, k) => plainValue(table.text(r, k)))) })),
  }, null, 1);
}

// ---- What is near --------------------------------------------------------------------------------------------------

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

// ---- Tables --------------------------------------------------------------------------------------------------------

const WINDOW = 200;  // rows of a long table in view
const collator = new Intl.Collator("en", { numeric: true });

/// A table of the page. Rows are numbers; those of a short table are elements, those of a long one are drawn from its
/// JSON, WINDOW at a time. The first of them are in the page and stay until others are asked for.
class Table {
  constructor(element) {
    this.element = element;
    this.id = element.id;
    this.body = element.tBodies[0];
    this.heads = [...element.tHead.rows[0].cells];
    this.header = this.heads.map((head) => head.textContent);
    this.numeric = this.heads.map((head) => head.classList.contains("n"));
    const script = document.querySelector(`script[data-rows="${this.id}"]`);
    if (script) {
      this.data = new LazyJson(script, "rows");
      this.count = this.data.count;
      // What the columns of the layers hold too is only named: of these, null is unknown.
      this.told = this.data.columns.map((line) => /^\{"of": "(\w+)"/.exec(line)?.[1]);
    } else {
      this.rows = [...this.body.rows];
      this.rowLayers = this.rows.map((row) => Number(row.dataset.i ?? -1));
      this.count = this.rows.length;
    }
    this.refers = !element.querySelector("tr[id]");
    this.first = 0;
    this.addTools();
    if (this.count > 2) this.addSorting();
    if (this.data) this.keep();
    whenNear(element.parentElement, () => this.linkNames());
  }

  /// The layer of each row; -1: none.
  get layerOf() {
    return (this.rowLayers ??= this.data.member("row_layers"));
  }

  get order() {
    return (this.rowOrder ??= Array.from({ length: this.count }, (_, row) => row));
  }

  text(row, column) {
    if (!this.data) return this.rows[row].cells[column]?.textContent ?? "";
    if (this.told[column]) return String(layers.get(this.told[column], this.layerOf[row]) ?? "-");
    return this.data.column(column)[row];
  }

  /// Of the rows in the page the first WINDOW stay.
  keep() {
    while (this.body.rows.length > WINDOW) this.body.lastElementChild.remove();
    this.showPlace(this.count);
  }

  addTools() {
    const csv = button("CSV", () => save(this.csv(), fileName(this.id, "csv"), "text/csv"),
      { "aria-label": `Save the table ${this.element.parentElement.getAttribute("aria-label")} as CSV` });
    this.status = make("span", { class: "status", role: "status" });
    this.tools = make("p", { class: "tools" }, csv, this.status);
    if (this.data) {
      this.element.parentElement.nextElementSibling.remove();  // the number of rows, which the tools tell
      this.before = button("\u2190 before", () => this.move(-WINDOW));
      this.after = button("after \u2192", () => this.move(WINDOW));
      this.tools.append(this.before, this.after);
    }
    this.element.parentElement.before(this.tools);
  }

  move(by) {
    this.first += by;
    this.draw();
    this.element.parentElement.scrollTop = 0;
  }

  /// The names of the layer table open the panel; without a script they are the target of links.
  linkNames() {
    if (this.refers) return;
    for (const row of this.body.rows) {
      if (row.dataset.i === undefined) continue;
      const link = make("a", { href: `#layer-${row.dataset.i}` });
      link.append(...row.cells[0].childNodes);
      row.cells[0].append(link);
    }
  }

  addSorting() {
    this.heads.forEach((head, column) => {
      if (this.header[column] === "") return;  // a button needs a name
      const sort = button("", () => this.sort(column, head.getAttribute("aria-sort") !== (this.numeric[column] ? "descending" : "ascending")));
      sort.append(...head.childNodes);
      head.append(sort);
    });
  }

  /// Sorts by a column: numbers from the largest first, texts from A. Unknown numbers come last.
  sort(column, first) {
    const down = first === this.numeric[column];
    const texts = Array.from({ length: this.count }, (_, row) => this.text(row, column));
    if (this.numeric[column]) {
      const values = texts.map(parseFloat);
      this.order.sort((a, b) => {
        const [x, y] = [values[a], values[b]];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
        return (down ? y - x : x - y) || a - b;
      });
    } else {
      this.order.sort((a, b) => (down ? -1 : 1) * collator.compare(texts[a], texts[b]) || a - b);
    }
    for (const head of this.heads) head.removeAttribute("aria-sort");
    this.heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    this.sorted = { column, first };
    this.first = 0;
    if (this.rows) this.body.append(...this.order.map((row) => this.rows[row]));
    else this.draw();
    writeView();
  }

  /// @param matches  of each layer; null: all
  filter(matches) {
    const keeps = (row) => this.layerOf[row] === undefined || this.layerOf[row] < 0 || matches[this.layerOf[row]];
    this.kept = matches && this.layerOf.some((layer) => layer >= 0) ? keeps : null;
    this.first = 0;
    if (this.data) return this.draw();
    let count = 0;
    this.rows.forEach((row, k) => {
      row.hidden = Boolean(this.kept) && !this.kept(k);
      count += row.hidden ? 0 : 1;
    });
    this.status.textContent = this.kept ? `${count} of ${this.count} rows` : "";
  }

  draw() {
    const rows = this.kept ? this.order.filter(this.kept) : this.order;
    this.first = Math.max(0, Math.min(this.first, Math.floor((rows.length - 1) / WINDOW) * WINDOW));
    const end = Math.min(this.first + WINDOW, rows.length);
    this.body.replaceChildren(...rows.slice(this.first, end).map((row) => this.drawn(row)));
    this.showPlace(rows.length);
  }

  /// @param count  of the rows in view, of which a window is drawn
  showPlace(count) {
    const end = Math.min(this.first + WINDOW, count);
    this.status.textContent = count
      ? `Rows ${this.first + 1} to ${end} of ${count}` + (this.kept ? ` (${this.count} in all)` : "") : `No row of ${this.count}`;
    this.before.disabled = this.first === 0;
    this.after.disabled = end === count;
  }

  drawn(row) {
    const layer = this.layerOf[row] ?? -1;
    const cells = this.header.map((_, k) => {
      const text = this.text(row, k);
      if (this.numeric[k]) return make("td", { class: "n" }, text);
      if (k > 0 || layer < 0) return make("td", {}, ...named(text));
      return make("td", { class: "name" }, make("a", { href: `#layer-${layer}` }, ...named(text)));
    });
    return layer < 0 ? make("tr", {}, ...cells) : make("tr", { "data-i": String(layer) }, ...cells);
  }

  csv() {
    const rows = this.kept ? this.order.filter(this.kept) : this.order;
    const line = (cells) => cells.map(csvCell).join(",") + "\n";
    return line(this.header) + rows.map((row) => line(this.header.map((_, k) => this.text(row, k)))).join("");
  }
}

// ---- Figures -------------------------------------------------------------------------------------------------------

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

// ---- Filters -------------------------------------------------------------------------------------------------------

const METRICS = ["alpha", "D", "stable_rank", "log_norm", "log_spectral_norm", "effective_rank", "num_pl_spikes", "matrix_rank",
  "num_evals", "num_params", "alpha_percentile", "D_percentile", "stable_rank_percentile"];
const NO_FILTER = { q: "", role: "", warning: "", from: "", to: "", metric: "alpha", min: "", max: "" };
let filter = { ...NO_FILTER };
let matching = null;  // of each layer; null: all

const isFiltered = () => Object.keys(NO_FILTER).some((name) => name !== "metric" && filter[name] !== "");

const texts = [];  // of each layer: what is searched
function searched(i) {
  return (texts[i] ??= `${layers.names[i]} ${layers.get("role", i)} ${layers.get("warning", i)}`.toLowerCase());
}

/// The layers that pass the filter.
function matched() {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const within = (value, low, high) => (low === "" && high === "") ||
    (value !== null && (low === "" || value >= Number(low)) && (high === "" || value <= Number(high)));
  const passes = (i) => words.every((word) => searched(i).includes(word)) &&
    (filter.role === "" || layers.get("role", i) === filter.role) &&
    (filter.warning === "" || (filter.warning === "any" ? layers.get("warning", i) !== ""
      : layers.get("warning", i).split(";").includes(filter.warning))) &&
    within(layers.get("block", i), filter.from, filter.to) && within(layers.get(filter.metric, i), filter.min, filter.max);
  return Uint8Array.from({ length: layers.count }, (_, i) => passes(i));
}

const groupKey = (role, block, stack) => `${role}\n${block}\n${stack ?? ""}`;

function applyFilter() {
  const was = matching;
  matching = isFiltered() ? matched() : null;
  showCount();
  if (!matching && !was) return;  // nothing to take back
  for (const table of tables) table.filter(matching);
  // A mark of several layers stays bright if one of them passes.
  const groups = new Set();
  for (let i = 0; matching && i < layers.count; ++i) {
    if (!matching[i]) continue;
    const [role, block] = [layers.get("role", i), layers.get("block", i) ?? -1];
    groups.add(groupKey(role, block)).add(groupKey(role, block, layers.get("stack", i)));
  }
  for (const mark of all(`svg :is(${MARKS})`)) {
    const { i, role, block, stack } = mark.dataset;
    const passes = !matching || (i !== undefined ? matching[Number(i)] : groups.has(groupKey(role, block, stack)));
    mark.classList.toggle("dim", !passes);
  }
}

function showCount() {
  document.getElementById("filter-status").textContent = matching
    ? `${matching.reduce((sum, one) => sum + one, 0)} of ${layers.count} layers` : `all ${layers.count} layers`;
}

function addFilters(menu) {
  const words = new Map();
  for (const warning of layers.columns.get("warning")) {
    for (const word of warning.split(";")) if (word) words.set(word, (words.get(word) ?? 0) + 1);
  }
  const roles = [...new Set(layers.columns.get("role"))].sort(collator.compare);
  const options = (list) => list.map(([value, text]) => make("option", { value }, text));
  const changed = () => {
    for (const name of Object.keys(NO_FILTER)) filter[name] = form.elements[name].value;
    applyFilter();
    writeView();
  };
  const field = (label, ...inputs) => make("label", {}, label, ...inputs);
  const number = (name, label) => make("input", { name, type: "number", step: "any", "aria-label": label, placeholder: label.split(" ").pop() });
  const form = make("form", { id: "filters", role: "search", "aria-label": "Filter the layers", oninput: changed, onsubmit: (event) => event.preventDefault() },
    field("Search", make("input", { name: "q", type: "search", placeholder: "name, role or warning" })),
    field("Role", make("select", { name: "role" }, ...options([["", "all"], ...roles.map((role) => [role, role])]))),
    field("Warning", make("select", { name: "warning" }, ...options([["", "all layers"], ["any", "any warning"],
      ...[...words].sort().map(([word, count]) => [word, `${word} (${count})`])]))),
    make("fieldset", {}, make("legend", {}, "Block"), number("from", "block from"), number("to", "block to")),
    make("fieldset", {}, make("legend", {}, "Range of"),
      make("select", { name: "metric", "aria-label": "metric" }, ...options(METRICS.filter((name) => layers.columns.has(name)).map((name) => [name, name]))),
      number("min", "at least"), number("max", "at most")),
    make("p", { id: "filter-status", role: "status" }),
    make("p", { class: "tools" }, button("Reset", () => { filter = { ...NO_FILTER }; fillForm(); applyFilter(); writeView(); }), copyLink()));
  menu.append(make("h2", { class: "side" }, "Filter"), form);
}

function fillForm() {
  const form = document.getElementById("filters");
  if (form) for (const name of Object.keys(NO_FILTER)) form.elements[name].value = filter[name];
}

// ---- The view in the address -----------------------------------------------------------------------------------------

/// `#view:q=60&sort=tab-layers.3.true&show=fig-x&at=layer-7`; an anchor alone where nothing is chosen.
function viewFragment() {
  const view = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== NO_FILTER[name]) view.set(name, value);
  }
  for (const table of tables) {
    if (table.sorted) view.append("sort", `${table.id}.${table.sorted.column}.${table.sorted.first}`);
  }
  for (const choice of choices) {
    if (choice.chosen() > 0) view.append("show", choice.figures[choice.chosen()].id);
  }
  const anchor = panel.open && panel.layer !== undefined ? `layer-${panel.layer}` : at;
  if (![...view].length) return anchor;
  if (anchor) view.set("at", anchor);
  return "view:" + view;
}

let at = "";  // the anchor of the view
let reading = false;
function writeView() {
  if (!reading) history.replaceState(null, "", "#" + viewFragment());
}

function readView() {
  const fragment = decodeURIComponent(location.hash.slice(1));
  reading = true;
  if (fragment.startsWith("view:")) {
    const view = new URLSearchParams(location.hash.slice(6));
    for (const name of Object.keys(NO_FILTER)) filter[name] = view.get(name) ?? NO_FILTER[name];
    for (const sort of view.getAll("sort")) {
      const [id, column, first] = sort.split(".");
      const table = tables.find((one) => one.id === id);
      if (table && table.header[Number(column)] !== undefined) table.sort(Number(column), first === "true");
    }
    for (const id of view.getAll("show")) reveal(document.getElementById(id));
    fillForm();
    if (layers) applyFilter();
    at = view.get("at") ?? "";
  } else {
    at = fragment;
  }
  reading = false;
  const layer = /^layer-(\d+)$/.exec(at);
  if (layer) {
    openLayer(Number(layer[1]));
  } else {
    if (panel.open) panel.close();
    const target = at && document.getElementById(at);
    if (target) {
      reveal(target);
      target.scrollIntoView();
    }
  }
  writeView();
}

function copyLink() {
  const copy = button("Copy link", async () => {
    const link = location.href.split("#")[0] + "#" + viewFragment();
    try {
      await navigator.clipboard.writeText(link);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "It is in the address bar";
    }
    setTimeout(() => { copy.textContent = "Copy link"; }, 2000);
  });
  return copy;
}

// ---- The panel of a layer ------------------------------------------------------------------------------------------

const panel = make("dialog", { id: "panel", "aria-labelledby": "panel-title" });
const SHOWN = ["alpha", "alpha_low", "alpha_high", "D", "num_pl_spikes", "stable_rank", "effective_rank", "matrix_rank", "num_evals",
  "log_norm", "log_spectral_norm"];
const PERCENTILES = { alpha: "alpha_percentile", D: "D_percentile", stable_rank: "stable_rank_percentile" };

const medians = new Map();
/// The median of a column over the layers of a role.
function roleMedian(role, name) {
  const key = `${role}\n${name}`;
  if (!medians.has(key)) {
    const roles = layers.columns.get("role");
    medians.set(key, median(layers.columns.get(name).filter((_, i) => roles[i] === role)));
  }
  return medians.get(key);
}

function simpleTable(header, rows) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...header.map((text, k) => make("th", { scope: "col", class: k ? "n" : "" }, text)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, k) => (k
      ? make("td", { class: "n" }, cell) : make("th", { scope: "row" }, cell)))))));
}

/// What the panel says of a layer whose numbers are on the page.
function layerNumbers(i) {
  const get = (name) => layers.get(name, i);
  const role = get("role");
  const usual = SHOWN.some((name) => PERCENTILES[name] && get(PERCENTILES[name]) !== null);
  const rows = SHOWN.filter((name) => layers.columns.has(name) && get(name) !== null).map((name) => {
    const row = [name, shown(get(name)), shown(roleMedian(role, name))];
    if (usual) row.push(PERCENTILES[name] && get(PERCENTILES[name]) !== null ? `${get(PERCENTILES[name])} %` : "");
    return row;
  });
  const facts = [role, get("block") === null ? "outside of the blocks" : `block ${get("block")}`,
    get("expert") === null ? "" : `expert ${get("expert")}`, `${get("N")} x ${get("M")}`, get("dtype"), get("status") === "success" ? "" : get("status")];
  const parts = [make("p", { class: "facts" }, facts.filter(Boolean).join(" · "))];
  if (get("warning")) {
    parts.push(make("p", { class: "warned" }, make("strong", {}, "\u26a0 " + get("warning").split(";").join(", ")), get("reason") ? `: ${get("reason")}` : ""));
  } else if (get("reason")) {
    parts.push(make("p", {}, get("reason")));
  }
  parts.push(simpleTable(["", "this layer", `median of ${role}`, ...(usual ? ["percentile of public models"] : [])], rows));
  return parts;
}

/// Of a layer that is only in a table.
function rowNumbers(i) {
  const table = tables.find((one) => one.layerOf.includes(i));
  if (!table) return [];
  const row = table.layerOf.indexOf(i);
  return [simpleTable(["", "this layer"], table.header.slice(1).map((name, k) => [name, shown(table.text(row, k + 1))]))];
}

function spectrumOf(i, name) {
  const figure = document.getElementById(`fig-density-${i}`);
  const heading = make("h3", {}, "Eigenvalues");
  if (figure) {
    const copy = figure.querySelector("svg").cloneNode(true);
    for (const element of [copy, ...all("[id]", copy)]) element.removeAttribute("id");
    return [heading, copy, figure.querySelector(".legend")?.cloneNode(true) ?? ""];
  }
  return layers ? [heading, make("p", {}, "The page does not hold this spectrum. ",
    make("code", {}, `wishart plot ARCHIVE --what spectrum --layer '${name.replaceAll("'", "'\\''")}' -o spectrum.svg`), " draws it.")] : [];
}

/// The marks of a figure that stand for a layer, alone or among others.
function marksOf(i, figure) {
  return all(`svg :is(${MARKS})`, figure).filter(({ dataset }) => (dataset.i !== undefined ? Number(dataset.i) === i
    : layers && dataset.role === layers.get("role", i) && Number(dataset.block) === (layers.get("block", i) ?? -1) &&
      (dataset.stack ?? layers.get("stack", i)) === layers.get("stack", i)));
}

/// Where else the layer is on the page: figures with what their marks say, and lists.
function placesOf(i) {
  const items = [];
  for (const figure of all("main figure")) {
    const marks = marksOf(i, figure);
    if (!marks.length) continue;
    for (const mark of marks) mark.classList.add("hit");
    const said = marks.map(titleOf).filter(Boolean);
    const link = make("a", { href: `#${figure.id}` }, figure.querySelector("figcaption").textContent);
    items.push(make("li", {}, link, said.length > 1 ? make("ul", {}, ...said.map((text) => make("li", {}, text))) : ""));
  }
  for (const table of tables) {
    if (table.layerOf.includes(i)) {
      items.push(make("li", {}, make("a", { href: `#${table.id}` }, "table: " + table.element.parentElement.getAttribute("aria-label"))));
    }
  }
  return items.length ? [make("h3", {}, "On this page"), make("ul", { class: "places" }, ...items)] : [];
}

let before = null;  // what had the focus
function show(title, head, ...content) {
  const close = button("Close", () => panel.close(), { class: "close" });
  panel.replaceChildren(make("header", {}, make("h2", { id: "panel-title" }, ...named(title)), make("p", { class: "tools" }, ...head, close)),
    make("div", { class: "content" }, ...content.flat().filter(Boolean)));
  panel.scrollTop = 0;
  if (!panel.open) {
    before = document.activeElement;
    panel.showModal();
  }
  close.focus();
}

/// The layers in view, worst first.
const inView = () => (layers ? layers.worst.filter((i) => !matching || matching[i]) : tables.find((one) => !one.refers)?.layerOf ?? []);

function openLayer(i) {
  const name = layers ? layers.names[i] : tables.map((one) => [one, one.layerOf.indexOf(i)]).filter(([, row]) => row >= 0)
    .map(([one, row]) => one.text(row, 0))[0];
  if (name === undefined) return;
  const list = inView();
  const k = list.indexOf(i);
  const go = (text, place) => button(text, () => openLayer(list[place]), { disabled: list[place] === undefined || k < 0 });
  for (const mark of all("svg .hit")) mark.classList.remove("hit");
  show(name, [go("\u2190 Previous", k - 1), make("span", { class: "status" }, k < 0 ? "" : `${k + 1} of ${list.length}, worst first`), go("Next \u2192", k + 1), copyLink()],
    layers ? layerNumbers(i) : rowNumbers(i), spectrumOf(i, name), placesOf(i));
  panel.layer = i;
  writeView();
}

const MOST_OF_GROUP = 300;
/// The layers behind a mark that stands for several.
function openGroup(role, block, stack, title) {
  if (!layers) return;
  const list = layers.worst.filter((i) => layers.get("role", i) === role && String(layers.get("block", i) ?? -1) === block &&
    (stack === undefined || layers.get("stack", i) === stack) && (!matching || matching[i]));
  if (list.length === 1) return openLayer(list[0]);
  const header = ["layer", "expert", "alpha", "D", "stable_rank", "matrix_rank", "warning"];
  const rows = list.slice(0, MOST_OF_GROUP).map((i) => make("tr", { "data-i": String(i) },
    make("td", { class: "name" }, make("a", { href: `#layer-${i}` }, ...named(layers.names[i]))),
    ...header.slice(1).map((name) => make("td", { class: name === "warning" ? "" : "n" }, shown(layers.get(name, i))))));
  panel.layer = undefined;
  show(`${role}, ${Number(block) < 0 ? "outside of the blocks" : "block " + block}`, [],
    title ? make("p", {}, title) : "", make("p", {}, `${list.length} layers, worst first` + (list.length > MOST_OF_GROUP ? `; the first ${MOST_OF_GROUP}` : "") +
      (matching ? ", filtered." : ".")),
    make("div", { class: "wide", role: "region", tabindex: "0", "aria-label": "Layers of this cell" },
      make("table", {}, make("thead", {}, make("tr", {}, ...header.map((name) => make("th", { scope: "col", class: name === "layer" || name === "warning" ? "" : "n" }, name)))),
        make("tbody", {}, ...rows))));
}

panel.addEventListener("close", () => {
  panel.layer = undefined;
  if (/^layer-/.test(at)) at = "";
  writeView();
  if (before?.isConnected) before.focus({ preventScroll: true });
});
panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

// ---- The menu ------------------------------------------------------------------------------------------------------

function addMenu(menu) {
  const narrow = matchMedia("(max-width: 65rem)");
  const fold = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  const links = all("nav a", menu);
  const headings = links.map((link) => document.getElementById(link.hash.slice(1)));
  menu.addEventListener("click", (event) => { if (narrow.matches && event.target.closest("nav a")) menu.open = false; });
  let waiting = false;
  const mark = () => {
    waiting = false;
    let current = 0;
    headings.forEach((heading, k) => { if (heading.getBoundingClientRect().top < 120) current = k; });
    links.forEach((link, k) => (k === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
  links[0]?.setAttribute("aria-current", "true");  // a page that opens elsewhere scrolls
}

/// Tables that are narrower than the page need no box of their own to scroll in: their heads stick to the window.
function fit(boxes) {
  for (const box of boxes) box.classList.remove("fits");
  const fits = boxes.map((box) => box.scrollWidth <= box.clientWidth);
  boxes.forEach((box, k) => box.classList.toggle("fits", fits[k]));
}
const fitted = new Set();  // boxes that have been near
function fitWhenNear(box) {
  whenNear(box, () => {
    fitted.add(box);
    fit([box]);
  });
}

// ---- All together --------------------------------------------------------------------------------------------------

const tables = all("main table").map((element) => new Table(element));
const choices = all(".choices").map(addChoice);
document.body.append(panel);
all("main figure").forEach(equip);

const menu = document.querySelector(".menu");
addMenu(menu);
if (layers) {
  addFilters(menu);
  applyFilter();
}
menu.append(make("h2", { class: "side" }, "Data"), make("p", { class: "tools" },
  button("JSON of the page", () => save(pageJson(), fileName(document.querySelector("h1").textContent.replace(/[^\w.-]+/g, "-"), "json"), "application/json"))));

document.addEventListener("click", (event) => {
  const mark = event.target.closest(`svg :is(${MARKS})`);
  if (mark) return openMark(mark);
  // Not by the address, which would scroll the page and take the focus from the link.
  const link = event.target.closest('a[href^="#layer-"]');
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    return openLayer(Number(link.hash.slice(7)));
  }
  if (event.target.closest("#panel a")) return panel.close();
  const row = event.target.closest("tbody tr[data-i]");
  if (row && !event.target.closest("a, button") && !String(getSelection())) openLayer(Number(row.dataset.i));
});
addEventListener("hashchange", readView);
addEventListener("resize", () => fit([...fitted]));
all("main .wide").forEach(fitWhenNear);
readView();
document.documentElement.dataset.ready = "true";
