"""Holds recorded requests and answers against Discord's public OpenAPI description.

    python description.py OPENAPI.json RECORDING.json

Ends with 1 and a list when something does not fit.
"""

import json
import sys
from collections import Counter

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BASE = "urn:discord"


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        description = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        exchanges = json.load(file)["exchanges"]
    registry = Registry().with_resource(BASE, Resource(contents=description, specification=DRAFT202012))
    problems, judged = [], Counter()
    for exchange in exchanges:
        found = operation(description, exchange)
        name = f"{exchange['method']} {exchange['path']}"
        if found is None:
            problems.append(f"{name}: Discord has no such operation")
            continue
        where, call = found
        label = f"{exchange['method']} {where} ({exchange['status']})"
        for what, schema, value in claims(exchange, call, where):
            problem = complaint(schema, value, registry)
            if problem:
                problems.append(f"{label}, {what}: {problem}")
            else:
                judged[label] += 1
    for label, count in sorted(judged.items()):
        print(f"{label}: {count} fit")
    for problem in sorted(set(problems)):
        print("PROBLEM", problem, file=sys.stderr)
    return 1 if problems or not judged else 0


def operation(description, exchange):
    """The path of the description that fits best: the one with the most literal parts."""
    parts = exchange["path"].strip("/").split("/")
    fitting = []
    for path, item in description["paths"].items():
        pattern = path.strip("/").split("/")
        fits = len(pattern) == len(parts) and all(
            wanted.startswith("{") or wanted == part for wanted, part in zip(pattern, parts)
        )
        if fits and exchange["method"].lower() in item:
            fitting.append((sum(not wanted.startswith("{") for wanted in pattern), path))
    if not fitting:
        return None
    path = max(fitting)[1]
    return path, description["paths"][path][exchange["method"].lower()]


def claims(exchange, call, path):
    """What has to fit: the request, unless it was refused, and the answer, unless it was scripted."""
    pointer = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{exchange['method'].lower()}"
    content = call.get("requestBody", {}).get("content", {})
    if exchange["status"] < 400 and exchange["content_type"] in content:
        kind = exchange["content_type"].replace("/", "~1")
        yield "request", f"{pointer}/requestBody/content/{kind}/schema", exchange["request"]
    elif exchange["status"] < 400 and exchange["request"] is not None:
        yield "request", None, exchange["request"]
    if exchange["scripted"]:
        return
    status = str(exchange["status"])
    response = call["responses"].get(status)
    if response is None and exchange["status"] >= 400:
        status, response = "4XX", call["responses"].get("4XX")
    if response is None:
        yield "answer", None, exchange["response"]
    elif "$ref" in response:
        answer = exchange["response"]
        if status == "429":
            # The description asks for a code in each; Discord's documentation of rate limits says "some include one".
            answer = {"code": 0, **answer}
        yield "answer", f"{response['$ref']}/content/application~1json/schema", answer
    elif "application/json" in response.get("content", {}):
        yield "answer", f"{pointer}/responses/{status}/content/application~1json/schema", exchange["response"]


def complaint(pointer, value, registry):
    if pointer is None:
        return "Discord describes nothing of the kind"
    schema = {"$ref": BASE + pointer}
    errors = list(Draft202012Validator(schema, registry=registry).iter_errors(value))
    if not errors:
        return None
    error = best_match(errors)
    return f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:300]}"


if __name__ == "__main__":
    sys.exit(main())
