"""Bad input gets one clear sentence, the right code, a problem document, and
changes nothing in PostgreSQL or Redis. No worker runs here, so that nothing
else changes them either."""

import json
import re

import pytest

from http_client import Wire
from invariants import fingerprint
from wavefleet import assert_problem

KNOWN = {}      # the id of a wave that exists


@pytest.fixture(scope="module")
def fleet(make_fleet):
    fleet = make_fleet(workers=0)
    KNOWN["wave"] = fleet.submit("known", ["a", "b", "c"])
    return fleet


@pytest.fixture
def unchanged(fleet):
    """The test may not change anything. The API asks Redis for the queues behind what it had still to tell it."""
    assert fleet.http.get("/api/queues").status == 200
    before = fingerprint(fleet.sql, fleet.redis)
    yield
    after = fingerprint(fleet.sql, fleet.redis)
    for was, now, where in ((before[0], after[0], "PostgreSQL"), (before[1], after[1], "Redis")):
        differs = [k for k in set(was) | set(now) if was.get(k) != now.get(k)]
        assert not differs, f"a refused request changed {differs} in {where}"


def wave(**fields):
    body = {"name": "n", "kind": "noop", "project_uuids": ["a"], **fields}
    return {k: v for k, v in body.items() if v is not ...}


def deep(levels):
    return '{"name":"n","kind":"noop","project_uuids":["a"],"params":' + '{"x":' * levels + "1" + "}" * levels + "}"


