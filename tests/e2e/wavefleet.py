"""The harness: starts the built programs on a private stack, talks to them
over HTTP, and looks after them.

    fleet = Fleet(place, env={"WAVEFLEET_RETRY_BASE_MS": "50"})
    fleet.start_api(); fleet.start_worker(concurrency=4)
    wave = fleet.wave_and_wait("name", ["a", "b"], params={"sleep_ms": 10})
    fleet.check_wave(wave)
    fleet.stop()

Every wait has a deadline. Programs are ended by their process id, and die with
the test process whatever happens to it.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from urllib.parse import quote
from pathlib import Path

import invariants
from http_client import Client, Reply
from stack import ROOT

BIN = Path(os.environ.get("WAVEFLEET_BIN", ROOT / "build/bin"))
HERE = Path(__file__).resolve().parent
TOKEN = "e2e-admin-token-" + secrets.token_hex(12)
ENDED = ("completed", "error", "stopped")

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer",
                     "LeakSanitizer: detected", "WARNING: ThreadSanitizer", "AddressSanitizer:DEADLYSIGNAL")

# Short times, so that the tests are quick; every one is a documented key.
QUICK = {
    "WAVEFLEET_API_TOKEN": TOKEN,
    "WAVEFLEET_SECRET_KEY": "0123456789abcdef" * 4,
    "WAVEFLEET_LOG_LEVEL": "info",
    "WAVEFLEET_RETRY_BASE_MS": "100",
    "WAVEFLEET_RETRY_CAP_MS": "1000",
    "WAVEFLEET_WORKER_LEASE_MS": "10000",    # nobody is lost because the machine stands still for a moment
    "WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": "2000",
    "WAVEFLEET_RECONCILER_INTERVAL_MS": "1000",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def sanitized(program="wavefleet-api"):
    """Whether the programs under test were built with AddressSanitizer."""
    path = BIN / program
    return path.exists() and b"__asan_init" in path.read_bytes()


SLOW = 3 if sanitized() else 1      # every deadline is stretched by this


def wait_until(condition, deadline_s=20, what="the condition", every_s=0.03):
    """Calls until the result is true and returns it; fails with what was awaited."""
    end, last = time.monotonic() + deadline_s * SLOW, None
    while True:
        over = time.monotonic() >= end      # before the last look, however long that takes
        try:
            last = condition()
            if last:
                return last
        except (OSError, AssertionError) as e:
            last = e
        if over:
            raise AssertionError(f"{what} did not come within {deadline_s * SLOW} s; last: {last!r}")
        time.sleep(every_s)


def free_port():
    """Below those that connections are given, so that none takes it before a server does."""
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


class Program:
    """One process of ours; its output goes to a file."""

    def __init__(self, name, argv, env, log):
        self.name, self.log, self.expected_exit = name, Path(log), None
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with open(log, "ab") as out:
            self.process = subprocess.Popen([*guard, *map(str, argv)], env=env, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.alive:
            os.kill(self.pid, number)

    def kill(self):
        """kill -9; what a test means, so its exit status is not judged."""
        self.expected_exit = -signal.SIGKILL
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, grace_s=10):
        """SIGTERM, and SIGKILL where that did not help. Returns a complaint or None."""
        asked = self.alive
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(grace_s * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} did not end within {grace_s * SLOW} s of SIGTERM"
        if self.expected_exit is not None:
            return None
        if not asked:
            return f"{self.name} ended by itself with {code}; its log ends:\n{self.tail()}"
        return f"{self.name} exited with {code} after SIGTERM:\n{self.tail()}" if code != 0 else None

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=15):
        return "\n".join(self.text().splitlines()[-lines:])

    def children(self):
        return children_of(self.pid)


def children_of(pid):
    """Direct children, alive (no zombies)."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == str(pid) and fields[0] != "Z":
            found.append(int(entry.name))
    return sorted(found)


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def pss_kb(pids):
    """Proportional set size of processes together, in KB; those gone count 0."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return total


class Fleet:
    """API processes and workers on one Place. Attributes for tests: http (the
    first API's client, with every role), sql, redis, api, apis, workers, dir."""

    def __init__(self, place, env=None, watched=True):
        self.place, self.sql, self.redis = place, place.sql, place.redis
        self.dir = Path(tempfile.mkdtemp(prefix="wf-fleet."))
        os.chmod(self.dir, 0o755)
        self.marker = secrets.token_hex(8)
        self.watched, self.watch_installed = watched, False
        self.apis, self.workers, self.done = [], [], []
        self.port = free_port()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("WAVEFLEET_")}
        self.env.update(QUICK, WAVEFLEET_DATABASE_URL=place.database_url, WAVEFLEET_REDIS_URL=place.redis_url,
                        WAVEFLEET_PUBLIC_URL=f"http://127.0.0.1:{self.port}", WF_E2E_FLEET=self.marker)
        self.env.update({k: str(v) for k, v in (env or {}).items()})
        self.http = Client(self.port, TOKEN)

    # ---- processes ----

    @property
    def api(self):
        return self.apis[0]

    def start_api(self, ready=True, port=None, programs=BIN, **env):
        """The first API listens where WAVEFLEET_PUBLIC_URL points; further ones elsewhere.
        programs: the folder that it is taken from."""
        taken = [a.port for a in self.apis if a.alive]
        port = port or (free_port() if self.port in taken else self.port)
        api = self.start("wavefleet-api", len(self.apis) + len(self.done), programs,
                         WAVEFLEET_LISTEN=f"127.0.0.1:{port}", **env)
        api.port, api.http = port, Client(port, TOKEN)
        self.apis.append(api)
        if ready:
            self.wait_ready(api)
            self.install_watch()
        return api

    def start_worker(self, concurrency=4, ready=True, programs=BIN, **env):
        worker = self.start("wavefleet-worker", len(self.workers) + len(self.done), programs,
                            WAVEFLEET_WORKER_CONCURRENCY=str(concurrency), **env)
        worker.concurrency = concurrency
        self.workers.append(worker)
        if ready:
            self.wait_worker(worker)
        return worker

    def start_workers(self, number, concurrency=4, **env):
        started = [self.start_worker(concurrency, ready=False, **env) for _ in range(number)]
        for worker in started:
            self.wait_worker(worker)
        return started

    def start(self, program, number, programs, **env):
        merged = {**self.env, **{k: str(v) for k, v in env.items()}}
        return Program(f"{program}-{number}", [programs / program], merged, self.dir / f"{program}-{number}.log")

    def run(self, program, *argv, deadline_s=20, **env):
        """Runs a program to its end; returns CompletedProcess with text output."""
        merged = {**self.env, **{k: str(v) for k, v in env.items()}}
        return subprocess.run([BIN / program, *map(str, argv)], env=merged, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=deadline_s * SLOW)

    def wait_ready(self, api, deadline_s=20):
        def ready():
            assert api.alive, f"{api.name} ended ({api.process.returncode}):\n{api.tail()}"
            return api.http.get("/readyz", timeout_s=5).status == 200
        wait_until(ready, deadline_s, f"/readyz of {api.name}")

    def wait_worker(self, worker, deadline_s=20):
        """Alive in PostgreSQL, with all its runners."""
        def ready():
            assert worker.alive, f"{worker.name} ended ({worker.process.returncode}):\n{worker.tail()}"
            known = self.sql.value("SELECT count(*) FROM workers WHERE pid = %s AND alive", worker.pid)
            return known and len(worker.children()) >= worker.concurrency
        wait_until(ready, deadline_s, f"{worker.name} alive with its runners")

    def worker_id(self, worker):
        return self.sql.value("SELECT max(worker_id) FROM workers WHERE pid = %s AND alive", worker.pid)

    def forget(self, program):
        """Takes a killed program out of the lists; its log is still judged at the end."""
        (self.apis if program in self.apis else self.workers).remove(program)
        self.done.append(program)

    def install_watch(self):
        if self.watched and not self.watch_installed:
            self.sql.execute((HERE / "watch.sql").read_text())
            self.watch_installed = True

    def stop(self, judge=True):
        """Stops all, workers first; then nothing of ours may be left, and no log
        may hold a sanitizer's report."""
        complaints = [p.stop() for p in [*self.workers, *self.apis]]
        complaints += [self.leftovers()]
        logs = {p.name: p.text() for p in [*self.workers, *self.apis, *self.done]}
        complaints += [f"{name}: {line_about(text)}" for name, text in logs.items() if line_about(text)]
        complaints = [c for c in complaints if c]
        if not complaints and "WAVEFLEET_KEEP_LOGS" not in os.environ:
            shutil.rmtree(self.dir, ignore_errors=True)
        assert not judge or not complaints, f"(logs in {self.dir})\n" + "\n".join(complaints)

    def leftovers(self):
        """Descendants that outlived their program; ends them and says so."""
        def ours():
            return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                    if self.marker.encode() in environment_of(pid)]
        try:
            wait_until(lambda: not ours(), 5, "the end of all descendants")
            return None
        except AssertionError:
            left = [(pid, command_of(pid)) for pid in ours()]
            for pid, _ in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return f"processes left over: {left}"

    def log_events(self, event=None):
        """The JSON lines of all logs, as dicts; `event` filters by name."""
        found = []
        for program in [*self.workers, *self.apis, *self.done]:
            for line in program.text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and event in (None, entry.get("event")):
                    found.append(entry)
        return found

    # ---- waves ----

    def submit(self, name, projects, kind="noop", **fields):
        """POST /api/waves; projects are names, or objects for `projects`. Returns the wave's id."""
        key = "projects" if projects and isinstance(projects[0], dict) else "project_uuids"
        body = {"name": name, "kind": kind, key: projects, **fields}
        reply = self.http.post("/api/waves", body, timeout_s=60)
        assert reply.status == 201, f"wave refused: {reply}"
        return reply.data["wave_id"]

    def status(self, wave_id):
        return self.http.get(f"/api/waves/{wave_id}/status").data

    def wait_wave(self, wave_id, deadline_s=30, until=ENDED):
        """Waits for the end (or another status) and returns the status."""
        def reached():
            now = self.status(wave_id)
            return now["status"] if now["status"] in until else None
        try:
            return wait_until(reached, deadline_s, f"wave {wave_id} {'/'.join(until)}", every_s=0.05)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{invariants.snapshot(self.sql, wave_id)}") from None

    def wave_and_wait(self, name, projects, kind="noop", deadline_s=30, **fields):
        wave_id = self.submit(name, projects, kind, **fields)
        self.wait_wave(wave_id, deadline_s)
        return wave_id

    def check_wave(self, wave_id, expected=None, restarts=0, clean_within_s=10):
        """Every invariant of an ended wave, in PostgreSQL and then in Redis."""
        # a stopped wave shows its end at once, and ends when the last of its bodies is gone
        wait_until(lambda: self.sql.value("SELECT completed_at FROM waves WHERE wave_id = %s", wave_id), 10,
                   f"the end of wave {wave_id}")
        s = invariants.check_ended(self.sql, wave_id, restarts, self.watch_installed)
        assert expected in (None, s["state"]), f"wave is {s['state']}, expected {expected}"
        left = lambda: invariants.residue(self.redis, self.sql, wave_id)
        try:
            wait_until(lambda: not left(), clean_within_s, "Redis clean of the wave", every_s=0.1)
        except AssertionError:
            raise AssertionError(f"Redis still holds of ended wave {wave_id}: {left()}") from None
        return s

    def at_rest(self):
        """A fingerprint, once what the programs do by themselves changes it no more."""
        seen = [None]

        def same():
            seen.append(invariants.fingerprint(self.sql, self.redis))
            return seen[-1] if seen[-1] == seen[-2] else None
        return wait_until(same, 20, "a moment without changes", every_s=0.3)

    def sampling(self, *wave_ids, every_s=0.01):
        return invariants.Sampler(self.sql, *wave_ids, every_s=every_s)

    def migrations(self, wave_id):
        """Rows of PostgreSQL by project name, states as text."""
        rows = self.sql.rows("""SELECT m.*, m.state::text AS state FROM migrations m JOIN waves w USING (wave_no)
            WHERE w.wave_id = %s""", wave_id)
        return {r["project"]: r for r in rows}

    def attempts(self, migration_id):
        return self.sql.rows("""SELECT a.*, a.outcome::text AS outcome FROM attempts a
            WHERE migration_id = %s ORDER BY attempt""", migration_id)

    def log_lines(self, wave_id, project):
        """All log lines of a migration over HTTP, as text."""
        data = self.http.get(f"/api/waves/{wave_id}/migrations/{quote(project, safe='')}/logs").data
        return [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in data["logs"]]


