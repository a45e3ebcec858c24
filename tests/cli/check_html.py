#!/usr/bin/env python3
"""Is a report in HTML one well-formed page that needs nothing but itself? Ends with 1 and says why if not.

    check_html.py FILE
"""

import base64
import hashlib
import html.parser
import sys

VOID = {"meta"}
TAGS = VOID | set("html head title style body main script h1 h2 p div b span i table thead tbody tr th td figure figcaption "
                  "svg text rect line circle polyline polygon".split())
ATTRIBUTES = set("lang charset http-equiv content name class viewbox width height id role x y x1 y1 x2 y2 cx cy r points "
                 "text-anchor".split())


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.policy = [], {"style": [], "script": []}, ""

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, f"an element <{tag}>"
        for name, value in attributes:
            assert name in ATTRIBUTES, f"an attribute {name} of <{tag}>"
            assert value is not None, f"no value of {name}"
        given = dict(attributes)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> where it does not belong"

    def handle_data(self, text):
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]].append(text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, f"not closed: {page.open}"
    directives = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'", page.policy
    for kind in ("style", "script"):
        digest = hashlib.sha256("".join(page.texts[kind]).encode()).digest()
        allowed = directives[kind + "-src"]
        found = f"'sha256-{base64.b64encode(digest).decode()}'"
        assert allowed == found, f"{kind}-src is {allowed}, but the hash of the page's {kind} is {found}"
    assert set(directives) == {"default-src", "base-uri", "form-action", "style-src", "script-src"}, page.policy
    for part in ("http:", "https:", "@import", "url("):
        assert part not in text.split("<main>")[0], f"{part} in the head"


try:
    main()
except AssertionError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