# what, body, expected status (several where the specification leaves a choice), pointer of one error or None
BODIES = [
    ("not JSON", "hello", 400, None),
    ("cut off", '{"name": "x", "project_uuids": ["a"', 400, None),
    ("empty", "", 400, None),
    ("rubbish after the end", json.dumps(wave()) + "}", 400, None),
    ("two documents", json.dumps(wave()) * 2, 400, None),
    ("single quotes", "{'name':'x'}", 400, None),
    ("comment", '{"name":"x" /* y */}', 400, None),
    ("trailing comma", '{"name":"x",}', 400, None),
    ("NaN", '{"name":"n","project_uuids":["a"],"batch_size":NaN}', 400, None),
    ("invalid UTF-8", b'{"name":"\xff\xfe","project_uuids":["a"]}', 400, None),
    ("overlong UTF-8", b'{"name":"\xc0\xaf","project_uuids":["a"]}', 400, None),
    ("lone surrogate", '{"name":"\\ud800","kind":"noop","project_uuids":["a"]}', (400, 422), None),
    ("control characters as hexadecimal digits", b'{"name":"\\ud83d\\ude0\x10","kind":"noop","project_uuids":["a"]}', 400, None),
    ("NUL in a string", '{"name":"a\\u0000b","kind":"noop","project_uuids":["a"]}', (400, 422), None),
    ("NUL in a project", '{"name":"a","kind":"noop","project_uuids":["a\\u0000b"]}', (400, 422), None),
    ("too deep", deep(5000), (400, 422), None),
    ("deep brackets", "[" * 100000, 400, None),
    ("array", "[]", 400, None),
    ("string", '"x"', 400, None),
    ("null", "null", 400, None),
    ("number", "7", 400, None),
    ("same field twice", '{"name":"a","name":"b","kind":"noop","project_uuids":["a"]}', (400, 422), None),

    ("name missing", wave(name=...), 422, "#/name"),
    ("name null", wave(name=None), (400, 422), "#/name"),
    ("name a number", wave(name=5), 400, "#/name"),
    ("name empty", wave(name=""), 422, "#/name"),
    ("name of 256 characters", wave(name="x" * 256), 422, "#/name"),
    ("projects missing", wave(project_uuids=...), 422, None),
    ("projects a string", wave(project_uuids="a"), 400, "#/project_uuids"),
    ("projects an object", wave(project_uuids={"a": 1}), 400, "#/project_uuids"),
    ("a project a number", wave(project_uuids=["a", 7]), 400, "#/project_uuids/1"),
    ("a project null", wave(project_uuids=["a", None]), (400, 422), "#/project_uuids/1"),
    ("no projects", wave(project_uuids=[]), 422, "#/project_uuids"),
    ("only empty projects", wave(project_uuids=["", "  "]), 422, "#/project_uuids"),
    ("duplicate", wave(project_uuids=["x", "twin", "y", "twin"]), 422, None),
    ("duplicate after trimming", wave(project_uuids=["twin", " twin "]), 422, None),
    ("batch_size a string", wave(batch_size="3"), 400, "#/batch_size"),
    ("batch_size a boolean", wave(batch_size=True), 400, "#/batch_size"),
    ("batch_size a fraction", wave(batch_size=2.5), (400, 422), "#/batch_size"),
    ("batch_size 0", wave(batch_size=0), 422, "#/batch_size"),
    ("batch_size -1", wave(batch_size=-1), 422, "#/batch_size"),
    ("batch_size 10001", wave(batch_size=10001), 422, "#/batch_size"),
    ("batch_size huge", '{"name":"n","kind":"noop","project_uuids":["a"],"batch_size":1e300}', (400, 422), "#/batch_size"),
    ("mgr_manual a string", wave(mgr_manual="yes"), 400, "#/mgr_manual"),
    ("enable_cloning a number", wave(enable_cloning=1), 400, "#/enable_cloning"),
    ("unknown field", wave(batchsize=3), 422, "#/batchsize"),
    ("unknown kind", wave(kind="teleport"), 422, "#/kind"),
    ("kind a number", wave(kind=1), 400, "#/kind"),
    ("params an array", wave(params=[]), 400, "#/params"),
    ("sleep_ms a string", wave(params={"sleep_ms": "long"}), (400, 422), "#/params/sleep_ms"),
    ("sleep_ms negative", wave(params={"sleep_ms": -5}), 422, "#/params/sleep_ms"),
    ("unknown param", wave(params={"sleepms": 5}), 422, "#/params/sleepms"),
    ("both lists", wave(projects=[{"project": "b"}]), 422, None),
    ("projects empty", wave(project_uuids=..., projects=[]), 422, "#/projects"),
    ("projects of strings", wave(project_uuids=..., projects=["a"]), 400, "#/projects/0"),
    ("project without a name", wave(project_uuids=..., projects=[{"brz_project_id": 5}]), 422, None),
    ("project with two names", wave(project_uuids=..., projects=[{"project": "a", "mb_project_uuid": "b"}]), 422, None),
    ("project's unknown field", wave(project_uuids=..., projects=[{"project": "a", "colour": 1}]), 422, "#/projects/0/colour"),
    ("project's id a string", wave(project_uuids=..., projects=[{"project": "a", "brz_project_id": "x"}]), (400, 422), "#/projects/0/brz_project_id"),
    ("project's id 0", wave(project_uuids=..., projects=[{"project": "a", "brz_project_id": 0}]), 422, "#/projects/0/brz_project_id"),
    ("duplicate in projects", wave(project_uuids=..., projects=[{"project": "twin"}, {"mb_project_uuid": "twin"}]), 422, None),
    ("max_attempts 0", wave(max_attempts=0), 422, "#/max_attempts"),
    ("timeout_seconds -1", wave(timeout_seconds=-1), 422, "#/timeout_seconds"),
    ("priority a string", wave(priority="high"), (400, 422), "#/priority"),
    ("queue a number", wave(queue=5), 400, "#/queue"),
    ("queue not a name", wave(queue="a:b c*"), 422, "#/queue"),
    ("command without argv", wave(kind="command"), 422, None),
    ("command with empty argv", wave(kind="command", params={"argv": []}), 422, "#/params/argv"),
    ("command with argv a line", wave(kind="command", params={"argv": "ls -l"}), 400, "#/params/argv"),
    ("command with a number in argv", wave(kind="command", params={"argv": ["/bin/ls", 5]}), 400, "#/params/argv/1"),
    ("remote without a workspace", wave(kind="remote", project_uuids=..., projects=[{"project": "a", "brz_project_id": 5}]), 422, None),
    ("remote without targets", wave(kind="remote", workspace_id=5), 422, None),
    ("several mistakes", wave(name="", batch_size=0, colour=1), 422, "#/colour"),
]


