"""Tokens and roles: viewer reads, operator acts, admin does all; only health,
readiness and the webhooks are open."""

import json

import pytest

from http_client import OPEN
from wavefleet import BIN, assert_problem

ROLES = ("viewer", "operator", "admin")
WAVE = {"name": "by role", "kind": "noop", "project_uuids": ["a"]}


def token_of(text):
    """The token in what `token create` prints: a member `token` of JSON, or the longest word."""
    try:
        return json.loads(text)["token"]
    except (ValueError, KeyError, TypeError):
        return max(text.split(), key=len)


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=0)


@pytest.fixture(scope="module")
def tokens(fleet):
    made = {}
    for role in ROLES:
        ran = fleet.run("wavefleet-api", "token", "create", "--role", role, "--name", f"test {role}")
        assert ran.returncode == 0, ran
        made[role] = token_of(ran.stdout)
        assert len(made[role]) >= 20, ran.stdout
    return made


def test_open_paths(fleet):
    for path in ("/api/health", "/livez", "/readyz", "/api/openapi.json", "/api/webhooks/test-connection"):
        assert fleet.http.get(path, token=OPEN).status == 200, path


@pytest.mark.parametrize("method,path", [
    ("GET", "/api/waves"), ("POST", "/api/waves"), ("GET", "/api/waves/1_2/status"), ("GET", "/api/migrations"),
    ("POST", "/api/migrations/run"), ("GET", "/api/settings"), ("POST", "/api/settings"), ("GET", "/api/workers"),
    ("GET", "/api/queues"), ("GET", "/api/dead"), ("GET", "/api/logs/recent"), ("GET", "/metrics"),
    ("DELETE", "/api/waves/1_2/migrations/a/lock")])
def test_all_else_wants_a_token(fleet, method, path):
    body = {} if method == "POST" else None
    for options in ({"token": OPEN}, {"token": "wrong-token-wrong-token"},
                    {"token": OPEN, "headers": {"Authorization": "Basic YTpi"}},
                    {"token": OPEN, "headers": {"Authorization": "Bearer"}},
                    {"token": OPEN, "headers": {"Authorization": "Bearer " + "x" * 5000}},
                    {"token": OPEN, "headers": {"Cookie": "dashboard_session=abc"}}):
        reply = fleet.http.request(method, path, body, **options)
        assert_problem(reply, 401)
        assert reply.headers["WWW-Authenticate"], reply


def test_roles(fleet, tokens):
    for role in ROLES:
        http = fleet.http.with_token(tokens[role])
        assert http.get("/api/waves").status == 200, role
        posted = http.post("/api/waves", WAVE)
        if role == "viewer":
            assert_problem(posted, 403)
        else:
            assert posted.status == 201, (role, posted)
    assert fleet.sql.value("SELECT count(*) FROM waves") == 2


def test_a_viewer_acts_nowhere(fleet, tokens):
    wave = fleet.submit("acts", ["a"])
    http = fleet.http.with_token(tokens["viewer"])
    for method, path, body in [
            ("POST", f"/api/waves/{wave}/restart-all", {}), ("POST", f"/api/waves/{wave}/reset-status", {}),
            ("POST", f"/api/waves/{wave}/migrations/a/restart", {}), ("DELETE", f"/api/waves/{wave}/migrations/a/lock", None),
            ("POST", "/api/migrations/run", {}), ("POST", "/api/migrations/m1/kill", {}),
            ("POST", "/api/settings", {"mb_site_id": 1})]:
        assert_problem(http.request(method, path, body), 403)


def test_a_right_is_judged_before_the_body(fleet, tokens):
    reply = fleet.http.with_token(tokens["viewer"]).post("/api/waves", "{ not json")
    assert_problem(reply, 403)


def test_tokens_are_kept_as_hashes(fleet, tokens):
    stored = str(fleet.sql.rows("SELECT t.*, encode(t.token_hash, 'hex') AS hex, encode(t.token_hash, 'escape') AS esc FROM tokens t"))
    for token in [*tokens.values(), fleet.http.token]:
        assert token not in stored and token.encode().hex() not in stored
        assert all(token not in p.text() for p in fleet.apis)


def test_a_token_in_the_address_is_none(fleet):
    assert fleet.http.get(f"/api/waves?token={fleet.http.token}&access_token={fleet.http.token}", token=OPEN).status == 401


def test_token_create_refuses_nonsense(fleet):
    for argv in (["token", "create"], ["token", "create", "--role", "emperor", "--name", "x"],
                 ["token", "create", "--role", "viewer"], ["token", "melt"], ["nonsense"], ["--no-such-flag"]):
        ran = fleet.run("wavefleet-api", *argv)
        assert ran.returncode == 2 and ran.stderr.strip(), (argv, ran)


def test_a_token_works_without_a_restart_and_its_name_is_taken_once(fleet, tokens):
    again = fleet.run("wavefleet-api", "token", "create", "--role", "viewer", "--name", "test viewer")
    assert again.returncode != 0 and again.stderr.strip()
    assert fleet.http.with_token(tokens["viewer"]).get("/api/waves").status == 200


@pytest.mark.parametrize("program", ["wavefleet-api", "wavefleet-worker"])
def test_faces_of_the_programs(fleet, program):
    assert (BIN / program).exists()
    assert fleet.run(program, "--version").returncode == 0
    shown = fleet.run(program, "--help")
    assert shown.returncode == 0 and "--config" in shown.stdout
    printed = fleet.run(program, "--print-config")
    assert printed.returncode == 0 and "lease_ms" in printed.stdout
    for secret in (fleet.env["WAVEFLEET_SECRET_KEY"], fleet.http.token):
        assert secret not in printed.stdout
    assert fleet.run(program, "--check").returncode == 0
    bad = fleet.run(program, "--check", WAVEFLEET_WORKER_LEASE_MS="soon", WAVEFLEET_RETRY_CAP_MS="-5")
    assert bad.returncode == 2 and "LEASE_MS" in bad.stderr and "CAP_MS" in bad.stderr, bad
    away = fleet.run(program, "--check", WAVEFLEET_REDIS_URL="redis://127.0.0.1:1/0")
    assert away.returncode != 0 and away.stdout + away.stderr
