// What a page hands out: tables as CSV, figures as SVG and PNG, all of it as JSON.

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
