// The layers of the checkpoint, as the page brings them.

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
