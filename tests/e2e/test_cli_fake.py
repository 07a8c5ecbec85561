"""The command line against a fake API: events as the test sends them, sessions, reports, and an API that
answers badly."""

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import time
from email.utils import formatdate

import pytest

from cli import Cli, complete_in_bash, environment
from cli_api import FakeApi
from wavefleet import BIN, SLOW, wait_until

WAVE = "1795000000_123456789012"


@pytest.fixture
def fake():
    api = FakeApi()
    yield api
    api.close()


@pytest.fixture
def cli(fake, tmp_path):
    return Cli(fake.url, tmp_path)


class OneWave:
    """A wave that the test moves on."""

    def __init__(self, fake, total=10, wave=WAVE, name="live"):
        self.fake, self.id, self.state = fake, wave, "running"
        self.progress = {"total": total, "completed": 0, "failed": 0}
        fake.answers[("GET", f"/api/waves/{wave}")] = lambda x: x.json(200, {"success": True, "data": {
            "wave": {"id": wave, "name": name, **self.status()}, "migrations": []}})
        fake.answers[("GET", f"/api/waves/{wave}/status")] = lambda x: x.json(200, {"success": True, "data": self.status()})

    def status(self):
        return {"status": self.state, "state": self.state, "progress": self.progress, "cancelled": 0}

    def move(self, completed, state="running", number=None, **more):
        self.progress = {**self.progress, "completed": completed}
        self.state = state
        self.fake.send("wave", {"id": self.id, "name": "live", "status": state, "state": state,
                                "progress": {**self.progress, "cancelled": 0, **more}}, number)

    @property
    def questions(self):
        return len(self.fake.asked(f"/api/waves/{self.id}/status"))


def offer_events(fake, wave):
    """No stream is open before the first look at the wave: the second look is the one with the stream open."""
    def serve(exchange):
        wait_until(lambda: wave.questions, 20, "the first look")
        fake.serve_events(exchange)
    fake.answers[("GET", "/api/events")] = serve


def follow(cli, fake, *argv):
    watching = cli.start("wave", "watch", *argv, "-o", "json")
    wait_until(lambda: fake.readers, 20, "a reader of the events")
    return watching


def next_line(watching):
    return json.loads(watching.stdout.readline())


# ---- events ----

def test_events_are_followed_without_polling(cli, fake):
    wave = OneWave(fake)
    offer_events(fake, wave)
    watching = follow(cli, fake, WAVE)
    assert next_line(watching)["progress"]["completed"] == 0
    wait_until(lambda: wave.questions >= 2, 10, "the question after the stream was open")
    asked = wave.questions
    for done in (3, 6):
        time.sleep(1.1)         # a line a second at most
        sent = time.monotonic()
        wave.move(done, number=f"{done}-0", running=2)
        assert next_line(watching)["progress"]["completed"] == done
        assert time.monotonic() - sent < 10 * SLOW
    assert wave.questions == asked, "what events say is not asked for"
    wave.move(10, "completed")
    out, err = watching.communicate(timeout=20 * SLOW)
    assert watching.returncode == 0 and json.loads(out.splitlines()[-1])["state"] == "completed", out + err
    assert fake.asked("/api/events")[0][1] == f"/api/events?wave={WAVE}"


def test_a_lost_stream_is_taken_up_by_its_id(cli, fake):
    wave = OneWave(fake)
    fake.offer_events()
    watching = follow(cli, fake, WAVE)
    next_line(watching)
    wave.move(4, number="77-1")
    wait_until(lambda: next_line(watching)["progress"]["completed"] == 4, 10, "the event")
    fake.drop()
    wave.progress = {**wave.progress, "completed": 7}      # while nobody listens
    wait_until(lambda: fake.readers, 20, "the next connection")
    assert fake.asked("/api/events")[-1][2]["Last-Event-ID"] == "77-1"
    wait_until(lambda: next_line(watching)["progress"]["completed"] == 7, 20, "what was missed")
    wave.move(10, "completed")
    assert watching.wait(20 * SLOW) == 0


def test_a_reset_reads_again(cli, fake):
    wave = OneWave(fake)
    fake.offer_events()
    watching = follow(cli, fake, WAVE)
    next_line(watching)
    wave.progress = {**wave.progress, "completed": 5}
    fake.send("reset", {"reason": "Redis has lost its data"})
    wait_until(lambda: next_line(watching)["progress"]["completed"] == 5, 10, "the state read again")
    wave.progress, wave.state = {**wave.progress, "completed": 10}, "completed"
    fake.send("reset", {"reason": "again"})
    assert watching.wait(20 * SLOW) == 0


