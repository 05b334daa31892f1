#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""read_back.py SCHEMA.json RECORDS.jsonl [JUNIT.xml]: reads result files as somebody else's program would.

Every record is checked against the published schema by the rules of JSON Schema, written here from its specification
with nothing but Python's own library; a keyword of the schema that this file does not know is an error. With a JUnit
file, what it says must be what the records say. Prints one line, or what is wrong and exits with 1."""
import json
import re
import sys
import xml.etree.ElementTree as ET

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
IGNORED = {"$schema", "title", "description", "$defs"}


def same(a, b):  # true is no 1
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def is_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def wrong(value, schema, root, at="record"):
    """The first rule that the value breaks, or None."""
    def inner(v, s, where):
        return wrong(v, s, root, where)
    for key, rule in schema.items():
        fault = None
        if key in IGNORED or key in ("additionalProperties",):
            continue
        if key == "$ref":
            target = root
            for part in rule.lstrip("#/").split("/"):
                target = target[part]
            fault = inner(value, target, at)
        elif key == "type":
            fault = None if is_type(value, rule) else f"{at} is no {rule}"
        elif key == "const":
            fault = None if same(value, rule) else f"{at} is {value!r}, not {rule!r}"
        elif key == "enum":
            fault = None if any(same(value, r) for r in rule) else f"{at} is {value!r}, none of {rule}"
        elif key == "pattern":
            fault = None if not isinstance(value, str) or re.search(rule, value) else f"{at}: {value!r} does not match"
        elif key == "minimum":
            fault = None if not is_type(value, "number") or value >= rule else f"{at} is below {rule}"
        elif key == "maximum":
            fault = None if not is_type(value, "number") or value <= rule else f"{at} is above {rule}"
        elif key == "exclusiveMinimum":
            fault = None if not is_type(value, "number") or value > rule else f"{at} is not above {rule}"
        elif key == "required":
            missing = [r for r in rule if isinstance(value, dict) and r not in value]
            fault = f"{at} lacks {missing[0]}" if missing else None
        elif key == "dependentRequired":
            missing = [r for k, needs in rule.items() if k in value for r in needs if r not in value]
            fault = f"{at} lacks {missing[0]}" if missing else None
        elif key == "properties":
            faults = [inner(value[k], s, f"{at}.{k}") for k, s in rule.items() if k in value]
            fault = next((f for f in faults if f), None)
        elif key == "items":
            fault = next((f for f in (inner(v, rule, f"{at}[]") for v in value) if f), None)
        elif key == "oneOf":
            faults = [inner(value, s, at) for s in rule]
            # of several that all fail, the one that gets as far as a property says most
            fault = None if faults.count(None) == 1 else max((f or "two of oneOf" for f in faults), key=len)
        elif key == "anyOf":
            faults = [inner(value, s, at) for s in rule]
            fault = None if None in faults else faults[0]
        else:
            fault = f"the schema has a keyword unknown here: {key}"
        if fault:
            return fault
    extra = schema.get("additionalProperties")
    if isinstance(value, dict) and extra is not None:
        for k in value:
            if k in schema.get("properties", {}):
                continue
            fault = f"{at} has {k}, which the schema does not know" if extra is False else inner(value[k], extra, f"{at}.{k}")
            if fault:
                return fault
    return None


def read_records(schema_path, path):
    with open(schema_path, encoding="utf-8") as f:
        schema = json.load(f)
    records = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            record = json.loads(line)
            fault = wrong(record, schema, schema)
            if fault:
                sys.exit(f"{path}:{number}: {fault}")
            records.append(record)
    return records


def junit_says(path):
    """(implementation, case, what) of each test case, after the counts of its suite are checked."""
    said = []
    for suite in ET.parse(path).getroot():
        cases = list(suite)
        kinds = [child.tag for case in cases for child in case]
        for attribute, count in (("tests", len(cases)), ("failures", kinds.count("failure")),
                                 ("skipped", kinds.count("skipped")), ("errors", 0)):
            if int(suite.get(attribute)) != count:
                sys.exit(f"{path}: suite {suite.get('name')} says {attribute}={suite.get(attribute)}, there are {count}")
        for case in cases:
            what = "PASS"
            for child in case:
                what = child.get("type") if child.tag == "failure" else "not " + child.get("message").split(":")[0]
                if child.tag == "failure" and "reproduce: " not in (child.text or ""):
                    sys.exit(f"{path}: {case.get('name')}: no command that reproduces it")
            said.append((suite.get("name"), case.get("name"), what))
    return sorted(said)


def records_say(records):
    failed = ("FAIL", "CRASH", "TIMEOUT")
    said = []
    for r in records:
        counts = r["verdict"] == "PASS" or (r["verdict"] in failed and not r.get("known"))
        said.append((r["implementation"], r["case"], r["verdict"] if counts else "not " + r["verdict"]))
    return sorted(said)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.splitlines()[0])
    records = read_records(sys.argv[1], sys.argv[2])
    if len(sys.argv) == 4:
        junit, ours = junit_says(sys.argv[3]), records_say(records)
        for a, b in zip(junit, ours):
            if a != b:
                sys.exit(f"JUnit says {a}, the records say {b}")
        if len(junit) != len(ours):
            sys.exit(f"{len(junit)} cases in JUnit, {len(ours)} records")
    print(f"{len(records)} records read back")


if __name__ == "__main__":
    main()