@pytest.mark.parametrize("what,body,status,pointer", BODIES, ids=[b[0] for b in BODIES])
def test_bad_wave(fleet, unchanged, what, body, status, pointer):
    problem = assert_problem(fleet.http.post("/api/waves", body), status)
    if pointer:
        assert pointer in [e["pointer"] for e in problem.get("errors", [])], problem


def test_duplicates_are_named(fleet, unchanged):
    problem = assert_problem(fleet.http.post("/api/waves", wave(project_uuids=["x", "twin-7", "y", "twin-7"])), 422)
    assert "twin-7" in problem["detail"] + json.dumps(problem.get("errors"))


def test_all_mistakes_at_once(fleet, unchanged):
    problem = assert_problem(fleet.http.post("/api/waves", wave(name="", batch_size=0, colour=1)), 422)
    assert {"#/name", "#/batch_size", "#/colour"} <= {e["pointer"] for e in problem["errors"]}


def test_limits_that_are_allowed(fleet):
    """The other side of each limit, so that the table above cannot pass for a wrong reason."""
    for body in (wave(name="x" * 255), wave(name="ä" * 255), wave(batch_size=1), wave(batch_size=10000), wave()):
        reply = fleet.http.post("/api/waves", body)
        assert reply.status == 201, f"{body}: {reply}"


OTHERS = [
    ("unknown wave", "GET", "/api/waves/1700000000_123456789012", None, 404),
    ("id that is none", "GET", "/api/waves/zzz", None, (400, 404)),
    ("id with a quote", "GET", "/api/waves/1'%20OR%20'1'='1", None, (400, 404)),
    ("status of an unknown wave", "GET", "/api/waves/1700000000_123456789012/status", None, 404),
    ("migrations of an unknown wave", "GET", "/api/waves/1700000000_123456789012/migrations", None, 404),
    ("logs of an unknown wave", "GET", "/api/waves/1700000000_123456789012/logs", None, 404),
    ("logs of an unknown migration", "GET", "/api/waves/{wave}/migrations/nobody/logs", None, 404),
    ("restart of an unknown migration", "POST", "/api/waves/{wave}/migrations/nobody/restart", {}, 404),
    ("restart in an unknown wave", "POST", "/api/waves/1700000000_123456789012/migrations/a/restart", {}, 404),
    ("restart of all in an unknown wave", "POST", "/api/waves/1700000000_123456789012/restart-all", {}, 404),
    ("restart of all, wrong type", "POST", "/api/waves/{wave}/restart-all", {"mb_uuids": "a"}, 400),
    ("restart of all, unknown field", "POST", "/api/waves/{wave}/restart-all", {"uuids": []}, 422),
    ("restart, malformed", "POST", "/api/waves/{wave}/migrations/a/restart", "{", 400),
    ("reset of an unknown wave", "POST", "/api/waves/1700000000_123456789012/reset-status", {}, 404),
    ("unknown migration", "GET", "/api/migrations/987654321", None, 404),
    ("unknown migration by m", "GET", "/api/migrations/m987654321", None, 404),
    ("migration id that is none", "GET", "/api/migrations/xyz", None, (400, 404)),
    ("migration id too large", "GET", "/api/migrations/99999999999999999999999", None, (400, 404)),
    ("kill of an unknown migration", "POST", "/api/migrations/987654321/kill", {"force": True}, 404),
    ("kill, wrong type", "POST", "/api/migrations/m1/kill", {"force": "yes"}, (400, 404)),
    ("run without anything", "POST", "/api/migrations/run", {}, 422),
    ("run, wrong type", "POST", "/api/migrations/run", {"mb_project_uuid": 5, "brz_project_id": 5}, 400),
    ("run, id negative", "POST", "/api/migrations/run", {"mb_project_uuid": "p", "brz_project_id": -5, "mb_site_id": 1, "mb_secret": "s"}, 422),
    ("settings, wrong type", "POST", "/api/settings", {"mb_site_id": {}, "mb_secret": 5}, 400),
    ("settings, unknown field", "POST", "/api/settings", {"password": "x"}, 422),
    ("limit 0", "GET", "/api/waves?limit=0", None, (400, 422)),
    ("limit 501", "GET", "/api/waves?limit=501", None, (400, 422)),
    ("limit a word", "GET", "/api/waves?limit=many", None, (400, 422)),
    ("cursor that is none", "GET", "/api/waves?limit=5&cursor=%00garbage", None, (400, 422)),
    ("unknown status", "GET", "/api/waves?status=sleepy", None, (400, 422)),
    ("unknown status of migrations", "GET", "/api/waves/{wave}/migrations?status=sleepy", None, (400, 422)),
    ("no such path", "GET", "/api/nothing", None, 404),
    ("no such path of programs", "GET", "/metrics/here", None, 404),
    ("method on waves", "DELETE", "/api/waves", None, 405),
    ("method on a wave", "PUT", "/api/waves/{wave}", {}, 405),
    ("method on health", "POST", "/api/health", {}, 405),
    ("method on status", "POST", "/api/waves/{wave}/status", {}, 405),
    ("webhook malformed", "POST", "/api/webhooks/migration-result", "{", (400, 401)),
    ("webhook without token", "POST", "/api/webhooks/migration-result", {"mb_project_uuid": "a", "brz_project_id": 5}, 401),
]


