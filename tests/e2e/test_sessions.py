"""People: logged in by password, reading by a cookie, acting by the CSRF token or
the session's header, logged out everywhere; attempts that are throttled."""

import os
import pty
import select
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from http_client import OPEN, Client
from wavefleet import BIN, SLOW, assert_problem, wait_until

REMEMBERED_S = 5
WAVE = {"name": "by a person", "kind": "noop", "project_uuids": ["a"]}
PASSWORDS = {"vera": "the viewer's own words", "oleg": "слова оператора", "anna": "the admin's own words"}
ROLES = {"vera": "viewer", "oleg": "operator", "anna": "admin"}
GENEROUS = {"WAVEFLEET_AUTH_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000"}


def user(fleet, *words, typed=None):
    """`wavefleet-api user …`; typed: what its standard input brings."""
    flags = [] if typed is None else ["--password-stdin"]
    return subprocess.run([BIN / "wavefleet-api", "user", *words, *flags], env=fleet.env, text=True,
                          input=(typed or "") + "\n", capture_output=True, timeout=20 * SLOW)


def create(fleet, name, role, password, *flags):
    made = user(fleet, "create", name, "--role", role, *flags, typed=password)
    assert made.returncode == 0, made


def login(http, name, password, **options):
    return http.post("/api/auth/login", {"username": name, "password": password}, token=OPEN, **options)


class Session:
    """A person who is logged in at one API; the two ways to show it."""

    def __init__(self, http, name, password):
        self.http = Client(http.port)
        reply = login(self.http, name, password)
        assert reply.status == 200, reply
        self.reply, self.id, self.csrf = reply, reply.json["session_id"], reply.data["csrf_token"]

    def at(self, http):
        other = object.__new__(Session)
        other.http, other.id, other.csrf = Client(http.port), self.id, self.csrf
        return other

    def by_cookie(self, method, path, body=None, **headers):
        return self.http.request(method, path, body, headers={"Cookie": f"a=b; dashboard_session={self.id}", **headers})

    def by_header(self, method, path, body=None, **headers):
        return self.http.request(method, path, body, headers={"X-Dashboard-Session": self.id, **headers})

    def works(self):
        return self.by_cookie("GET", "/api/waves").status == 200


def ends(session, deadline_s=REMEMBERED_S + 3):
    begun = time.monotonic()
    wait_until(lambda: not session.works(), deadline_s / SLOW, "the end of the session")
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def fleet(make_fleet):
    """Two APIs on one database, three people."""
    made = make_fleet(env=GENEROUS)
    made.start_api()
    for name, role in ROLES.items():
        create(made, name, role, PASSWORDS[name], "--full-name", f"{name.title()} Ивановна", "--email", f"{name}@x")
    return made


@pytest.fixture
def own(make_own_fleet):
    made = make_own_fleet()
    create(made, "vera", "viewer", PASSWORDS["vera"])
    return made


def enter(fleet, name, api=0):
    return Session(fleet.apis[api].http, name, PASSWORDS[name])


# ---- logging in ----

def test_what_a_login_answers(fleet):
    session = enter(fleet, "oleg")
    data, user_ = session.reply.data, session.reply.data["user"]
    assert user_["username"] == "oleg" and user_["full_name"] == "Oleg Ивановна" and user_["email"] == "oleg@x"
    assert user_["roles"] == [{"name": "operator"}] and isinstance(user_["id"], int)
    assert {"resource": "waves", "action": "create"} in user_["permissions"]
    assert {"resource": "settings", "action": "edit"} not in user_["permissions"]
    assert data["expires_at"].endswith("Z") and len(data["csrf_token"]) == 64
    for name, value in data.items():        # where the existing client reads it
        assert session.reply.json[name] == value, name
    assert session.reply.headers["Set-Cookie"] == (
        f"dashboard_session={session.id}; HttpOnly; SameSite=Strict; Path=/")
    assert session.reply.headers["Cache-Control"] == "no-store"
    assert enter(fleet, "oleg").id != session.id


def test_a_name_is_found_in_any_case(fleet):
    assert login(fleet.http, "OLEG", PASSWORDS["oleg"]).data["user"]["username"] == "oleg"


