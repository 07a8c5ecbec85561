"""The description of the API, held against the source (routes, error codes, states, limits) and against what is really answered."""

import hashlib
import hmac
import json
import re
import subprocess
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator

from http_client import OPEN, Client
from listening import Sse, Ws
from openapi import Description
from remote_setup import QUICK_REMOTE, store_secret
from stack import ROOT
from wavefleet import BIN, SLOW, TOKEN, assert_problem, wait_until

ABSENT = "1700000000_000000000000"
FAIL_FOR_GOOD = {"params": {"fail": {"times": 9, "class": "data"}}}
SLEEPS = {"params": {"sleep_ms": 600_000}}
# What a schema may say here; anything else is a slip of the pen (a comma in an unquoted text makes a member of what follows).
KEYWORDS = set("$ref type properties required additionalProperties maxProperties enum const items minItems maxItems anyOf allOf default "
               "description format minimum maximum minLength maxLength pattern".split())
STREAMS = ("/api/events", "/api/ws")
CREDENTIALS = {"bearer", "session", "cookie"}


class Watching(Client):
    """Looks at each exchange: `seen` has (method, path as described, status), `wrong` what is not as described."""

    def __init__(self, port, token, description):
        super().__init__(port, token)
        self.description, self.seen, self.wrong = description, set(), []

    def request(self, method, path, body=None, **options):
        reply = super().request(method, path, body, **options)
        self.seen.add((method, self.description.path_of(path), reply.status))
        self.wrong += self.description.check(method, path, reply, body)
        return reply


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    made = make_fleet(workers=1, concurrency=6, watched=False, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_AUTH_LOGIN_ATTEMPTS": "2",
        "WAVEFLEET_REMOTE_START_TIMEOUT_MS": "20000"})
    made.http = Watching(made.port, TOKEN, Description(made.http.get("/api/openapi.json", token=OPEN).json))
    return made


@pytest.fixture(scope="module")
def described(fleet):
    return fleet.http.description


# ---- the document itself ----

def test_it_is_open_and_kept_for_an_hour(fleet):
    first = fleet.http.get("/api/openapi.json", token=OPEN)
    etag = first.headers["ETag"]
    assert first.status == 200 and first.headers["Cache-Control"] == "public, max-age=3600" and re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for sent, status in ((etag, 304), (f'"other", W/{etag}', 304), ("*", 304), ('"other"', 200)):
        again = fleet.http.get("/api/openapi.json", token=OPEN, headers={"If-None-Match": sent})
        assert (again.status, again.headers["ETag"], again.json is None) == (status, etag, status == 304), sent
    assert fleet.http.request("HEAD", "/api/openapi.json", token=OPEN).status == 200
    assert_problem(Client(fleet.port).post("/api/openapi.json", {}), 405)


def test_its_version_is_that_of_the_program(described):
    version = subprocess.run([BIN / "wavefleet-api", "--version"], capture_output=True, text=True, timeout=20 * SLOW).stdout.split()[-1]
    assert described.document["info"]["version"] == version


def test_it_is_openapi(described):
    meta = json.loads((ROOT / "tests/data/openapi-3.1-schema.json").read_text())
    assert [e.message[:300] for e in Draft202012Validator(meta).iter_errors(described.document)] == []
    ids = [op["operationId"] for _, _, op, _ in described.operations()]
    assert len(ids) == len(set(ids))
    tags = {t["name"] for t in described.document["tags"]}
    assert {t for _, _, op, _ in described.operations() for t in op["tags"]} == tags