@pytest.mark.parametrize("what,method,path,body,status", OTHERS, ids=[o[0] for o in OTHERS])
def test_other_bad_calls(fleet, unchanged, what, method, path, body, status):
    reply = fleet.http.request(method, path.replace("{wave}", KNOWN["wave"]), body)
    if "webhook" in path:       # its failures have a form of their own, made for the caller
        allowed = status if isinstance(status, tuple) else (status,)
        assert reply.status in allowed and reply.json["success"] is False and reply.json["error"], reply
        return
    assert_problem(reply, status)
    if reply.status == 405:
        assert reply.headers["Allow"], reply


@pytest.mark.parametrize("path", ["/api/users", "/api/users/5", "/api/test-migrations", "/api/google-sheets/list",
                                  "/api/screenshots/a.png"])
def test_not_offered(fleet, unchanged, path):
    assert_problem(fleet.http.get(path), 404, "not_offered")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_media_type(fleet, unchanged, kind):
    assert_problem(fleet.http.post("/api/waves", json.dumps(wave()), headers={"Content-Type": kind}), 415)


def test_state_forbids(fleet, unchanged):
    """All of this wave is pending: there is no stuck attempt to give up, and nothing to restart."""
    reply = fleet.http.delete(f"/api/waves/{KNOWN['wave']}/migrations/a/lock")
    assert reply.status == 200 or assert_problem(reply, 409), reply


# ---- below JSON ----

def request(fleet, method="POST", path="/api/waves", headers=(), token=True):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    if token:
        lines.append(f"Authorization: Bearer {fleet.http.token}")
    return "\r\n".join(lines) + "\r\n\r\n"


def answer_to(fleet, text):
    with Wire(fleet.port, timeout_s=15) as wire:
        wire.send(text)
        status, headers, body = wire.answer()
    if status is not None and status >= 400:
        assert headers.get("content-type", "").startswith("application/problem+json"), (status, headers, body)
        assert body["status"] == status and body["success"] is False and body["code"] and body["detail"], body
    return status


def test_body_over_the_limit(fleet, unchanged):
    big = [f"Content-Length: {200 << 20}"]
    assert answer_to(fleet, request(fleet, headers=big)) == 413, "refused before a byte of the body"
    one_more = [f"Content-Length: {(1 << 20) + 1}"]
    assert answer_to(fleet, request(fleet, path=f"/api/waves/{KNOWN['wave']}/restart-all", headers=one_more)) == 413
    huge = ["Content-Length: 99999999999999999999999999"]
    assert answer_to(fleet, request(fleet, headers=huge)) in (400, 413)