def test_a_cookie_is_secure_where_the_address_is(make_own_fleet):
    fleet = make_own_fleet(env={"WAVEFLEET_PUBLIC_URL": "https://waves.example.org"})
    create(fleet, "vera", "viewer", PASSWORDS["vera"])
    assert enter(fleet, "vera").reply.headers["Set-Cookie"].endswith("; Path=/; Secure")


@pytest.mark.parametrize("name,password", [
    ("oleg", "not the password"), ("oleg", PASSWORDS["anna"]), ("oleg", PASSWORDS["oleg"].upper()),
    ("oleg", PASSWORDS["oleg"] + " "), ("nobody", "some password"), ("слон", "some password"),
    ("oleg' OR '1'='1", "some password"), ("bootstrap", "e2e-admin-token"), ("x" * 255, "some password")])
def test_wrong_ones_are_told_apart_in_the_log_only(fleet, name, password):
    reply = login(fleet.http, name, password)
    assert_problem(reply, 401)
    assert reply.json["error"] == "the name or the password is wrong"
    assert "Set-Cookie" not in reply.headers and reply.headers["WWW-Authenticate"]
    entry = [e for e in fleet.log_events("auth.login_refused") if e["request_id"] == reply.json["request_id"]]
    assert len(entry) == 1 and entry[0]["peer"] == "127.0.0.1"
    assert (entry[0]["user"], entry[0]["reason"]) == (
        ("oleg", "wrong password") if name == "oleg" else ("", "no such user"))


def test_a_name_that_nobody_has_takes_as_long(fleet):
    def took(name):
        begun = time.monotonic()
        assert login(fleet.http, name, "some password or other").status == 401
        return time.monotonic() - begun
    rounds = []
    for _ in range(8):      # in turn, so that a busy moment of this machine is one of both
        rounds.append((took("anna"), took("hannah")))
        fleet.sql.execute("DELETE FROM login_attempts")
    known, unknown = map(min, zip(*rounds))
    assert known > 0.01 and 0.5 < unknown / known < 2, (known, unknown)


@pytest.mark.parametrize("body,status", [
    ("{", 400), ("", 422), ({}, 422), ([], 400), ({"username": "oleg"}, 422), ({"password": "x"}, 422),
    ({"username": "", "password": "x"}, 422), ({"username": "oleg", "password": ""}, 422),
    ({"username": 7, "password": "x"}, 400), ({"username": "oleg", "password": ["x"]}, 400),
    ({"username": "oleg", "password": "x" * 1025}, 422), ({"username": "x" * 256, "password": "x"}, 422),
    ({"username": "oleg", "password": "x", "role": "admin"}, 422),
    ('{"username":"oleg","password":"a\\u0000b"}', 400), (b'{"username":"oleg","password":"\xff"}', 400)])
def test_bodies_that_are_wrong(fleet, body, status):
    assert_problem(fleet.http.post("/api/auth/login", body, token=OPEN), status)


def test_other_sites_log_nobody_in(fleet):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        reply = login(fleet.http, "oleg", PASSWORDS["oleg"], headers=headers)
        assert_problem(reply, 403)
        assert reply.json["code"] == "csrf_refused" and "Set-Cookie" not in reply.headers
    ours = {"Origin": f"http://127.0.0.1:{fleet.http.port}", "Sec-Fetch-Site": "same-origin"}
    assert login(fleet.http, "oleg", PASSWORDS["oleg"], headers=ours).status == 200


# ---- what a session may do ----

def test_a_cookie_reads_and_does_not_act(fleet):
    session = enter(fleet, "oleg")
    assert session.by_cookie("GET", "/api/waves").status == 200
    assert session.by_cookie("HEAD", "/api/waves").status == 200
    for method, path in (("POST", "/api/waves"), ("POST", "/api/auth/logout"), ("DELETE", "/api/waves/1_2/migrations/a/lock")):
        reply = session.by_cookie(method, path, WAVE if path == "/api/waves" else None)
        assert_problem(reply, 403)
        assert reply.json["code"] == "csrf_refused", reply
    assert session.works()