@pytest.mark.parametrize("status", [404, 503])
def test_polling_where_there_are_no_events(cli, fake, status):
    wave = OneWave(fake)
    code = "not_found" if status == 404 else "unavailable"
    fake.answers[("GET", "/api/events")] = lambda x: fake.problem(x, status, code, "no events")
    watching = cli.start("wave", "watch", WAVE, "-o", "json")
    next_line(watching)
    begun = time.monotonic()
    wave.progress, wave.state = {**wave.progress, "completed": 10}, "completed"
    assert watching.wait(20 * SLOW) == 0
    assert time.monotonic() - begun < 10 * SLOW
    assert len(fake.asked("/api/events")) == 1, "it does not insist"


def test_polling_goes_on_at_once_where_events_end(cli, fake):
    """A stream that breaks and is then refused: the state is asked for every three seconds from then on."""
    wave = OneWave(fake)
    offer_events(fake, wave)
    watching = follow(cli, fake, WAVE)
    wait_until(lambda: wave.questions == 2, 10, "the state, read again with the stream open")
    fake.answers[("GET", "/api/events")] = lambda x: fake.problem(x, 503, "unavailable", "no events")
    fake.drop()
    begun = time.monotonic()
    wait_until(lambda: wave.questions > 2, 40, "the next look")
    assert time.monotonic() - begun < 10 * SLOW
    wave.progress, wave.state = {**wave.progress, "completed": 10}, "completed"
    assert watching.wait(20 * SLOW) == 0


def test_only_an_end_that_is_confirmed_ends_it(cli, fake):
    """An event that is wrong, or about another wave, is no reason to stop."""
    wave = OneWave(fake)
    offer_events(fake, wave)
    watching = follow(cli, fake, WAVE)
    wait_until(lambda: wave.questions == 2, 10, "the state, read again with the stream open")
    fake.send("wave", {"id": "1795000000_999999999999", "state": "completed", "progress": {}})
    fake.send("wave", {"id": WAVE, "state": "completed", "progress": {"completed": 10, "total": 10}})
    fake.send("wave", [1])
    fake.send("surprise", {"id": WAVE})
    wait_until(lambda: wave.questions >= 3, 10, "the question whether it is so")
    assert watching.poll() is None
    wave.move(10, "error")
    assert watching.wait(20 * SLOW) == 3


def test_an_end_that_could_not_be_confirmed_is_asked_for_again(cli, fake):
    """The event came, but the API could not say so itself just then: it is asked again while events go on."""
    wave = OneWave(fake)
    offer_events(fake, wave)
    watching = follow(cli, fake, WAVE)
    wait_until(lambda: wave.questions == 2, 10, "the state, read again with the stream open")
    path = ("GET", f"/api/waves/{WAVE}/status")
    well = fake.answers[path]
    fake.answers[path] = lambda x: fake.problem(x, 503, "unavailable", "PostgreSQL is away")
    wave.move(10, "completed")
    wait_until(lambda: wave.questions > 2, 10, "the question")
    fake.answers[path] = well
    begun = time.monotonic()
    assert watching.wait(40 * SLOW) == 0 and time.monotonic() - begun < 10 * SLOW


def test_many_waves_share_one_stream(cli, fake):
    waves = [OneWave(fake, wave=f"1795000000_00000000000{i}", name=f"w{i}") for i in range(3)]
    fake.offer_events()
    watching = follow(cli, fake, *[w.id for w in waves])
    for w, state in zip(waves, ("completed", "stopped", "completed")):
        w.move(10, state)
    assert watching.wait(20 * SLOW) == 4
    assert [c[1] for c in fake.asked("/api/events")] == ["/api/events"]


