#!/usr/bin/env python3
"""Is a report in HTML one well-formed page that needs nothing but itself? Ends with 1 and says why if not.

    check_html.py FILE

Checks the elements and attributes, that each anchor occurs once and each link has its target, that headings are in order,
the policy with its hashes, and that what is embedded for the script agrees with the tables.
"""

import base64
import hashlib
import html.parser
import json
import re
import sys

VOID = {"meta", "wbr"}
TAGS = VOID | set("html head title style body main script h1 h2 h3 p div section b strong em small span i a ul ol li table caption thead "
                  "tbody tr th td figure figcaption details summary nav code dl dt dd br "
                  "svg g text tspan rect line circle path polyline polygon title desc".split())
ATTRIBUTES = set("lang charset http-equiv content name class viewbox width height id role x y x1 y1 x2 y2 cx cy r rx ry dx dy d points "
                 "text-anchor transform href scope open tabindex type title colspan preserveaspectratio dominant-baseline".split())
CELLS = {"td", "th"}
# What the layer table and the columns of the same layer both tell, by the head of the table.
SHARED = {"alpha": "alpha", "D": "D", "log_norm": "log_norm", "rank": "matrix_rank", "tail": "num_pl_spikes"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.policy = [], {"style": [], "script": []}, ""
        self.ids, self.links, self.levels = [], [], []
        self.data, self.reading = {}, None  # JSON by the anchor of what it is for
        self.tables, self.table = {}, None

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, f"an element <{tag}>"
        given = dict(attributes)
        assert len(given) == len(attributes), f"an attribute of <{tag}> twice"
        for name, value in attributes:
            assert name in ATTRIBUTES or re.fullmatch(r"(data|aria)-[a-z]+", name), f"an attribute {name} of <{tag}>"
            assert value is not None or name == "open", f"no value of {name}"
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given:
            assert tag == "a" and given["href"].startswith("#"), f"a link to {given['href']}"
            self.links.append(given["href"][1:])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.table = {"heads": [], "rows": [], "layers": [], "anchors": False}
            self.tables[given["id"]] = self.table
        if tag == "tr" and self.table is not None and "tbody" in self.open:
            self.table["rows"].append([])
            self.table["layers"].append(int(given.get("data-i", -1)))
            self.table["anchors"] |= "id" in given
        if tag in CELLS and self.table is not None:
            (self.table["rows"][-1] if "tbody" in self.open else self.table["heads"]).append("")
        self.reading = None
        if tag == "script" and given.get("type") == "application/json":
            self.reading = given.get("id") or given["data-rows"]
            self.data[self.reading] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> where it does not belong"
        if tag == "table":
            self.table = None

    def handle_data(self, text):
        if not self.open:
            return
        if self.reading and self.open[-1] == "script":
            self.data[self.reading] += text
        elif self.open[-1] in self.texts:
            self.texts[self.open[-1]].append(text)
        elif self.table is not None and CELLS & set(self.open):
            (self.table["rows"][-1] if "tbody" in self.open else self.table["heads"])[-1] += text


def check_anchors(page):
    assert len(set(page.ids)) == len(page.ids), f"anchors that occur twice: {sorted(i for i in set(page.ids) if page.ids.count(i) > 1)[:3]}"
    missing = set(page.links) - set(page.ids)
    assert not missing, f"links without a target: {sorted(missing)[:3]}"
    assert page.levels[0] == 1 and page.levels.count(1) == 1, f"headings {page.levels}"
    for above, below in zip(page.levels, page.levels[1:]):
        assert below <= above + 1, f"a heading h{below} below an h{above}"


def check_policy(page):
    directives = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'", page.policy
    for kind in ("style", "script"):
        digest = hashlib.sha256("".join(page.texts[kind]).encode()).digest()
        allowed = directives[kind + "-src"]
        found = f"'sha256-{base64.b64encode(digest).decode()}'"
        assert allowed == found, f"{kind}-src is {allowed}, but the hash of the page's {kind} is {found}"
    assert set(directives) == {"default-src", "base-uri", "form-action", "style-src", "script-src"}, page.policy


def texts_of(column, count):
    """The values of a column, in whichever form it is written."""
    if "words" in column:
        return [column["words"][k] for k in column["at"]]
    if "rest" in column:
        texts = [""]
        for shared, rest in zip(column["shared"], column["rest"]):
            texts.append(texts[-1][:shared] + rest)
        return texts[1:]
    return [column["all"]] * count if "all" in column else column["values"]


def is_near(text, value):
    """Whether a rounded text and another rounding of the same value agree: the text by its own decimals."""
    if value is None:
        return text in ("", "-", "inf", "-inf")  # JSON has no infinities
    try:
        last = 10.0 ** -len(text.partition(".")[2]) if "." in text else 1
        return abs(float(text) - value) <= 2e-3 * abs(value) + 0.6 * last
    except ValueError:
        return False


def check_data(page):
    """What is embedded has as many rows as it says, and says what the tables say."""
    compared = 0
    layers, columns = None, {}
    if "layers" in page.data:
        layers = json.loads(page.data.pop("layers"))
        columns = {column["name"]: texts_of(column, layers["layers"]) for column in layers["columns"]}
        for name, column in columns.items():
            assert len(column) == layers["layers"], f"{len(column)} values of {name} for {layers['layers']} layers"
        assert sorted(layers["worst_first"]) == list(range(layers["layers"])), "worst_first does not name each layer once"
        for table in page.tables.values():
            for row, layer in zip(table["rows"], table["layers"]):
                if layer < 0:
                    continue
                assert row[0] == columns["layer"][layer], f"row of layer {layer} is {row[0]}, not {columns['layer'][layer]}"
                for head, cell in zip(table["heads"], row):
                    if table["anchors"] and head in SHARED:
                        value = columns[SHARED[head]][layer]
                        assert is_near(cell, value), f"{head} of {row[0]} is {cell} in the table and {value} for the script"
                        compared += 1
        assert compared > 0 or layers["layers"] == 0, "no number of the layers could be compared"
    for name, text in page.data.items():
        data, table = json.loads(text), page.tables[name]
        rows = list(zip(*(["-" if columns[column["of"]][i] is None else str(columns[column["of"]][i]) for i in data["row_layers"]]
                          if "of" in column else texts_of(column, data["rows"]) for column in data["columns"])))
        assert len(rows) == data["rows"] > len(table["rows"]) > 0, f"{len(rows)} rows of {name}, {data['rows']} promised"
        known = set(rows)
        for row in table["rows"]:
            assert tuple(row) in known, f"row {row} of {name} is not in its JSON"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, f"not closed: {page.open}"
    check_policy(page)
    check_anchors(page)
    check_data(page)
    for part in ("http:", "https:", "@import", "url("):
        assert part not in text.split("<main")[0], f"{part} in the head"


try:
    main()
except AssertionError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