def test_the_csrf_token_lets_it_act(fleet):
    session, other = enter(fleet, "oleg"), enter(fleet, "anna")
    before = fleet.sql.value("SELECT count(*) FROM waves")
    for wrong in ("", "x", other.csrf, session.id, session.csrf[:-1], session.csrf.upper()):
        assert_problem(session.by_cookie("POST", "/api/waves", WAVE, **{"X-CSRF-Token": wrong}), 403)
    right = {"X-CSRF-Token": session.csrf}
    for elsewhere in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert_problem(session.by_cookie("POST", "/api/waves", WAVE, **right, **elsewhere), 403)
    assert fleet.sql.value("SELECT count(*) FROM waves") == before
    assert session.by_cookie("POST", "/api/waves", WAVE, **right).status == 201


def test_the_header_acts_by_itself_under_the_person_s_name(fleet):
    session = enter(fleet, "oleg")
    wave = session.by_header("POST", "/api/waves", WAVE).data["wave_id"]
    assert session.by_header("POST", f"/api/waves/{wave}/pause", {}).status in (200, 202)
    assert fleet.sql.value("SELECT created_by FROM waves WHERE wave_id = %s", wave) == "oleg"
    assert session.by_header("POST", "/api/queues/by-a-person/pause", {}).data["changed_by"] == "oleg"


def test_roles(fleet):
    for name, role in ROLES.items():
        session = enter(fleet, name)
        assert session.works()
        reply = session.by_header("POST", "/api/waves", WAVE)
        assert reply.status == (403 if role == "viewer" else 201), (role, reply)
        settings = session.by_header("POST", "/api/settings", {"mb_site_id": 7})
        assert settings.status == (200 if role == "admin" else 403), (role, settings)
    assert "the user 'vera' has the role viewer" in enter(fleet, "vera").by_header("POST", "/api/waves", WAVE).json["error"]


def test_what_counts_first(fleet):
    """Authorization, then the header, then the cookie; a bad one is not mended by a good one behind it."""
    session = enter(fleet, "oleg")
    assert_problem(session.by_header("GET", "/api/waves", Authorization="Bearer wf_" + "x" * 43), 401)
    assert_problem(session.by_cookie("GET", "/api/waves", **{"X-Dashboard-Session": "ws_" + "x" * 43}), 401)
    assert session.by_cookie("GET", "/api/waves", Authorization="Basic YTpi").status == 200
    assert session.by_cookie("POST", "/api/waves", WAVE, Authorization=f"Bearer {fleet.http.token}").status == 201
    for wrong in ("x", session.id[:-1], session.id + "x", "ws_" + "x" * 43, "wf_" + session.id[3:]):
        assert_problem(session.http.get("/api/waves", headers={"X-Dashboard-Session": wrong}), 401)
        assert_problem(session.http.get("/api/waves", headers={"Cookie": f"dashboard_session={wrong}"}), 401)
    assert_problem(session.http.get("/api/waves", headers={"Authorization": f"Bearer {session.id}"}), 401)


def test_check(fleet):
    session = enter(fleet, "vera")
    for reply in (session.by_cookie("GET", "/api/auth/check"), session.by_header("GET", "/api/auth/check")):
        assert reply.data["authenticated"] is True and reply.data["login_required"] is True
        assert reply.data["user"] == session.reply.data["user"] and reply.data["csrf_token"] == session.csrf
        assert reply.json["authenticated"] is True and reply.json["user"] == reply.data["user"]
    for headers in ({}, {"X-Dashboard-Session": "ws_" + "x" * 43}, {"Cookie": "dashboard_session=x"}):
        reply = session.http.get("/api/auth/check", headers=headers)
        assert reply.status == 200 and reply.json["authenticated"] is False, reply
        assert reply.data == {"authenticated": False, "user": None, "csrf_token": None, "login_required": True}
    token = fleet.http.get("/api/auth/check").data
    assert token["authenticated"] and token["user"]["username"] == "bootstrap" and token["user"]["id"] is None
    assert token["user"]["roles"] == [{"name": "admin"}] and token["csrf_token"] is None


# ---- how it ends ----