def test_logs_come_with_events(cli, fake):
    lines = []
    base = f"/api/waves/{WAVE}/migrations/p"
    state = {"state": "running"}
    fake.offer_events()
    fake.answers[("GET", base)] = lambda x: x.json(200, {"success": True, "data": {
        "id": 12, "mb_project_uuid": "p", "wave_id": WAVE, **state}})

    def page(exchange):
        after = int(exchange.query.get("after", 0))
        exchange.json(200, {"success": True, "data": {"entries": [e for e in lines if e["id"] > after]}})
    fake.answers[("GET", base + "/logs")] = page
    add = lambda n: lines.append({"id": n, "at": "2026-01-31T12:00:00Z", "attempt": 1, "stream": "log", "line": f"l{n}"})
    add(1)
    following = cli.start("migration", "logs", WAVE, "p", "-f", "-q")
    assert following.stdout.readline() == "l1\n"
    wait_until(lambda: fake.readers, 20, "a reader")
    assert fake.asked("/api/events")[0][1] == f"/api/events?wave={WAVE}&logs=m12"
    add(2), add(3)
    sent = time.monotonic()
    fake.send("log", {"migration_id": "m12", "wave_id": WAVE, "lines": []})
    assert following.stdout.readline() == "l2\n" and following.stdout.readline() == "l3\n"
    assert time.monotonic() - sent < 10 * SLOW
    add(4)
    state["state"] = "completed"
    fake.send("migrations", {"wave_id": WAVE, "items": [{"id": "m12", "state": "completed"}]})
    out, err = following.communicate(timeout=20 * SLOW)
    assert (following.returncode, out) == (0, "l4\n"), err


def test_following_logs_is_interrupted(cli, fake):
    wave = OneWave(fake)
    fake.answers[("GET", f"/api/waves/{WAVE}/logs")] = {"entries": []}
    following = cli.start("wave", "logs", WAVE, "-f")
    wait_until(lambda: wave.questions, 20, "its first look")
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=20 * SLOW)
    assert following.returncode == 130 and "it goes on" in err


# ---- sessions ----

SESSION = "dash_0123456789abcdef"


def offer_login(fake):
    def login(exchange):
        body = json.loads(exchange.body)
        if body != {"username": "ann", "password": "päss word"}:
            fake.problem(exchange, 401, "unauthorized", "name or password is wrong")
        else:
            user = {"id": 1, "username": "ann", "roles": [{"name": "operator"}]}
            exchange.json(200, {"success": True, "session_id": SESSION, "user": user,
                                "data": {"session_id": SESSION, "csrf_token": "x", "user": user}})
    fake.answers[("POST", "/api/auth/login")] = login
    fake.answers[("POST", "/api/auth/logout")] = {}
    fake.answers[("GET", "/api/queues")] = []


def test_login_at_a_terminal(fake, tmp_path):
    offer_login(fake)
    cli = Cli(fake.url, tmp_path, token=None)
    terminal = cli.terminal("login")
    terminal.expect("Name: ").send("ann\n").expect("Password: ").send("päss word\n")
    assert terminal.end() == 0 and "logged in to " + fake.url + " as ann" in terminal.plain
    assert "päss" not in terminal.text, "what is typed is not shown"
    file = tmp_path / ".config/wavefleet/session"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert SESSION in file.read_text()
    assert cli("queue", "list", "-o", "json").code == 0
    headers = fake.asked("/api/queues")[-1][2]
    assert headers["X-Dashboard-Session"] == SESSION and "Authorization" not in headers
    assert Cli(fake.url, tmp_path)("queue", "list", "-o", "json").code == 0
    headers = fake.asked("/api/queues")[-1][2]
    assert "X-Dashboard-Session" not in headers and headers["Authorization"], "a token goes before it"
    assert "logged out" in cli.good("logout")
    assert fake.asked("/api/auth/logout")[0][2]["X-Dashboard-Session"] == SESSION
    assert SESSION not in file.read_text()
    assert "there is no session" in cli.good("logout")


def test_an_interrupted_login_leaves_the_terminal_as_it_was(fake, tmp_path):
    offer_login(fake)
    terminal = Cli(fake.url, tmp_path, token=None).terminal("login", "-u", "ann")
    terminal.expect("Password: ")
    assert not terminal.echoes
    terminal.send("half\x03")
    wait_until(lambda: terminal.echoes, 10, "what is typed to be shown again")
    assert terminal.end() == -signal.SIGINT and "half" not in terminal.text
    assert not fake.asked("/api/auth/login")


