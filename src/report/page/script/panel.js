// The panel of a layer, or of a cell's layers: numbers, spectrum, history and figures.

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