def test_logout_ends_it_everywhere(fleet):
    here = enter(fleet, "oleg")
    there = here.at(fleet.apis[1].http)
    assert here.works() and there.works()
    reply = here.by_header("POST", "/api/auth/logout", {})
    assert reply.data == {"logged_out": True}
    assert reply.headers["Set-Cookie"] == "dashboard_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
    assert not here.works()                 # at once where it was ended
    ends(there)
    again = here.by_header("POST", "/api/auth/logout", {})
    assert again.status == 200 and again.data == {"logged_out": False}
    assert fleet.http.post("/api/auth/logout", {}, token=OPEN).data == {"logged_out": False}
    assert fleet.sql.value("SELECT count(*) FROM sessions s JOIN users u USING (user_id) WHERE u.username = 'oleg' "
                           "AND session_hash = sha256(%s)", here.id.encode()) == 0


def test_a_cookie_logs_out_with_its_csrf_token(fleet):
    session = enter(fleet, "vera")
    assert session.by_cookie("POST", "/api/auth/logout", {}, **{"X-CSRF-Token": session.csrf}).data == {"logged_out": True}
    assert not session.works()


def test_another_password_ends_all_sessions(fleet):
    create(fleet, "pavel", "viewer", "the first password")
    sessions = [Session(api.http, "pavel", "the first password") for api in fleet.apis]
    assert all(s.works() for s in sessions)
    changed = user(fleet, "password", "pavel", typed="the second password")
    assert changed.returncode == 0 and "2" in changed.stdout, changed
    for session in sessions:
        ends(session)
    assert_problem(login(fleet.http, "pavel", "the first password"), 401)
    assert login(fleet.http, "pavel", "the second password").status == 200


def test_a_disabled_user_is_out(fleet):
    create(fleet, "dina", "operator", "the words of Dina")
    session = Session(fleet.http, "dina", "the words of Dina")
    assert user(fleet, "disable", "dina").returncode == 0
    ends(session)
    reply = login(fleet.http, "dina", "the words of Dina")
    assert_problem(reply, 401)
    assert any(e["reason"] == "disabled" and e["user"] == "dina" for e in fleet.log_events("auth.login_refused"))
    assert user(fleet, "enable", "dina").returncode == 0
    assert not session.works()              # what was ended stays so
    assert login(fleet.http, "dina", "the words of Dina").status == 200


def test_another_role_counts_soon(fleet):
    create(fleet, "rita", "operator", "the words of Rita")
    session = Session(fleet.http, "rita", "the words of Rita")
    assert session.by_header("POST", "/api/waves", WAVE).status == 201
    assert user(fleet, "role", "rita", "viewer").returncode == 0
    wait_until(lambda: session.by_header("POST", "/api/waves", WAVE).status == 403, REMEMBERED_S + 3, "the other role")
    assert session.works()


@pytest.mark.parametrize("column", ["idle_until", "expires_at"])
def test_a_session_is_over_in_time(fleet, column):
    session = enter(fleet, "vera")
    assert session.works()
    fleet.sql.execute(f"UPDATE sessions SET {column} = now() + interval '1 second' WHERE session_hash = sha256(%s)",
                      session.id.encode())
    other = session.at(fleet.apis[1].http)  # which has not heard of it yet
    wait_until(lambda: not other.works(), 10, "the end of the session") if column == "expires_at" else ends(session)


def test_of_many_sessions_the_newest_stay(fleet):
    create(fleet, "many", "viewer", "many many words")
    first = Session(fleet.http, "many", "many many words")
    fleet.sql.execute("INSERT INTO sessions (session_hash, user_id, idle_until, expires_at) "
                      "SELECT sha256(n::text::bytea), user_id, now() + interval '1 h', now() + interval '1 h' "
                      "FROM users, generate_series(1, 60) n WHERE username = 'many'")
    last = Session(fleet.http, "many", "many many words")
    assert fleet.sql.value("SELECT count(*) FROM sessions JOIN users USING (user_id) WHERE username = 'many'") == 50
    assert last.works()
    ends(first)


