// Search and filters, which act on tables and figures alike.

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