def test_chunked_body_over_the_limit(fleet, unchanged):
    head = request(fleet, path="/api/settings", headers=["Transfer-Encoding: chunked"]).encode()
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with Wire(fleet.port, timeout_s=15) as wire:
        wire.send(head)
        try:
            for _ in range(40):
                wire.send(chunk)
        except OSError:
            pass        # cut off while we still send: the answer may be lost with it
        status, _, _ = wire.answer()
    assert status in (413, None)


def test_chunked_body_is_taken(fleet):
    text = json.dumps(wave(name="chunked")).encode()
    parts = [text[:10], text[10:11], text[11:]]
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
    with Wire(fleet.port) as wire:
        wire.send(request(fleet, headers=["Transfer-Encoding: chunked"]).encode() + body)
        assert wire.answer()[0] == 201


BROKEN = [
    ("no HTTP at all", "hello there\r\n\r\n", (400,)),
    ("binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400, None)),
    ("bad version", "GET /api/health HTTP/9.9\r\nHost: x\r\n\r\n", (400, 505)),
    ("length that is none", "POST /api/waves HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\n", (400, 401)),
    ("negative length", "POST /api/waves HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", (400, 401)),
    ("two lengths", "POST /api/waves HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", (400,)),
    ("length and chunked", "POST /api/waves HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 401)),
    ("unknown encoding", "POST /api/waves HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", (400, 401, 411, 501)),
    ("colon missing", "GET /api/health HTTP/1.1\r\nHost x\r\n\r\n", (400,)),
    ("space in a header's name", "GET /api/health HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", (400,)),
    ("NUL in a header", "GET /api/health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", (400,)),
    ("bad escape in the path", "GET /api/waves/%zz HTTP/1.1\r\nHost: x\r\n\r\n", (400, 401, 404)),
    ("path climbs", "GET /api/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", (400, 401, 404)),
]


@pytest.mark.parametrize("what,text,allowed", BROKEN, ids=[b[0] for b in BROKEN])
def test_broken_http(fleet, unchanged, what, text, allowed):
    assert answer_to(fleet, text.encode("latin-1")) in allowed


def test_headers_over_the_limit(fleet, unchanged):
    assert answer_to(fleet, request(fleet, "GET", headers=["X-Long: " + "y" * 100000])) == 431
    many = [f"X-{i}: y" for i in range(20000)]
    assert answer_to(fleet, request(fleet, "GET", headers=many)) == 431
    assert answer_to(fleet, request(fleet, "GET", "/api/waves?" + "q" * 100000)) in (414, 431)


def test_pipelined_requests_are_answered_in_order(fleet):
    with Wire(fleet.port) as wire:
        wire.send(request(fleet, "GET", "/api/health") + request(fleet, "GET", "/api/nothing") +
                  request(fleet, "GET", "/livez", headers=["Connection: close"]))
        data = b""
        while more := wire.socket.recv(65536):
            data += more
    assert re.findall(rb"HTTP/1\.1 (\d+) ", data) == [b"200", b"404", b"200"]


def test_a_traceparent_that_is_none_is_not_kept(fleet):
    """It is for others to read, and PostgreSQL takes UTF-8 only: the wave is taken without it."""
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for header, kept in ((good, good), (b"\xff\xfe", None), ("00-none-of-these-01", None)):
        reply = fleet.http.post("/api/waves", wave(name="traced"), headers={"traceparent": header})
        assert reply.status == 201, reply
        wave_id = reply.data["wave_id"]
        assert fleet.sql.value(f"SELECT traceparent FROM waves WHERE wave_id = '{wave_id}'") == kept


def test_still_well(fleet):
    """After all of that the API answers, and the one wave stands as it stood."""
    assert fleet.http.get("/readyz").status == 200
    shown = fleet.http.get(f"/api/waves/{KNOWN['wave']}").data
    assert shown["wave"]["progress"] == {"total": 3, "completed": 0, "failed": 0}