def test_what_is_over_is_removed(make_own_fleet):
    fleet = make_own_fleet()
    create(fleet, "vera", "viewer", PASSWORDS["vera"])
    live, over = enter(fleet, "vera"), enter(fleet, "vera")
    fleet.sql.execute("UPDATE sessions SET idle_until = now() - interval '1 second' WHERE session_hash = sha256(%s)", over.id.encode())
    fleet.sql.execute("UPDATE login_attempts SET at = now() - interval '2 hours'")
    fleet.start_worker(1)                   # who leads does it at its start, and every hour
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM sessions") == 1, 20, "the removal")
    assert fleet.sql.value("SELECT count(*) FROM login_attempts") == 0
    assert live.works()


# ---- throttling ----

def wrong(fleet, name, api=0):
    return login(fleet.apis[api].http, name, "not the password")


def wait_after_the_last(fleet, of):
    """In seconds, as it was written: it may be over by now."""
    return fleet.sql.value("""SELECT extract(epoch FROM blocked_until - at)::float8 FROM login_attempts
        WHERE key LIKE %s""", of + ":%")


def wait_from_now(fleet, of, seconds):
    fleet.sql.execute("UPDATE login_attempts SET blocked_until = now() + %s * interval '1 second' WHERE key LIKE %s",
                      seconds, of + ":%")


def test_attempts_for_a_name_wait_longer_and_longer(own):
    for _ in range(5):
        assert wrong(own, "vera").status == 401
    assert wait_after_the_last(own, "name") == 1
    wait_from_now(own, "name", 50)
    reply = wrong(own, "vera")
    assert_problem(reply, 429)
    told = int(reply.headers["Retry-After"])
    assert 40 <= told <= 50 and f"try again in {told} s" in reply.json["error"]
    assert reply.headers["RateLimit-Policy"].endswith(";w=3600")
    assert reply.headers["RateLimit"] == f'"default";r=0;t={told}'
    assert_problem(login(own.http, "vera", PASSWORDS["vera"]), 429)     # the right one waits, too
    wait_from_now(own, "name", 1)
    time.sleep(1.05)
    assert wrong(own, "vera").status == 401
    assert wait_after_the_last(own, "name") == 2
    own.sql.execute("UPDATE login_attempts SET blocked_until = now(), attempts = 40 WHERE key LIKE 'name:%%'")
    assert wrong(own, "vera").status == 401
    assert wait_after_the_last(own, "name") == 60                       # never longer
    assert 50 <= int(wrong(own, "vera").headers["Retry-After"]) <= 60
    assert login(own.http, "someone", "else's").status == 401
    own.sql.execute("UPDATE login_attempts SET blocked_until = now()")
    assert login(own.http, "vera", PASSWORDS["vera"]).status == 200
    for _ in range(5):                                                  # and all is forgotten
        assert wrong(own, "vera").status == 401
    own.sql.execute("UPDATE login_attempts SET blocked_until = now(), at = now() - interval '61 minutes'")
    for _ in range(5):                                                  # as it is by a quiet hour
        assert wrong(own, "vera").status == 401


def test_attempts_from_an_address_are_counted_over_all_names(own):
    for n in range(20):
        assert wrong(own, f"name-{n}").status == 401
    assert wait_after_the_last(own, "address") == 1
    wait_from_now(own, "address", 50)
    assert_problem(wrong(own, "name-20"), 429)
    assert_problem(login(own.http, "vera", PASSWORDS["vera"]), 429)
    assert own.sql.value("SELECT count(*) FROM login_attempts") == 21   # what is refused leaves nothing behind
    own.sql.execute("UPDATE login_attempts SET blocked_until = now() WHERE key LIKE 'address:%%'")
    assert login(own.http, "vera", PASSWORDS["vera"]).status == 200     # which gives back its own attempt only
    assert wrong(own, "name-21").status == 401
    assert wait_after_the_last(own, "address") == 2


def test_two_apis_count_together(own):
    own.start_api()
    assert [wrong(own, "vera", api=n % 2).status for n in range(5)] == [401] * 5
    assert wait_after_the_last(own, "name") == 1
    wait_from_now(own, "name", 50)
    assert [wrong(own, "vera", api=n).status for n in range(2)] == [429] * 2


