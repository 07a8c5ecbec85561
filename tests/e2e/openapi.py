"""What GET /api/openapi.json says, and exchanges held against it."""

import copy
import re
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, RefResolver

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# What any call can answer, and no call has to list.
ANYWHERE = {405, 408, 411, 414, 417, 431, 500, 501, 505}

formats = FormatChecker(formats=())


@formats.checks("date-time")
def is_time(value):
    return not isinstance(value, str) or bool(RFC3339.fullmatch(value))


def closed(node):
    """The same where no object has members but those that are described."""
    if isinstance(node, list):
        return [closed(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = {k: closed(v) for k, v in node.items()}
    if node.get("type") is not None and isinstance(node.get("properties"), dict):
        node.setdefault("additionalProperties", False)
    return node


class Description:
    def __init__(self, document):
        self.document = document
        self.strict = closed(copy.deepcopy(document))
        self.resolver = RefResolver.from_schema(self.strict)
        self.patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in sorted(document["paths"], key=lambda p: p.count("{"))]

    def resolve(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def operations(self):
        """(path, method, operation, its parameters and those of its path)."""
        for path, item in self.strict["paths"].items():
            for method in METHODS:
                if method in item:
                    op = item[method]
                    yield path, method, op, [self.resolve(p) for p in item.get("parameters", []) + op.get("parameters", [])]

    def path_of(self, path):
        bare = urlsplit(path).path
        return next((known for pattern, known in self.patterns if pattern.fullmatch(bare)), None)

    def mistakes(self, schema, value, where):
        errors = Draft202012Validator(schema, resolver=self.resolver, format_checker=formats).iter_errors(value)
        return [f"{where}{e.json_path.removeprefix('$')}: {deepest(e)}" for e in errors]

    def check(self, method, path, reply, body=None):
        """What is wrong with an exchange: [] or sentences. A body is looked at where the call was a success."""
        known = self.path_of(path)
        operation = self.strict["paths"].get(known, {}).get(method.lower().replace("head", "get"))
        if operation is None:
            return [f"{method} {path} is not described"]
        where = f"{method} {known} {reply.status}"
        described = operation["responses"].get(str(reply.status))
        if described is None and reply.status not in ANYWHERE:
            return [f"{where} is not described"]
        wrong = self.check_answer(self.resolve(described or operation["responses"]["default"]), method, reply, where)
        if reply.status < 300 and isinstance(body, dict):
            wrong += self.check_body(operation, body, f"{method} {known}: the body")
        return wrong

    def check_answer(self, described, method, reply, where):
        content = described.get("content")
        kind = (reply.headers.get("Content-Type") or "").split(";")[0]
        if content is None or method == "HEAD":
            return [f"{where} has a body"] if reply.json is not None else []
        if kind not in content:
            return [f"{where} is {kind}, described are {', '.join(content)}"]
        missing = [name for name, h in described.get("headers", {}).items() if h.get("required") and name not in reply.headers]
        return [f"{where} lacks the header {h}" for h in missing] + self.mistakes(content[kind]["schema"], reply.json, where)

    def check_body(self, operation, body, where):
        if "requestBody" not in operation:
            return [f"{where} is not described"]
        return self.mistakes(next(iter(operation["requestBody"]["content"].values()))["schema"], body, where)


def deepest(error):
    """Of what went wrong in each alternative, the one that came furthest."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return f"{error.json_path.removeprefix('$')} {error.message}"[:300]