def test_login_from_a_script(fake, tmp_path):
    offer_login(fake)
    cli = Cli(fake.url, tmp_path, token=None)
    done = cli("login", "-u", "ann", "--password-file", "-", stdin="päss word\n", XDG_CONFIG_HOME=tmp_path / "xdg")
    assert done.code == 0 and SESSION in (tmp_path / "xdg/wavefleet/session").read_text()
    done = cli("login", "-u", "ann", "--password-file", "-", stdin="wrong\n")
    assert done.code == 8 and "name or password is wrong" in done.err and "log in with" not in done.err
    done = cli("login", "-u", "ann")
    assert done.code == 2 and "no terminal" in done.err
    assert not (tmp_path / ".config").exists()


def test_sessions_belong_to_an_address(fake, tmp_path):
    offer_login(fake)
    other = FakeApi()
    offer_login(other)
    login = ("login", "-u", "ann", "--password-file", "-")
    for api in (fake, other):
        assert Cli(api.url, tmp_path, token=None)(*login, stdin="päss word\n").code == 0
    assert Cli(other.url, tmp_path, token=None)("logout").code == 0
    assert Cli(fake.url + "/", tmp_path, token=None)("queue", "list").code == 0
    assert fake.asked("/api/queues")[-1][2]["X-Dashboard-Session"] == SESSION
    Cli(other.url, tmp_path, token=None)("queue", "list")
    assert "X-Dashboard-Session" not in other.asked("/api/queues")[-1][2]
    other.close()


def test_a_session_that_others_can_read_is_not_used(fake, tmp_path):
    offer_login(fake)
    cli = Cli(fake.url, tmp_path, token=None)
    assert cli("login", "-u", "ann", "--password-file", "-", stdin="päss word\n").code == 0
    os.chmod(tmp_path / ".config/wavefleet/session", 0o644)
    done = cli("queue", "list")
    assert done.code == 2 and "can be read by others" in done.err and not fake.asked("/api/queues")


# ---- an API that answers badly ----

def test_it_waits_as_long_as_it_is_told(cli, fake):
    refusals = [(429, "too_many_requests"), (503, "unavailable")]

    def answer(exchange):
        if refusals:
            status, code = refusals.pop(0)
            fake.problem(exchange, status, code, "not now", [("Retry-After", "1")])
        else:
            exchange.json(200, {"success": True, "data": {"changed": True}})
    fake.answers[("POST", f"/api/waves/{WAVE}/pause")] = answer
    begun = time.monotonic()
    done = cli("wave", "pause", WAVE)
    assert done.code == 0 and time.monotonic() - begun >= 2, done
    assert done.err.count("trying again in 1 s") == 2


def test_but_no_longer_than_it_may(cli, fake):
    fake.answers[("GET", "/api/queues")] = lambda x: fake.problem(x, 503, "unavailable", "Redis is away",
                                                                  [("Retry-After", "5")])
    begun = time.monotonic()
    done = cli("queue", "list", "--timeout", "9")
    assert done.code == 7 and "Redis is away" in done.err and "request fake-1" in done.err
    assert time.monotonic() - begun < 12 * SLOW
    fake.answers[("GET", "/api/queues")] = lambda x: x.hang(8)
    done = cli("queue", "list", "--timeout", "1")
    assert done.code == 7 and "did not answer in time" in done.err


def test_an_act_that_broke_off_is_not_repeated(cli, fake):
    fake.answers[("POST", f"/api/waves/{WAVE}/pause")] = lambda x: x.reset()
    done = cli("wave", "pause", WAVE)
    assert done.code == 7 and "not known whether it was done" in done.err
    assert len(fake.asked(f"/api/waves/{WAVE}/pause")) == 1


def test_reading_is_repeated(cli, fake):
    answers = [lambda x: x.reset(), lambda x: x.json(200, {"success": True, "data": []})]
    fake.answers[("GET", "/api/queues")] = lambda x: answers.pop(0)(x)
    assert cli("queue", "list").code == 0 and len(fake.asked("/api/queues")) == 2


def test_redirects_are_not_followed(cli, fake):
    """A token goes where it was meant to go."""
    other = FakeApi()
    fake.answers[("GET", "/api/queues")] = lambda x: x.raw(302, b"", headers=[("Location", other.url + "/api/queues")])
    done = cli("queue", "list")
    assert done.code == 1 and not other.calls, done
    other.close()