def test_many_at_once_are_not_more_than_many_in_a_row(own):
    """They are made to meet at the rows of the attempts before: of all only one more is granted."""
    own.start_api()
    assert [wrong(own, "vera").status for _ in range(4)] == [401] * 4
    own.sql.execute("UPDATE login_attempts SET attempts = 40 WHERE key LIKE 'name:%%'")     # the one waits longest
    own.sql.execute("BEGIN")
    own.sql.execute("SELECT FROM login_attempts FOR UPDATE")
    with ThreadPoolExecutor(9) as pool:
        crowd = [pool.submit(wrong, own, "vera", n % 2) for n in range(8)]
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        try:
            wait_until(lambda: pool.submit(own.sql.value, waiting).result() >= 2, 10, "two that wait")
        finally:
            own.sql.execute("COMMIT")
        statuses = sorted(c.result().status for c in crowd)
    assert statuses == [401] + [429] * 7


def test_a_crowd_is_told_to_come_again_and_holds_nobody_up(make_own_fleet):
    fleet = make_own_fleet(env={**GENEROUS, "WAVEFLEET_AUTH_LOGIN_ATTEMPTS": "1000000"})
    with ThreadPoolExecutor(80) as pool:
        crowd = [pool.submit(wrong, fleet, f"name-{n}") for n in range(80)]
        took = []
        while not all(c.done() for c in crowd):
            begun = time.monotonic()
            assert fleet.http.get("/api/waves").status == 200
            took.append(time.monotonic() - begun)
    replies = [c.result() for c in crowd]
    busy = [r for r in replies if r.status == 503]
    assert busy and {r.status for r in replies} == {401, 503}
    assert all(r.headers["Retry-After"] == "1" for r in busy)
    # not the slowest: this machine may stand still for one of them
    assert sorted(took)[len(took) // 2] < 0.5 * SLOW, sorted(took)
    text = fleet.http.get("/metrics").json
    assert f'wavefleet_logins_total{{result="busy"}} {len(busy)}' in text


def test_an_api_stops_while_people_log_in(own):
    api = own.start_api(port=None)
    with ThreadPoolExecutor(8) as pool:
        crowd = [pool.submit(wrong, own, f"name-{n}", 1) for n in range(8)]
        time.sleep(0.05)
        api.signal(signal.SIGTERM)
        statuses = {c.exception() and "cut" or c.result().status for c in crowd}
    api.process.wait(10 * SLOW)
    assert api.process.returncode == 0 and statuses <= {401, 503, "cut"}, statuses
    own.apis.remove(api)


def test_without_postgres_nobody_logs_in_and_nothing_is_guessed(slow_api):
    fleet, gate = slow_api
    create(fleet, "vera", "viewer", PASSWORDS["vera"])
    session = enter(fleet, "vera")
    gate.cut()
    wait_until(lambda: login(fleet.http, "vera", PASSWORDS["vera"]).status == 503, 15, "a login that says so")
    wait_until(lambda: session.by_cookie("GET", "/api/auth/check").status == 503, 15, "a check that does not say no")
    gate.mend()
    wait_until(lambda: login(fleet.http, "vera", PASSWORDS["vera"]).status == 200, 20, "a login afterwards")


# ---- the command ----

def test_users_from_the_command_line(fleet):
    create(fleet, "Zoe", "viewer", "the words of Zoe", "--full-name", "Zoë Ünal")
    shown = user(fleet, "list").stdout
    assert "zoe" in shown and "Zoë Ünal" in shown and "viewer" in shown
    for argv, typed, code in ((["create", "zoe", "--role", "admin"], "the words of Zoe", 1),
                              (["create", "short", "--role", "admin"], "seven77", 1),
                              (["create", "test", "--role", "emperor"], "long enough", 2),
                              (["password", "nobody"], "long enough", 1), (["password"], "long enough", 2),
                              (["create", "с кириллицей", "--role", "admin"], "long enough", 2),
                              (["disable", "nobody"], None, 1), (["melt", "zoe"], None, 2), ([], None, 2)):
        ran = user(fleet, *argv, typed=typed)
        assert ran.returncode == code and ran.stderr.strip() and "long enough" not in ran.stderr, (argv, ran)


def test_a_password_is_never_an_argument(fleet):
    ran = user(fleet, "create", "eve", "--role", "viewer", "--password", "on the command line")
    assert ran.returncode == 2 and fleet.sql.value("SELECT count(*) FROM users WHERE username = 'eve'") == 0


def test_no_terminal_and_no_input(fleet):
    ran = subprocess.run([BIN / "wavefleet-api", "user", "create", "eve", "--role", "viewer"], env=fleet.env, text=True,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=20 * SLOW, start_new_session=True)
    assert ran.returncode == 1 and "--password-stdin" in ran.stderr, ran


class Terminal:
    """`wavefleet-api user …` on a terminal of its own."""

    def __init__(self, fleet, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)    # a run in the background ignores it
            os.execve(BIN / "wavefleet-api", ["wavefleet-api", "user", *words], fleet.env)
        self.shown = ""

    def read(self, until):
        end = time.monotonic() + 20 * SLOW
        while until not in self.shown:
            assert time.monotonic() < end, self.shown
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.fd, 4096).decode()
                except OSError:     # the other end is closed
                    break
        return self.shown

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        self.read("\0")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return status


