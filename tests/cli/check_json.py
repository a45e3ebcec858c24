#!/usr/bin/env python3
"""Is JSON that commands wrote as docs/json.md says? Ends with 1 and says why if not.

    check_json.py PAGE DOCUMENT...

Each DOCUMENT is a file with one document, or, if it ends in .jsonl, one a line. Every member must be on the page with its type, and
every member of the page's table in the document.
"""

import json
import re
import sys

PAGE, DOCUMENTS = sys.argv[1], sys.argv[2:]


def tables(text):
    """The members of each section and their types: {"layer": {"alpha": "number", ...}, ...}."""
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
            found[section] = {}
        elif section and line.startswith("| `"):
            members, kind, _unit, _meaning = (cell.strip() for cell in line.strip().strip("|").split("|", 3))
            for member in re.findall(r"`(\w+)`", members):
                assert member not in found[section], f"{PAGE}: {section}.{member} stands there twice"
                found[section][member] = kind
    return found


OBJECTS = tables(open(PAGE, encoding="utf-8").read())
used = set()


def without_repeats(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a member occurs twice among {names}"
    return dict(pairs)


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


def check(value, kind, where):
    if kind.endswith(" or null"):
        if value is None:
            return
        kind = kind[: -len(" or null")]
    if kind.startswith("array of "):
        assert isinstance(value, list), f"{where} is no array"
        for i, part in enumerate(value):
            check(part, kind[len("array of "):], f"{where}[{i}]")
    elif kind.startswith("["):
        check_object(value, re.findall(r"\(#([\w-]+)\)", kind), where)
    elif kind == "text":
        assert isinstance(value, str), f"{where} is no text: {value!r}"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{where} is no truth value: {value!r}"
    elif kind == "integer":
        assert type(value) is int, f"{where} is no integer: {value!r}"
    elif kind == "number":
        assert value is None or type(value) in (int, float), f"{where} is no number: {value!r}"
    else:
        raise AssertionError(f"{PAGE}: a type '{kind}' at {where}")


def check_object(value, names, where):
    """`value` must have exactly the members of one of the page's objects."""
    assert isinstance(value, dict), f"{where} is no object"
    name = min(names, key=lambda one: len(set(OBJECTS[one]) ^ set(value)))
    used.add(name)
    for member in value:
        assert member in OBJECTS[name], f"{where}.{member} is not in section '{name}' of {PAGE}"
    for member, kind in OBJECTS[name].items():
        assert member in value, f"{where} has no {member}, which is in section '{name}' of {PAGE}"
        check(value[member], kind, f"{where}.{member}")


def check_row(row, where):
    """A line of a table: the schema, with --all the checkpoint, and a row of one of the tables."""
    tables = ["layer", "summary", "skipped", "adapter", "trap", "spectrum", "scan", "history-row", "map"]
    own = OBJECTS["exportrow"]
    if "checkpoint" not in row or set(row) - {"schema"} == set(OBJECTS["history-row"]):
        own = {"schema": "text"}  # a row of a single table, which may have columns of these names
    used.add("exportrow")
    check_object({m: v for m, v in row.items() if m not in own}, tables, where)
    for member, kind in own.items():
        check(row[member], kind, f"{where}.{member}")


def check_document(text, where):
    document = json.loads(text, parse_constant=refuse, object_pairs_hook=without_repeats)
    assert isinstance(document, dict) and next(iter(document)) == "schema", f"{where}: the first member is not the schema"
    schema = re.fullmatch(r"wishart/([a-z]+)/([1-9][0-9]*)", document["schema"])
    assert schema and schema[1] in OBJECTS, f"{where}: the schema is {document['schema']!r}"
    assert f"| `{document['schema']}` |" in open(PAGE, encoding="utf-8").read(), f"{where}: {document['schema']} is not in {PAGE}"
    if schema[1] == "exportrow":
        check_row(document, where)
    else:
        check_object(document, [schema[1]], where)


def main():
    count = 0
    for name in DOCUMENTS:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        # A line ends with \n alone: splitlines() would also cut at U+2028, which strings may hold.
        for part in text.rstrip("\n").split("\n") if name.endswith(".jsonl") else [text]:
            check_document(part, name)
            count += 1
    assert count >= len(DOCUMENTS) > 0, "a file without a document"
    print(f"{count} documents; sections used: {' '.join(sorted(used))}; not used: {' '.join(sorted(set(OBJECTS) - used))}")


try:
    main()
except (AssertionError, ValueError) as error:
    sys.exit(str(error))
