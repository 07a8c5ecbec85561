"""What a host can do to the programs: clocks that jump, logs that nobody takes, descriptors that are
used up."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from failing import completes, logged, names, wait_done
from http_client import Client
from wavefleet import BIN, SLOW, Program, wait_until

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


# ---- logs that nobody takes ----

class Mute(Program):
    """A program whose standard error is what the test says."""

    def __init__(self, name, env, stderr):
        self.name, self.log, self.expected_exit = name, Path("/nonexistent"), None
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", str(BIN / name)], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                        start_new_session=True)
        self.pid = self.process.pid


@contextlib.contextmanager
def no_log(how):
    """A descriptor that takes no log: the disk is full, the reader is gone, or reads nothing."""
    if how == "full disk":
        with open("/dev/full", "wb") as f:
            yield f.fileno()
        return
    reading, writing = os.pipe()
    if how == "closed pipe":
        os.close(reading)
    else:
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
    try:
        yield writing
    finally:
        os.close(writing)
        if how != "closed pipe":
            os.close(reading)


@pytest.mark.parametrize("how", ["full disk", "closed pipe", "unread pipe"])
def test_a_log_that_cannot_be_written_stops_nothing(make_own_fleet, how):
    """Lines are dropped and counted; nothing waits for them, and nothing dies of them."""
    fleet = make_own_fleet(api=False, env={"WAVEFLEET_LOG_LEVEL": "debug"})
    with no_log(how) as fd:
        api = Mute("wavefleet-api", {**fleet.env, "WAVEFLEET_LISTEN": f"127.0.0.1:{fleet.port}"}, fd)
        fleet.apis.append(api)
        worker = Mute("wavefleet-worker", {**fleet.env, "WAVEFLEET_WORKER_CONCURRENCY": "4"}, fd)
        fleet.workers.append(worker)
        worker.concurrency = 4
        wait_until(lambda: fleet.http.get("/readyz").status == 200, 20, "/readyz")
        fleet.install_watch()
        fleet.wait_worker(worker)
        completes(fleet, fleet.submit("mute", names(60), batch_size=8, params={"sleep_ms": 5, "log_lines": 2}))
        dropped = [line for line in fleet.http.get("/metrics").json.splitlines()
                   if line.startswith("wavefleet_log_lines_dropped_total")]
        assert float(dropped[0].split()[-1]) > 0, dropped
        complaints = [p.stop() for p in (worker, api)]
        assert complaints == [None, None], complaints
        fleet.workers.clear()
        fleet.apis.clear()


# ---- descriptors ----

def descriptors(pid):
    return sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd"))


def limit_to_what_is_open(pid):
    """No further descriptor: numbers below the limit are all taken. Returns the former limit."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = next(n for n in range(10_000) if n not in descriptors(pid))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    return before


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_api_without_descriptors(make_own_fleet):
    """Who cannot be accepted is told so, the loop does not spin, and it goes on when there are some again."""
    fleet = make_own_fleet(workers=1)
    wave = fleet.submit("meanwhile", names(60), batch_size=4, params={"sleep_ms": 60})
    before = limit_to_what_is_open(fleet.api.pid)
    waiting = []
    try:
        for _ in range(10):
            waiting.append(socket.create_connection(("127.0.0.1", fleet.port), timeout=10))
        begun, cpu = time.monotonic(), cpu_s(fleet.api.pid)
        reply = Client(fleet.port).get("/livez")     # on a connection of its own
        assert reply.status == 503 and reply.headers["Retry-After"] and "descriptors" in reply.json["error"], reply
        logged(fleet, "http.accept_failed", "Too many open files", program="wavefleet-api")
        time.sleep(1.5)     # for so long its use of the processor is measured
        used = (cpu_s(fleet.api.pid) - cpu) / (time.monotonic() - begun)
        assert used < 0.3 * SLOW, f"{used:.0%} of a processor for nothing"
    finally:
        resource.prlimit(fleet.api.pid, resource.RLIMIT_NOFILE, before)
        for s in waiting:
            s.close()
    wait_until(lambda: fleet.http.get("/readyz").status == 200, 10, "it accepts again")
    completes(fleet, wave, fleet.submit("new", ["n"]))


def test_a_worker_without_descriptors(make_own_fleet):
    """A runner that dies cannot be replaced: it says so, works with the others, and makes up for it."""
    fleet = make_own_fleet(workers=1, concurrency=3)
    worker = fleet.workers[0]
    wave = fleet.submit("few", names(40), batch_size=3, params={"sleep_ms": 80})
    wait_done(fleet, wave, 3)
    before = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    try:
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (3, before[1]))    # no new one, those open stay
        os.kill(worker.children()[0], signal.SIGKILL)
        logged(fleet, "runner.spawn", "Too many open files")
        wait_done(fleet, wave, 12)
        assert len(worker.children()) < 3
    finally:
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: len(worker.children()) == 3, 20, "all runners again")
    completes(fleet, wave)