def echoes(terminal):
    import termios
    return bool(termios.tcgetattr(terminal.fd)[3] & termios.ECHO)


def test_a_password_typed_at_a_terminal_is_not_shown(fleet):
    t = Terminal(fleet, "create", "tanja", "--role", "viewer")
    t.read("Password for tanja: ")
    wait_until(lambda: not echoes(t), 20, "a terminal that does not show")
    t.type("typed in secret\n")
    t.read("Once more: ")
    wait_until(lambda: not echoes(t), 20, "a terminal that does not show")
    t.type("typed in secret\n")
    t.read("Created tanja")
    assert os.waitstatus_to_exitcode(t.end()) == 0 and "typed in secret" not in t.shown
    assert login(fleet.http, "tanja", "typed in secret").status == 200


def test_two_that_differ_and_an_interrupt(fleet):
    t = Terminal(fleet, "password", "vera")
    t.read("Password for vera: ")
    wait_until(lambda: not echoes(t), 20, "a terminal that does not show")
    t.type("one password\n")
    t.read("Once more: ")
    wait_until(lambda: not echoes(t), 20, "a terminal that does not show")
    t.type("another one\n")
    t.read("not the same")
    assert os.waitstatus_to_exitcode(t.end()) == 1
    t = Terminal(fleet, "password", "vera")
    t.read("Password for vera: ")
    wait_until(lambda: not echoes(t), 20, "a terminal that does not show")
    t.type("\x03")
    wait_until(lambda: echoes(t), 20, "a terminal as it was")
    assert os.WTERMSIG(t.end()) == signal.SIGINT
    assert login(fleet.http, "vera", PASSWORDS["vera"]).status == 200


# ---- last: nothing secret was said ----

def test_nothing_secret_is_in_logs_or_tables(fleet):
    session = enter(fleet, "anna")
    session.by_header("POST", "/api/waves", WAVE)
    wrong_word = "a wrong password that must not be logged"
    login(fleet.http, "anna", wrong_word)
    login(fleet.http, wrong_word, "x")      # typed into the wrong field
    logs = "".join(p.text() for p in fleet.apis)
    stored = str(fleet.sql.rows("SELECT s.*, encode(session_hash, 'escape') AS esc FROM sessions s"))
    stored += str(fleet.sql.rows("SELECT * FROM users")) + str(fleet.sql.rows("SELECT * FROM login_attempts"))
    for secret in (wrong_word, session.id, session.csrf, *PASSWORDS.values()):
        assert secret not in logs and secret not in stored, secret
    assert [e for e in fleet.log_events("auth.login") if e["user"] == "anna"]
    assert [e for e in fleet.log_events("auth.logout") if e["user"] == "oleg"]
    assert all(h["password_hash"].startswith("$argon2id$") for h in fleet.sql.rows("SELECT password_hash FROM users"))
