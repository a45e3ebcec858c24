// Tables: sorting, and windows of long ones.

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