@pytest.mark.parametrize("body", [b"<html>nginx</html>", b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_answers_that_are_none(cli, fake, body):
    fake.answers[("GET", "/api/queues")] = lambda x: x.raw(200, body, "text/html")
    done = cli("queue", "list")
    assert done.code == 7 and "something else than wavefleet's API" in done.err, done
    fake.answers[("GET", "/api/queues")] = lambda x: x.raw(502, body, "text/html")
    done = cli("queue", "list")
    assert done.code == 7 and "answers 502" in done.err


def test_errors_do_not_steer_the_terminal(cli, fake):
    fake.answers[("GET", "/api/queues")] = lambda x: fake.problem(
        x, 422, "invalid", "bad \x1b[2Jthing", errors=[{"pointer": "#/a", "detail": "\x1b]0;x\x07one"},
                                                       {"pointer": "#/b", "detail": "two"}])
    done = cli("queue", "list")
    assert done.code == 1 and "bad thing" in done.err and "#/b: two" in done.err
    assert "\x1b" not in done.err and "\x07" not in done.err


def test_errors_without_end_are_cut(cli, fake):
    fake.answers[("GET", "/api/queues")] = lambda x: fake.problem(
        x, 422, "invalid", "bad", errors=[{"pointer": f"#/{n}", "detail": 100_000 * "x"} for n in "ab"])
    done = cli("queue", "list")
    assert done.code == 1
    assert done.err.splitlines() == ["wavefleet: bad", f"  #/a: {1000 * 'x'}", f"  #/b: {1000 * 'x'}",
                                     "  (status 422, request fake-1)"]


def test_completion_runs_nothing_that_the_api_answers(cli, fake, tmp_path):
    ids = ["$(touch${IFS}ran)", "`touch ran`", "1795000000_1"]
    fake.answers[("GET", "/api/waves")] = [{"id": i, "name": "n"} for i in ids]
    (tmp_path / "completion").write_text(cli.good("completion", "bash"))
    env = {**environment(cli.url, cli.home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    script = f"{tmp_path}/completion; cd {tmp_path}"
    assert "1795000000_1" in complete_in_bash(script, "wavefleet wave show ", env)
    assert complete_in_bash(script, "wavefleet wave show 17", env) == ["1795000000_1"]
    assert complete_in_bash(script, "wavefleet dead list --wave 17", env) == ["1795000000_1"]
    assert not (tmp_path / "ran").exists()


def test_lists_end_where_the_api_repeats_itself(cli, fake):
    """A cursor that leads nowhere is not followed for ever."""
    fake.answers[("GET", "/api/waves")] = lambda x: x.json(200, {"success": True, "data": [], "next_cursor": "5"})
    assert cli("wave", "list", "--all", "-o", "json").out == "[]\n"


# ---- doctor, readiness, report ----

CHECKS = {"ok": False, "checks": [
    {"name": "redis.persistence", "status": "ok", "detail": "appendonly is on", "mend": None},
    {"name": "redis.eviction", "status": "fail", "detail": "maxmemory-policy is allkeys-lru", "mend": "set noeviction"},
    {"name": "postgres.fsync", "status": "warn", "detail": "fsync is off", "mend": "switch it on"}]}


def offer_health(fake, version="0.0.1", ahead_s=None):
    def health(exchange):
        body = json.dumps({"success": True, "data": {"status": "ok", "version": version}}).encode()
        headers = [] if ahead_s is None else [("Date", formatdate(time.time() + ahead_s, usegmt=True))]
        exchange.raw(200, body, headers=headers)
    fake.answers[("GET", "/api/health")] = health
    fake.answers[("GET", "/api/waves")] = []
    fake.answers[("GET", "/api/doctor")] = CHECKS


def test_doctor_tells_both_sides(cli, fake):
    offer_health(fake)
    done = cli("doctor")
    assert done.code == 1
    assert re.search(r"^fail  redis.eviction +maxmemory-policy is allkeys-lru\n +mend: set noeviction$", done.out, re.M)
    assert re.search(r"^warn  client.version +this is \d.*, the API is 0.0.1$", done.out, re.M)
    assert "1 failed, 2 warn" in done.out
    quiet = cli("doctor", "-q").out
    assert "redis.persistence" not in quiet and "redis.eviction" in quiet
    data = json.loads(cli("doctor", "-o", "json").out)
    assert data["ok"] is False and data["checks"][-1] == CHECKS["checks"][-1]
    assert cli("doctor", "-o", "csv").out.startswith("name,status,detail,mend\r\nclient.reach,ok,")


def test_doctor_is_content_where_nothing_fails(cli, fake):
    offer_health(fake)
    fake.answers[("GET", "/api/doctor")] = {"ok": True, "checks": CHECKS["checks"][:1]}
    assert cli("doctor").code == 0


def test_doctor_compares_the_clocks(cli, fake):
    # send_response() adds a Date of its own first; the last one counts
    offer_health(fake, ahead_s=90)
    assert re.search(r"^warn  client.clock +the API's clock is (8[6-9]|9[0-4])\.\d s ahead", cli("doctor").out, re.M)
    offer_health(fake, ahead_s=-3600)
    done = cli("doctor")
    assert done.code == 1 and re.search(r"^fail  client.clock .* behind this one", done.out, re.M)


def test_the_way_there(fake, tmp_path):
    """TLS: only where the certificate is trusted. Plain HTTP to what is not this machine: with a warning."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    offer_health(fake)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = FakeApi()
    offer_health(secure)
    secure.server.socket = context.wrap_socket(secure.server.socket, server_side=True)
    cli = Cli(f"https://localhost:{secure.port}", tmp_path)
    done = cli("wave", "list")
    assert done.code == 7 and "certificate" in done.err and not secure.calls, done
    assert re.search(r"^fail +client.reach .*certificate", cli("doctor").out, re.M)
    assert cli("wave", "list", "--ca-file", certificate).code == 0
    assert "ok    client.tls" in cli("doctor", WAVEFLEET_CA_FILE=certificate).out
    secure.close()
    done = Cli(f"http://0.0.0.0:{fake.port}", tmp_path)("doctor")
    assert re.search(r"^warn +client.tls +plain HTTP to another machine", done.out, re.M)
    offer_login(fake)
    done = Cli(f"http://0.0.0.0:{fake.port}", tmp_path, token=None)("login", "-u", "ann", "--password-file", "-", stdin="päss word\n")
    assert done.code == 0 and "can be read on the way" in done.err


def test_readiness(cli, fake):
    fake.answers[("GET", f"/api/waves/{WAVE}/readiness")] = CHECKS
    done = cli("wave", "readiness", WAVE)
    assert done.code == 1 and "redis.eviction" in done.out
    assert json.loads(cli("wave", "readiness", WAVE, "-o", "json").out) == CHECKS


def test_report(cli, fake, tmp_path):
    data = {"wave": {"id": WAVE, "name": "n\x1b[31m"}, "summary": {"total": 3, "completed_at": "2026-01-31T12:00:00Z"},
            "slowest": [{"project": "a", "duration_ms": 1500}, {"project": "b", "duration_ms": 20}],
            "empty": [], "nothing": None, "per_minute": [1, 2, 4, 8, 8, 0], "deep": {"deeper": {"x": True}}}
    texts = {"csv": b"project,ms\r\na\x1b[31m,1500\r\n", "html": b"<!doctype html><p>report"}

    def report(exchange):
        form = exchange.query.get("format")
        if form in texts:
            exchange.raw(200, texts[form], f"text/{form}")
        else:
            exchange.json(200, {"success": True, "data": data})
    fake.answers[("GET", f"/api/waves/{WAVE}/report")] = report
    text = cli.good("wave", "report", WAVE)
    assert "\x1b" not in text and re.search(r"^PROJECT +DURATION MS\na +1500\nb +20$", text, re.M)
    assert re.search(r"^Summary\n  Total +3\n  Completed at +2026-01-31 12:00:00$", text, re.M)
    assert re.search(r"^Per minute  ▁▂▄██   \(6 values, at most 8\)$", text, re.M), text
    assert "  Deeper\n    X  yes" in text and "Empty" not in text and "Nothing" not in text
    terminal = cli.terminal("wave", "report", WAVE, "--format", "csv")
    assert terminal.end() == 0 and "project,ms" in terminal.plain and "\x1b" not in terminal.text
    assert cli.good("wave", "report", WAVE, "--format", "csv") == texts["csv"].decode()
    assert cli.good("wave", "report", WAVE, "-o", "csv") == texts["csv"].decode()
    assert json.loads(cli.good("wave", "report", WAVE, "-o", "json")) == data
    assert "written to" in cli.good("wave", "report", WAVE, "--format", "html", "--file", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_bytes() == texts["html"]
    assert cli("wave", "report", WAVE, "--format", "pdf").code == 2
