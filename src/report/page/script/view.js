// The view in the address: what is filtered, sorted, chosen and open, so that a link brings others to it.

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