def line_about(text):
    """The first sanitizer report in a log, with a few lines after it."""
    at = min((i for i in (text.find(r) for r in SANITIZER_REPORTS) if i >= 0), default=-1)
    return text[max(0, at - 200):at + 3000] if at >= 0 else None


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f.read()
    except OSError:
        return b""


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def assert_problem(reply: Reply, status, code=None):
    """A problem document as http-api.md has it. status: a number or several."""
    allowed = status if isinstance(status, (tuple, list, set)) else (status,)
    assert reply.status in allowed, f"expected {allowed}, got {reply}"
    kind = (reply.headers.get("Content-Type") or reply.headers.get("content-type") or "").split(";")[0]
    assert kind == "application/problem+json", f"{reply.status} has content type {kind!r}: {reply.json}"
    body = reply.json
    assert isinstance(body, dict), f"no problem document: {reply}"
    absent = {"type", "title", "status", "detail", "instance", "success", "error", "code", "request_id"} - set(body)
    assert not absent, f"{reply.status} lacks {sorted(absent)}: {body}"
    assert body["status"] == reply.status and body["success"] is False and body["error"] == body["detail"], body
    assert re.fullmatch(r"[a-z][a-z0-9_]*", body["code"]), body["code"]
    assert code is None or body["code"] == code, f"code {body['code']!r}, expected {code!r}"
    assert body["detail"].strip() and "\n" not in body["detail"], body
    assert body["request_id"], body
    for e in body.get("errors", []):
        assert e["pointer"].startswith("#") and e["detail"], body
    return body


def in_parallel(*functions):
    """Runs functions at the same moment in threads; returns their results, raises their first error."""
    results, errors = [None] * len(functions), []
    barrier = threading.Barrier(len(functions))

    def call(i, function):
        try:
            barrier.wait(10)
            results[i] = function()
        except BaseException as e:
            errors.append(e)
    threads = [threading.Thread(target=call, args=(i, f), daemon=True) for i, f in enumerate(functions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120 * SLOW)
    if errors:
        raise errors[0]
    assert not any(t.is_alive() for t in threads), "a call in parallel did not end"
    return results