def schemas_of(node, at=""):
    """Every schema that is no part of another, with where it stands."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if name == "schema" or at == "/components/schemas":
            yield f"{at}/{name}", value
        else:
            yield from schemas_of(value, f"{at}/{name}")


def parts_of(schema):
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("allOf", []),
             *[schema[k] for k in ("items", "additionalProperties") if isinstance(schema.get(k), dict)]]
    for part in inner:
        yield from parts_of(part)


def test_its_schemas_are_schemas(described):
    used = set()
    for at, schema in schemas_of(described.document):
        Draft202012Validator.check_schema(schema)
        for part in parts_of(schema):
            assert set(part) <= KEYWORDS, f"{at}: {part}"
            assert set(part.get("required", [])) <= set(part.get("properties", part.get("required", []))), f"{at}: {part}"
    for text in re.findall(r'"\$ref":\s*"([^"]+)"', json.dumps(described.document)):
        described.resolver.resolve(text)
        used.add(text)
    for kind in ("schemas", "responses", "parameters"):
        spare = {name for name in described.document["components"][kind] if f"#/components/{kind}/{name}" not in used}
        assert not spare, f"{kind} that nothing refers to: {spare}"


# ---- against the source ----

def source(path):
    return (ROOT / path).read_text()


def routes():
    """(method, path with {names}) to its role."""
    rows = re.findall(r'^ROUTE\("(\w+)", "([^"]+)", ROLE_(\w+), BODY_(\w+)', source("api/routes.def"), re.M)
    assert len(rows) > 60
    return {(method.lower(), re.sub(r":(\w+)", r"{\1}", path)): (role.lower(), body) for method, path, role, body in rows}


def test_every_route_is_described_and_no_other(described):
    assert {(method, path) for path, method, _, _ in described.operations()} == set(routes())


def test_parameters_of_paths(described):
    for path, _, _, parameters in described.operations():
        assert sorted(p["name"] for p in parameters if p["in"] == "path") == sorted(re.findall(r"\{(\w+)\}", path)), path


def test_roles_are_those_of_the_routes(described):
    """A cookie acts with the CSRF token only; who it is, is looked up and nobody refused: one of the ways is none."""
    for path, method, op, _ in described.operations():
        role, _ = routes()[method, path]
        ways = op["security"]
        named = {next(iter(w)): w[next(iter(w))] for w in ways if w}
        assert set(named) == (set() if role == "open" else CREDENTIALS), (method, path)
        assert all(roles == ([] if role == "anyone" else [role]) for roles in named.values()), (method, path)
        assert ({} in ways) == (role == "anyone"), (method, path)
        assert any("csrf" in w for w in ways) == (role != "open" and method != "get"), (method, path)


def test_bodies_are_those_of_the_routes(described):
    kinds = {"NONE": None, "JSON": "application/json", "WAVE": "application/json", "ANY": "*/*"}
    for path, method, op, _ in described.operations():
        body = op.get("requestBody")
        assert (next(iter(body["content"])) if body else None) == kinds[routes()[method, path][1]], (method, path)


def test_codes_of_problems(described):
    codes = re.findall(r'^ERR\(ERR_\w+,\s*"(\w+)",\s*(\d+)', source("common/base/err.def"), re.M)
    assert len(codes) > 20
    named = described.document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert sorted(named) == sorted(code for code, status in codes if int(status) >= 400)


def test_states_are_those_of_the_tables(described):
    sql, schemas = source("common/store/schema/0001_foundation.sql"), described.document["components"]["schemas"]
    for name, schema in (("migration_state", "MigrationState"), ("wave_state", "WaveState"), ("error_class", "ErrorClass")):
        values = re.search(rf"CREATE TYPE {name} AS ENUM\s*\(([^)]+)\)", sql)[1]
        assert re.findall(r"'(\w+)'", values) == schemas[schema]["enum"], name


def test_kinds(fleet, described):
    problem = assert_problem(fleet.http.post("/api/waves", {"name": "a", "kind": "none", "project_uuids": ["a"]}), 422)
    kinds = described.document["components"]["schemas"]["Kind"]["enum"]
    assert sorted(re.findall(r"\w+", problem["errors"][0]["detail"].partition("none of")[2])) == sorted(kinds)


def test_limits_that_stand_in_words(described):
    config, page = source("common/base/config.def"), source("api/page.h")
    texts = {"http.body_max_bytes": described.document["info"]["description"],
             "http.wave_body_max_bytes": described.document["paths"]["/api/waves"]["post"]["description"]}
    for key, text in texts.items():
        row = config[config.index(f'"{key}"'):][:400]
        default = max(int(n) for n in re.findall(r"\b(\d{6,})\b", row.split("\n")[0]) if int(n) < 2 ** 29)
        assert f"`{key}` ({default // 2 ** 20} MiB" in text, (key, default)
    whole = int(re.search(r"LIST_WHOLE = (\d+)", page)[1])
    assert f"{whole:,} rows" in described.document["components"]["parameters"]["limit"]["description"]


# ---- limits, by calling ----

def bad_values(schema):
    """Values just beyond what a schema allows."""
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("minLength") and "string" in types:
        yield ""
    if schema.get("maxLength"):
        yield "x" * (schema["maxLength"] + 1)
    if schema.get("maxItems", 10 ** 6) < 10 ** 6:
        yield ["m1" if "pattern" in schema["items"] else ABSENT] * (schema["maxItems"] + 1)
    if "enum" in schema or "pattern" in schema or "format" in schema:
        yield "~"
    if types and "object" not in types:
        yield {}


def good_values(schema):
    """The outermost that it allows."""
    yield from (schema[k] for k in ("minimum", "maximum") if k in schema)
    yield from schema.get("enum", [])[:1]
    yield from ("x" * schema[k] for k in ("minLength", "maxLength") if schema.get(k) and schema[k] < 10 ** 5 and "pattern" not in schema)
    if schema.get("format") == "date-time":
        yield "2030-01-31T12:00:00Z"
    if schema.get("type") == "boolean":
        yield True


def path_with(template, things):
    return re.sub(r"\{(\w+)\}", lambda m: quote(things[template][m[1]], safe=""), template)


@pytest.fixture(scope="module")
def things(fleet, described):
    """For each path of the description, values of its parameters that name what is there and has ended."""
    wave = fleet.wave_and_wait("to be named", [{"project": "a/b", "brz_project_id": 501}])
    row = fleet.migrations(wave)["a/b"]["id"]
    worker = fleet.http.get("/api/workers").data[0]["id"]
    found = {}
    for path in described.document["paths"]:
        ids = {"waves": wave, "migrations": f"m{row}", "logs": f"m{row}", "workers": str(worker), "dead": f"m{row}"}
        found[path] = {"id": ids.get((path.split("/") + [""])[2]), "mb_uuid": "a/b", "name": "default"}
    return found


def test_limits_of_queries(fleet, described, things):
    """The bounds of each number, the values of each list of words."""
    looked_at = 0
    for path, method, _, parameters in described.operations():
        for p in [p for p in parameters if p["in"] == "query" and path not in STREAMS and p["name"] not in ("token", "bom")]:
            schema = described.resolve(p["schema"])
            for value in [v for v in bad_values(schema) if not isinstance(v, dict)]:
                reply = fleet.http.request(method.upper(), f"{path_with(path, things)}?{p['name']}={value}")
                assert reply.json["errors"][0]["pointer"] == f"#/{p['name']}", (path, p["name"], value, reply)
                looked_at += 1
            for value in good_values(schema):
                assert fleet.http.request(method.upper(), f"{path_with(path, things)}?{p['name']}={value}").status == 200, (path, p["name"], value)
    assert looked_at > 40


def fields_of(described, schema, before="#"):
    """(pointer, schema) of what a body may hold, those of a filter too."""
    for name, field in described.resolve(schema).get("properties", {}).items():
        field = described.resolve(field)
        if name == "filter":
            yield from fields_of(described, field, f"{before}/{name}")
        elif "type" in field:
            yield f"{before}/{name}", field


def pointers_blamed(fleet, method, path, pointer, value):
    """Beside a field that nobody knows, so that nothing is done."""
    body = value
    for name in reversed(pointer.split("/")[1:]):
        body = {name: body}
    reply = fleet.http.request(method.upper(), path, {**body, "nobody_knows": 1})
    assert_problem(reply, (400, 422))
    blamed = [e["pointer"] for e in reply.json["errors"]]
    assert "#/nobody_knows" in blamed or len(json.dumps(body)) > 10 ** 5, (path, pointer, blamed)
    return blamed


def test_limits_of_bodies(fleet, described, things):
    """Of each field: what lies just outside is refused by its name, what lies just inside is not."""
    looked_at = 0
    for path, method, op, _ in described.operations():
        content = op.get("requestBody", {}).get("content", {}).get("application/json")
        for pointer, schema in fields_of(described, content["schema"]) if content else ():
            target = path_with(path, things)
            for value in bad_values(schema):
                blamed = pointers_blamed(fleet, method, target, pointer, value)
                assert any(b == pointer or b.startswith(f"{pointer}/") for b in blamed), (method, path, pointer, str(value)[:60], blamed)
                looked_at += 1
            for value in good_values(schema):
                assert pointer not in pointers_blamed(fleet, method, target, pointer, value), (method, path, pointer, str(value)[:60])
    assert looked_at > 100


def test_unknown_fields_and_other_media_types_are_refused(fleet, described, things):
    for path, method, op, _ in described.operations():
        content = op.get("requestBody", {}).get("content", {})
        if "type" in described.resolve(content.get("application/json", {}).get("schema", {})):
            target = path_with(path, things)
            assert_problem(fleet.http.request(method.upper(), target, {"nobody_knows": 1}), 422)
            assert_problem(fleet.http.request(method.upper(), target, "{}", headers={"Content-Type": "text/plain"}), 415)
            assert_problem(fleet.http.request(method.upper(), target, "{"), 400)
    assert fleet.http.wrong == []


# ---- what is answered ----

def made_token(fleet, role):
    made = fleet.run("wavefleet-api", "token", "create", "--role", role, "--name", f"a {role}")
    assert made.returncode == 0, made
    return next(word for word in made.stdout.split() if len(word) > 24)


def test_each_role_and_none(fleet, described, things):
    """Who brings nothing is told 401, who has too low a role 403; nothing is there for ids of nobody."""
    viewer, operator = made_token(fleet, "viewer"), made_token(fleet, "operator")
    nobody = {"id": "m999999999", "mb_uuid": "nobody", "name": "nobody"}
    for path, method, op, parameters in described.operations():
        role = routes()[method, path][0]
        target, body = path_with(path, things), None if method == "get" else {}
        if role in ("viewer", "operator", "admin"):
            assert_problem(fleet.http.request(method.upper(), target, body, token=OPEN), 401, "unauthorized")
        if role in ("operator", "admin"):
            assert_problem(fleet.http.request(method.upper(), target, body, token=viewer), 403, "forbidden")
        if role == "admin":
            assert_problem(fleet.http.request(method.upper(), target, body, token=operator), 403, "forbidden")
        if "404" in op["responses"] and role != "open":
            wave = "/waves/" in path
            gone = path_with(path, {path: {**nobody, "id": ABSENT if wave else nobody["id"]}})
            needed = {"wave_id": ABSENT} if path.endswith("add-to-wave") else body
            if re.search(r"\{", path):
                assert_problem(fleet.http.request(method.upper(), gone, needed), 404, "not_found")
    assert fleet.http.wrong == []


def walk_sessions(fleet):
    subprocess.run([BIN / "wavefleet-api", "user", "create", "anna", "--role", "operator", "--password-stdin"], env=fleet.env,
                   input="correct horse battery\n", text=True, check=True, capture_output=True, timeout=20 * SLOW)
    http = fleet.http
    session = http.post("/api/auth/login", {"username": "anna", "password": "correct horse battery"}, token=OPEN).data
    by_cookie = {"Cookie": f"dashboard_session={session['session_id']}", "Authorization": None}
    for headers in (by_cookie, {}, {"Authorization": None}):
        assert http.get("/api/auth/check", headers=headers).status == 200
    assert_problem(http.post("/api/auth/logout", {}, headers=by_cookie), 403, "csrf_refused")
    assert http.post("/api/auth/logout", {}, headers={**by_cookie, "X-CSRF-Token": session["csrf_token"]}).data["logged_out"]
    replies = [http.post("/api/auth/login", {"username": "anna", "password": "wrong"}, token=OPEN) for _ in range(4)]
    assert {r.status for r in replies} == {401, 429}


def walk_wave(fleet):
    """A wave in which everything occurs, and everything that is done to it. Returns its id."""
    http = fleet.http
    wave = fleet.submit("everything", [
        {"project": "done", "params": {"log_lines": 3, "result": {"a": 1}}}, {"project": "dead", **FAIL_FOR_GOOD},
        {"project": "dead too", **FAIL_FOR_GOOD}, {"project": "held", "depends_on": ["dead"]}, {"project": "runs", **SLEEPS},
        {"project": "runs too", **SLEEPS}, {"project": "waits", "depends_on": ["runs"]}],
        batch_size=5, max_failures="90%", workspace_name="w", workspace_id=5, deadline_at="2099-01-01T00:00:00Z", timeout_seconds=3000)
    at = f"/api/waves/{wave}"
    states = {"done": "completed", "dead": "failed", "dead too": "failed", "held": "cancelled",
              "runs": "running", "runs too": "running", "waits": "blocked"}
    wait_until(lambda: {n: m["state"] for n, m in fleet.migrations(wave).items()} == states, 20, "all states")
    for query in ("", "?status=in_progress", "?limit=1"):
        assert http.get(f"/api/waves{query}").status == 200
    for path in ("", "/status", "/counts", "/throughput?minutes=2", "/report", "/readiness", "/logs", "/migrations", "/migrations?text=DEAD&limit=1"):
        assert http.get(at + path).status == 200, path
    for kind in ("html", "csv"):
        assert http.get(f"{at}/report?format={kind}").status == 200
    for name in states:
        assert http.get(f"{at}/migrations/{name.replace(' ', '%20')}").status == 200
        assert http.get(f"/api/migrations/m{fleet.migrations(wave)[name]['id']}/attempts").status == 200
    assert http.get(f"{at}/migrations/done/logs?limit=2").json["count"] == 2
    assert http.request("PATCH", at, {"batch_size": 4, "max_failures": 3, "deadline_at": None, "name": "all"}).data["changed"]
    for _ in range(2):
        assert http.post(f"{at}/pause", {}).status == 200
        assert http.post(f"{at}/resume", {}).status == 200
    for dry in (True, False):
        assert http.post(f"{at}/restart-all", {"mb_uuids": ["dead", "nobody"], "dry_run": dry}).data["details"]
        narrow = {"status": "error", "class": "data", "text": "dead", "since": "2020-01-01T00:00:00Z"}
        assert http.post(f"{at}/restart-all", {"filter": narrow, "dry_run": dry}).status == 200
    assert http.delete(f"{at}/migrations/runs%20too/lock").data["removed"]
    assert http.delete(f"{at}/migrations/done/lock").data["removed"] is False
    assert http.post(f"{at}/migrations/runs/cancel", {}).status == 202
    assert http.post(f"{at}/migrations/waits/cancel", {}).status == 200
    assert http.post(f"{at}/migrations/done/restart", {"quality_analysis": True}).status == 200
    assert http.post(f"{at}/stop", {}).status == 200
    assert_problem(http.post(f"{at}/pause", {}), 409)
    wait_until(lambda: fleet.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave), 20, "its end")
    whole = lambda: http.get(f"{at}/report").data["partial"] is False
    wait_until(whole, 70, "the report that was kept, for a minute at most, to be made anew")
    assert http.post(f"{at}/reset-status", {}).status == 200
    return wave


def walk_dead(fleet):
    http = fleet.http
    wave = fleet.wave_and_wait("letters", [{"project": f"d{i}", **FAIL_FOR_GOOD} for i in range(6)], batch_size=6)
    refs = [d["ref"] for d in http.get(f"/api/dead?wave={wave}&class=data&text=fail").data]
    assert len(refs) == 6
    for act in ("discard", "restart"):
        assert http.post(f"/api/dead/{act}", {"ids": [refs[0], "m987654321"], "dry_run": True}).data["refused"]
        assert http.post(f"/api/dead/{refs[1]}/{act}", {}).status == 200
    wait_until(lambda: fleet.status(wave)["status"] == "error", 20, "its end")
    assert http.post("/api/dead/discard", {"ids": refs[:2]}).data["discarded"] == 2
    assert http.get(f"/api/dead?wave={wave}&discarded=true").json["count"] == 2
    assert http.post("/api/dead/restart", {"filter": {"wave": wave}}).data["restarted"] == 4
    wait_until(lambda: fleet.status(wave)["status"] == "error", 20, "its end")


def webhook(fleet, row, **fields):
    key = bytes.fromhex(fleet.sql.value("SELECT value FROM settings WHERE key = 'webhook_key'"))
    what = f"{row['id']}.{row['attempt']}"
    token = f"m{what}.{hmac.new(key, what.encode(), hashlib.sha256).hexdigest()}"
    return fleet.http.post(f"/api/webhooks/migration-result?token={token}",
                           {"mb_project_uuid": row["project"], "brz_project_id": row["brz_project_id"], **fields}, token=OPEN)


def walk_remote(fleet, server):
    """A migration that is parked and settled by its webhook, and one that fails."""
    http = fleet.http
    store_secret(fleet)
    assert http.get("/api/settings").status == 200
    server.app.control({"projects": {"parked": {"run_ms": 600_000, "webhook": "never"}}})
    wave = fleet.submit("sites", [{"project": "parked", "brz_project_id": 9001}, {"project": "russian--one", "brz_project_id": 9002}], "remote",
                        workspace_id=77, max_attempts=1, params={"mb_site_id": 12})
    wait_until(lambda: {m["state"] for m in fleet.migrations(wave).values()} == {"parked", "failed"}, 20, "it to be parked")
    assert http.get(f"/api/waves/{wave}/readiness").status == 200
    for path in ("", "/process", "/status-from-server", "/webhook-info", "/logs", "/attempts"):
        for id in (9001, 9002):
            assert http.get(f"/api/migrations/{id}{path}").status == 200, path
    assert http.get("/api/logs/9001").status == 200
    assert http.get(f"/api/waves/{wave}/migrations/parked").status == 200
    row = fleet.migrations(wave)["parked"]
    assert webhook(fleet, row, status="in_progress").status == 200
    assert webhook(fleet, row, status="completed", brizy_project_domain="d.example", theme="Zion").status == 200
    assert_problem(http.post("/api/webhooks/migration-result?token=forged", {}, token=OPEN), 401)
    for path in ("", "/webhook-info", "/process"):
        assert http.get(f"/api/migrations/9001{path}").status == 200
    assert http.get(f"/api/waves/{wave}").data["migrations"][0]["brizy_project_domain"] == "d.example"
    assert http.delete("/api/migrations/9001/cache").status == 200
    assert http.post("/api/migrations/run", {"mb_project_uuid": "single", "brz_project_id": 9003, "skip_cache": True},
                     headers={"Idempotency-Key": "once"}).status == 201
    for path in ("health", "handshake"):
        assert http.get(f"/api/migration-server/{path}").status == 200


def walk_migrations(fleet):
    """The acts on one migration, each on one that allows it."""
    http = fleet.http
    wave = fleet.submit("acts", [{"project": f"a{i}", "brz_project_id": 700 + i, **SLEEPS} for i in range(4)], batch_size=4)
    other = fleet.submit("another", ["b"], queue="nobody")
    wait_until(lambda: all(m["state"] == "running" for m in fleet.migrations(wave).values()), 20, "them to run")
    rows = {n: m["id"] for n, m in fleet.migrations(wave).items()}
    at = lambda n: f"/api/migrations/m{rows[n]}"
    assert http.get(f"/api/workers/{http.get('/api/workers').data[0]['id']}").data["runs"]
    assert_problem(http.get(f"{at('a0')}/status-from-server"), 409)
    assert_problem(http.post(f"{at('a0')}/restart", {}), 409)
    assert http.get(f"{at('a0')}/process").status == 200
    assert http.post(f"{at('a0')}/kill", {}).status == 202
    assert http.post(f"{at('a1')}/cancel", {}).status == 202
    assert http.post(f"{at('a2')}/hard-reset", {}).status == 202
    assert http.delete(f"{at('a3')}/lock").status == 202
    ends = {"a0": "failed", "a1": "cancelled"}
    wait_until(lambda: {n: m["state"] for n, m in fleet.migrations(wave).items() if n in ends} == ends, 20, "their ends")
    assert http.post(f"{at('a0')}/add-to-wave", {"wave_id": other}).status == 200
    assert http.post(f"{at('a0')}/set-completed", {"brizy_project_domain": "x.example"}).status == 200
    assert http.post(f"{at('a0')}/restart", {}).status == 200
    assert http.post(f"{at('a1')}/reset-status", {}).status == 200
    for query in ("", "?status=completed", "?brz_project_id=700", "?mb_project_uuid=a&limit=2"):
        assert http.get(f"/api/migrations{query}").status == 200
    assert http.get("/api/migrations/700").data["ref"]
    assert http.get(f"{at('a0')}/logs").status == http.get("/api/logs/recent?limit=5").status == 200
    for id in (wave, other):
        assert http.post(f"/api/waves/{id}/stop", {}).status == 200


def walk_fleet(fleet):
    http = fleet.http
    assert http.post("/api/queues/default/pause", {}).status == 200
    assert http.get("/api/queues").json["count"] >= 1
    assert http.post("/api/queues/default/resume", {}).status == 200
    for path in ("/api/doctor", "/metrics", "/livez", "/readyz", "/api/health", "/api/webhooks/test-connection"):
        assert http.get(path).status == 200, path
    assert http.post("/api/webhooks/test-connection", {"a": [1]}, token=OPEN).status == 200
    body, key = {"name": "once", "kind": "noop", "project_uuids": ["a"]}, {"Idempotency-Key": '"a-key"'}
    replies = [http.post("/api/waves", b, headers=key) for b in (body, body, {**body, "name": "another"})]
    assert [r.status for r in replies] == [201, 201, 422] and replies[1].headers["Idempotency-Replayed"] == "true"
    assert_problem(http.post("/api/waves", body, headers={"Idempotency-Key": "x" * 256}), 400)
    worker = http.get("/api/workers").data[0]["id"]
    assert http.post(f"/api/workers/{worker}/drain", {}).status == 200
    wait_until(lambda: http.get(f"/api/workers/{worker}").data["alive"] is False, 20, "the worker to leave")
    assert_problem(http.post(f"/api/workers/{worker}/drain", {}), 409)
    fleet.workers[-1].expected_exit = 0     # the list has the newest first


def heard(listener, described):
    """What is wrong with its messages."""
    wrong, schema = [], described.strict["components"]["schemas"]["EventMessage"]
    for e in listener.events:
        message = {k: e[k] for k in ("id", "event", "data") if e[k] is not None}
        wrong += described.mistakes(schema, message, e["event"])
    return wrong


def walk_events(fleet):
    """Listeners of both kinds hear of everything; the stream's messages are as the socket's."""
    http = fleet.http
    quick = fleet.start_api(WAVEFLEET_EVENTS_HEARTBEAT_MS=200)
    with Sse(fleet.api) as stream, Ws(quick) as socket:
        http.seen |= {("GET", "/api/events", stream.status), ("GET", "/api/ws", socket.status)}
        wave = fleet.submit("told", ["a", "b"], params={"log_lines": 2, "sleep_ms": 300},
                            start_at="2099-01-01T00:00:00Z")
        with Sse(fleet.api, wave=wave, logs=1) as lines:
            for act in ("pause", "resume"):
                assert http.post(f"/api/queues/told/{act}", {}).status == 200
            fleet.start_worker(concurrency=1)
            assert http.post(f"/api/waves/{wave}/resume", {}).status == 200
            for listener in (stream, socket):
                listener.wait_wave(wave, "completed")
                listener.wait(lambda s: {e["event"] for e in s.events} >= {"wave", "migrations", "queue", "worker"}, "all kinds of news")
            socket.wait(lambda s: s.of("heartbeat"), "a heartbeat")
            lines.wait(lambda s: s.of("log"), "log lines")
            for listener in (stream, socket, lines):
                assert heard(listener, http.description) == []
    with Sse(fleet.api, last_id="no-such-place") as lost:
        lost.wait(lambda s: s.of("reset"), "a reset")
        assert heard(lost, http.description) == []
    assert_problem(http.get("/api/ws"), 400)
    assert_problem(http.get("/api/events?logs=1"), 422)
    assert_problem(http.get(f"/api/events?wave={ABSENT}"), 404)


def test_what_is_answered_is_what_is_described(fleet, described, migration_server):
    walk_sessions(fleet)
    walk_wave(fleet)
    walk_dead(fleet)
    walk_remote(fleet, migration_server)
    walk_migrations(fleet)
    walk_events(fleet)
    walk_fleet(fleet)
    assert fleet.http.get("/api/users").json["code"] == "not_offered"
    fleet.http.wrong = [w for w in fleet.http.wrong if not w.startswith("GET /api/users")]
    assert fleet.http.wrong == []
    done = {(method.lower(), path) for method, path, status in fleet.http.seen if status < 300}
    never = {(method, path) for path, method, _, _ in described.operations()} - done
    assert not never, f"calls without a success in this test: {never}"


def test_postgres_away(slow_api, described, things):
    """503 is described wherever it is answered; the health calls tell beside it what they have found."""
    fleet, gate = slow_api
    watching = Watching(fleet.port, TOKEN, described)
    gate.cut()
    found = wait_until(lambda: watching.get("/readyz") if watching.get("/readyz").status == 503 else None, 20, "it to be noticed")
    assert found.json["data"]["status"] == "degraded"
    for path, method, _, _ in described.operations():
        if method == "get" and path not in STREAMS:
            watching.get(path_with(path, things), timeout_s=30)
    assert watching.wrong == []
    assert sum(status == 503 for _, _, status in watching.seen) > 20
