"""Judges what passed between a client and the fake Bot API, against two descriptions that neither of them wrote.

usage: judge.py schema.json < record          one JSON value a line, see FakeTelegram::record

- the Bot API's schema as aiogram's source distribution carries it: names, types and required fields of every request,
  and of every object in an answer or update;
- aiogram's own client: every answer and update must be readable by its models.

Prints one line for each problem, then what was looked at. Ends with 1 when there was a problem.
"""

import json
import re
import sys

from aiogram import methods
from aiogram.types import Update
from pydantic import TypeAdapter, ValidationError

NUMBER = re.compile(r"-?\d+")


class Schema:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            described = json.load(file)
        self.version = described["api"]["version"]
        self.methods, self.types = {}, {}
        for section in described["items"]:
            for entity in section["children"]:
                where = self.methods if entity["category"] == "methods" else self.types
                where[entity["name"]] = entity

    def members(self, name):
        """The types that a union's description lists."""
        return [line[3:].strip() for line in self.types[name]["description"].splitlines() if line.startswith(" - ")]

    def fields(self, entity, value, at):
        if not isinstance(value, dict):
            return [f"{at}: expected an object"]
        known = {field["name"]: field for field in entity["annotations"]}
        problems = [f"{at}: there is no field `{name}`" for name in value if name not in known]
        for name, field in known.items():
            if name in value:
                problems += self.typed(field["type"], value[name], f"{at}.{name}")
            elif field["required"]:
                problems.append(f"{at}: `{name}` is missing")
        return problems

    def typed(self, kind, value, at):
        kind = kind.strip()
        if kind.startswith("Array of "):
            value = parsed(value)
            if not isinstance(value, list):
                return [f"{at}: expected a list"]
            inner = kind[len("Array of "):]
            return [problem for i, item in enumerate(value) for problem in self.typed(inner, item, f"{at}[{i}]")]
        alternatives = [part for part in re.split(r"\s+or\s+|,\s*|\s+and\s+", kind) if part]
        if len(alternatives) > 1:
            found = [self.typed(part, value, at) for part in alternatives]
            return [] if any(not problems for problems in found) else min(found, key=len)
        if kind in ("Integer", "Int"):
            is_number = isinstance(value, int) and not isinstance(value, bool)
            return [] if is_number or isinstance(value, str) and NUMBER.fullmatch(value) else [f"{at}: expected Integer"]
        if kind.startswith("Float"):
            return [] if isinstance(value, (int, float)) and not isinstance(value, bool) else [f"{at}: expected Float"]
        if kind in ("Boolean", "True"):
            return [] if isinstance(value, bool) or value in ("true", "false") else [f"{at}: expected Boolean"]
        if kind in ("String", "InputFile"):
            return [] if isinstance(value, str) else [f"{at}: expected {kind}"]
        if kind not in self.types:
            return [f"{at}: the schema names a type {kind} that it does not describe"]
        value = parsed(value)
        if not self.types[kind]["annotations"] and self.members(kind):
            found = [self.typed(member, value, at) for member in self.members(kind)]
            return [] if any(not problems for problems in found) else min(found, key=len)
        return self.fields(self.types[kind], value, at)


def parsed(value):
    """An object or list may stand as JSON in text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def request_problems(schema, line):
    method = schema.methods.get(line["request"])
    if method is None:
        return [f"{line['request']}: there is no such method"]
    params = line["params"]
    text = json.dumps(params)
    problems = schema.fields(method, params, line["request"])
    for name in line["files"]:
        if f"attach://{name}" not in text and name not in params:
            problems.append(f"{line['request']}: the file `{name}` is named by no parameter")
    return problems


def returned_type(method):
    return getattr(methods, method[0].upper() + method[1:]).__returning__


def schema_name(kind):
    """How the schema calls one of aiogram's types."""
    arguments = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is list:
        return f"Array of {schema_name(arguments[0])}"
    if arguments:
        return " or ".join(schema_name(argument) for argument in arguments)
    return {"bool": "Boolean", "str": "String", "int": "Integer"}.get(kind.__name__, kind.__name__)


def answer_problems(schema, line):
    method, status, body = line["answer"], line["status"], line["body"]
    if status == 200:
        if body.get("ok") is not True or set(body) != {"ok", "result"}:
            return [f"{method}: a success holds `ok` and `result`"]
        kind = returned_type(method)
        return modelled(kind, body["result"], f"{method}'s answer") + schema.typed(
            schema_name(kind), body["result"], f"{method}'s answer"
        )
    problems = []
    if body.get("ok") is not False or body.get("error_code") != status or not body.get("description"):
        problems.append(f"{method}: a refusal holds `ok`, `error_code` and `description`")
    if set(body) - {"ok", "error_code", "description", "parameters"}:
        problems.append(f"{method}: a refusal holds nothing else")
    if "parameters" in body:
        problems += schema.typed("ResponseParameters", body["parameters"], f"{method}'s refusal")
    return problems


def modelled(kind, value, at):
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return [f"{at}: aiogram cannot read it: {first['loc']} {first['msg']}" for first in error.errors()[:3]]
    return []


def main():
    schema = Schema(sys.argv[1])
    seen, problems = {"request": 0, "answer": 0, "update": 0}, []
    for text in sys.stdin:
        line = json.loads(text)
        if "request" in line:
            kind, found = "request", request_problems(schema, line)
        elif "answer" in line:
            kind, found = "answer", answer_problems(schema, line)
        else:
            update = line["update"]
            kind = "update"
            # What is of a kind unknown on purpose has no description.
            known = all(name in ("update_id",) or name in MEMBERS for name in update)
            found = modelled(Update, update, "update") + (schema.typed("Update", update, "update") if known else [])
        seen[kind] += 1
        problems += found
    for problem in sorted(set(problems)):
        print(problem)
    looked_at = ", ".join(f"{count} {kind}s" for kind, count in seen.items())
    print(f"Bot API {schema.version}: {looked_at}, {len(problems)} problems", file=sys.stderr)
    sys.exit(bool(problems))


MEMBERS = set(Update.model_fields)

if __name__ == "__main__":
    main()