# ---- clocks that jump ----

@pytest.fixture
def clock():
    """clock.env makes a program believe clock.set("+5h"); the monotonic clock is left alone, as the
    kernel leaves it."""
    assert FAKETIME, "libfaketime is not there: scripts/bootstrap test"
    folder = Path(tempfile.mkdtemp(prefix="wf-clock."))
    folder.chmod(0o755)     # the servers run as another user

    class Clock:
        file = folder / "offset"
        env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
               "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
               "ASAN_OPTIONS": "verify_asan_link_order=0"}

        def set(self, offset):
            (folder / "new").write_text(offset)
            (folder / "new").rename(self.file)
    made = Clock()
    made.set("+0")
    yield made
    shutil.rmtree(folder)


@pytest.mark.parametrize("jump", ["+7h", "-7h"])
def test_clocks_of_programs_jump(make_own_fleet, clock, jump):
    """That of one API and one worker, by hours, while bodies run, retries wait, leases are renewed and
    a request may be repeated; the others' stay."""
    shell = "/bin/sh"
    fleet = make_own_fleet(api=False, env={"WAVEFLEET_COMMAND_ALLOW": shell, "WAVEFLEET_RETRY_BASE_MS": "1500",
                                           "WAVEFLEET_RETRY_CAP_MS": "1500"})
    fleet.start_api(**clock.env)
    fleet.start_worker(3, **clock.env)
    fleet.start_worker(3)
    bodies = fleet.submit("bodies", names(40), batch_size=6, params={"sleep_ms": 150})
    retries = fleet.submit("retries", names(8), "command", batch_size=4,
                           params={"argv": [shell, "-c", 'test "$1" -ge 3 || exit 75', "sh", "{attempt}"]})
    once = {"name": "once", "kind": "noop", "project_uuids": ["a"]}
    first = fleet.http.post("/api/waves", once, headers={"Idempotency-Key": "of-before-the-jump"})
    assert first.status == 201
    wait_done(fleet, bodies, 6)
    before = {r["worker_id"] for r in fleet.sql.rows("SELECT worker_id FROM workers WHERE alive")}
    clock.set(jump)
    again = fleet.http.post("/api/waves", once, headers={"Idempotency-Key": "of-before-the-jump"})
    assert again.data == first.data
    late = fleet.submit("late", names(10), params={"sleep_ms": 20})
    wait_until(lambda: any(jumped(e, jump) for e in fleet.log_events()), 20, "a log line of the other time")
    begun = time.monotonic()
    completes(fleet, bodies, retries, late, first.data["wave_id"])
    assert time.monotonic() - begun < 25 * SLOW
    assert {r["worker_id"] for r in fleet.sql.rows("SELECT worker_id FROM workers WHERE alive")} == before
    assert not fleet.sql.value("SELECT count(*) FROM attempts WHERE outcome = 'lost' OR finished_at < started_at")


def jumped(entry, jump):
    hours = time.mktime(time.gmtime()) - time.mktime(time.strptime(entry["at"][:19], "%Y-%m-%dT%H:%M:%S"))
    return hours / 3600 < -6 if jump[0] == "+" else hours / 3600 > 6


@pytest.mark.parametrize("hours", [3, -3])
def test_clocks_of_servers_jump(make_own_fleet, hours):
    """PostgreSQL's and Redis', by hours, while retries wait: nothing is put off for so long. Neither
    server runs under libfaketime, so what they have noted moves instead, the other way."""
    fleet = make_own_fleet(workers=2, concurrency=3, env={
        "WAVEFLEET_COMMAND_ALLOW": "/bin/sh", "WAVEFLEET_RETRY_BASE_MS": "6000", "WAVEFLEET_RETRY_CAP_MS": "6000"})
    bodies = fleet.submit("bodies", names(40), batch_size=6, params={"sleep_ms": 150})
    retries = fleet.submit("retries", names(12), "command", batch_size=12,
                           params={"argv": ["/bin/sh", "-c", 'test "$1" -ge 3 || exit 75', "sh", "{attempt}"]})
    waiting = lambda: fleet.sql.value("SELECT count(*) FROM active WHERE state = 'retrying'")
    wait_until(lambda: waiting() >= 4, 20, "retries wait")
    fleet.sql.execute("""WITH a AS (UPDATE active SET due_at = due_at - %s * interval '1 hour'
                                     WHERE state = 'retrying' RETURNING migration_id)
        UPDATE migrations SET updated_at = updated_at - %s * interval '1 hour'
         WHERE id IN (SELECT migration_id FROM a)""", hours, hours)
    for entry in fleet.redis.zrange("wavefleet:delayed", 0, -1):
        fleet.redis.zadd("wavefleet:delayed", {entry: -hours * 3600_000}, incr=True, xx=True)
    begun = time.monotonic()
    completes(fleet, bodies, retries, fleet.submit("late", names(10), params={"sleep_ms": 20}))
    assert time.monotonic() - begun < 35 * SLOW
