"""What a campaign runs on: a private PostgreSQL and Redis that can be struck, an API and workers, each
behind gates of its own, a migration server, and the list of all that is to be mended again."""

import contextlib
import heapq
import itertools
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import migration_server
import psycopg2
import redis
from gate import Gate
from remote_setup import QUICK_REMOTE
from stack import Place, Stack, moved_to, server_address
from wavefleet import SLOW, Fleet, children_of, line_about, wait_until

HERE = Path(__file__).resolve().parent
LEASE_MS = 3000
AOF = Path("data/redis/appendonlydir")
AWAY = (OSError, psycopg2.Error, redis.RedisError)

# Every one is a documented key. The lease is short, so that bodies outlive it; time-outs are, so that a way
# that swallows everything is given up within the campaign. Faults of ours must not use up a budget.
SETTINGS = {
    "WAVEFLEET_WORKER_LEASE_MS": LEASE_MS,
    "WAVEFLEET_WORKER_KILL_GRACE_MS": 700,
    "WAVEFLEET_WORKER_SHUTDOWN_GRACE_MS": 2000,
    "WAVEFLEET_WORKER_RECYCLE_JOBS": 40,
    "WAVEFLEET_RECONCILER_INTERVAL_MS": 2000,
    "WAVEFLEET_RETRY_CRASH_BUDGET": 1000,
    "WAVEFLEET_REDIS_TIMEOUT_MS": 2000,
    "WAVEFLEET_DATABASE_QUERY_TIMEOUT_MS": 5000,
    "WAVEFLEET_DATABASE_CONNECT_TIMEOUT_MS": 2000,
    "WAVEFLEET_DATABASE_CONNECTION_POOL_SIZE": 4,
    **QUICK_REMOTE,
}
AHEAD_MS = (1000, 20, 200)      # what counts as short: more is claimed ahead than is ever good, so that much goes back
WORKERS = (("default,heavy", 3), ("default,heavy", 5), ("default", 4), ("heavy,default", 2))


class Slot:
    """A place for one program, with its own ways to PostgreSQL and Redis; successors come to the same place."""

    def __init__(self, name, world, concurrency=0, **env):
        self.name, self.program, self.stopped, self.concurrency = name, None, set(), concurrency
        place = world.place
        self.gates = {"postgres": Gate(server_address(place.database_url, 5432)),
                      "redis": Gate(server_address(place.redis_url, 6379))}
        self.env = {"WAVEFLEET_DATABASE_URL": moved_to(place.database_url, self.gates["postgres"].port),
                    "WAVEFLEET_REDIS_URL": moved_to(place.redis_url, self.gates["redis"].port), **env}

    @property
    def alive(self):
        return self.program is not None and self.program.alive

    @property
    def supervised(self):
        """Whether its supervisor lives and is not stopped."""
        return self.alive and self.program.pid not in self.stopped

    def runners(self):
        """Runners that live and are not stopped."""
        if not self.alive:
            return []
        return [p for p in children_of(self.program.pid) if name_of(p) == "wavefleet-run" and p not in self.stopped]


class World:
    def __init__(self, folder, say):
        self.folder, self.say = Path(folder), say
        self.stack = Stack()
        self.place = Place(self.stack, "faults")
        # it may stand still by our own doing, and only we let it go on
        self.sql, self.redis = self.place.sql, redis.Redis.from_url(self.place.redis_url, decode_responses=True,
                                                                    socket_timeout=3, socket_connect_timeout=3)
        self.body, self.ledger = build_body(self.folder), self.folder / "ledger"
        self.ledger.touch()
        self.fleet = Fleet(self.place, {**SETTINGS, "WAVEFLEET_COMMAND_ALLOW": self.body})
        os.rmdir(self.fleet.dir)
        self.fleet.dir = self.folder / "logs"
        self.fleet.dir.mkdir()
        self.running_fake = migration_server.start_in_thread().__enter__()
        self.fake = self.running_fake.app
        self.fake.control({"webhook_gaps_ms": [500, 1000, 2000, 3000, 3000]})
        self.fleet.env["WAVEFLEET_MIGRATION_SERVER_URL"] = self.running_fake.url
        self.undo, self.order = [], itertools.count()
        self.unexpected, self.freezes = [], []
        self.aof_sizes = []                 # (monotonic seconds, bytes) of the last seconds
        self.older = None                   # (monotonic seconds, folder): a copy of Redis' data
        self.ended = []                     # programs that were replaced
        self.api = Slot("api", self)
        self.workers = [Slot(f"worker {i}", self, n, WAVEFLEET_WORKER_QUEUES=q,
                             WAVEFLEET_WORKER_AHEAD_MS=str(AHEAD_MS[i % len(AHEAD_MS)]))
                        for i, (q, n) in enumerate(WORKERS)]

    def start(self):
        self.api.program = self.fleet.start_api(**self.api.env)
        reply = self.fleet.http.post("/api/settings", {"mb_site_id": 314159, "mb_secret": "not a real secret"})
        assert reply.status in (200, 201), reply
        for slot in self.workers:
            self.respawn(slot)
        for slot in self.workers:
            self.fleet.wait_worker(slot.program)

    def respawn(self, slot):
        """A program into a place where none lives. Called from the main thread only: they die with it."""
        if slot.alive:
            return
        if slot.program is not None:
            self.bury(slot.program)
        slot.stopped = set()
        if slot is self.api:
            slot.program = self.fleet.start_api(ready=False, **slot.env)
        else:
            slot.program = self.fleet.start_worker(slot.concurrency, ready=False, **slot.env)

    def bury(self, program):
        code = program.process.poll()
        # one that has only just begun has no handler for SIGTERM yet
        if program.expected_exit == "drained" and code not in (0, 1, -signal.SIGTERM):
            self.unexpected.append(f"{program.name} was drained and ended with {code}:\n{program.tail()}")
        if program.expected_exit is None and code is not None:
            self.unexpected.append(f"{program.name} ended by itself with {code}:\n{program.tail()}")
        self.fleet.forget(program)

    def look_after_programs(self):
        """One that ended by itself is a finding, and is replaced; one that was drained is replaced."""
        for slot in (self.api, *self.workers):
            if slot.program is not None and not slot.alive and slot.program.expected_exit in (None, "drained"):
                self.respawn(slot)

    # ---- what is to be undone ----

    def later(self, after_s, label, act, *args):
        heapq.heappush(self.undo, (time.monotonic() + after_s, next(self.order), label, act, args))

    def undo_due(self, everything=False):
        while self.undo and (everything or self.undo[0][0] <= time.monotonic()):
            _, _, label, act, args = heapq.heappop(self.undo)
            try:
                act(*args)
                self.say(f"    {label}")
            except AWAY:            # the server stands still or is down, which is undone in its turn
                self.later(0.5, label, act, *args)

    def next_undo_s(self):
        return self.undo[0][0] - time.monotonic() if self.undo else 3600.0

    # ---- the servers ----

    def server_pid(self, name):
        return int((Path(self.stack.dir) / f"{name}.pid").read_text())

    def strike(self, name, number):
        """A signal to a server that ends it; waits for its end. It may be down already."""
        pid = self.server_pid(name)
        if f"{self.stack.dir}/data/{name}".encode() not in command_of(pid):
            return
        processes = (pid, *children_of(pid))
        for process in processes:       # none that stands still must hold up the end
            send(process, signal.SIGCONT)
        # a server starts only when the last backend of its predecessor has gone
        ended = lambda: all(state_of(p) in ("gone", "Z") for p in processes)
        for then in (number, signal.SIGQUIT, signal.SIGKILL):     # a shutdown may wait for a client which waits for it
            send(pid, then)
            with contextlib.suppress(AssertionError):
                return wait_until(ended, 6, f"{name}'s end")
        raise AssertionError(f"{name} (pid {pid}) does not end")

    def raise_again(self, name):
        if name == "redis":
            self.aof_sizes.clear()
        self.stack.script("up", "--fast")

    def aof(self):
        """Redis' append-only file that grows."""
        return max((Path(self.stack.dir) / AOF).glob("*.incr.aof"), key=lambda p: p.stat().st_mtime)

    def watch_redis(self):
        """Called often: notes how long the file is, and takes a copy of all of it now and then."""
        now = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            self.aof_sizes.append((now, self.aof().stat().st_size))
            while self.aof_sizes and self.aof_sizes[0][0] < now - 3:
                self.aof_sizes.pop(0)
            if self.older is None or self.older[0] < now - 12:
                copy = self.folder / "older-redis"
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(Path(self.stack.dir) / AOF, copy)
                self.older = (now, copy)

    def truncate_aof(self, seconds):
        """Redis is down: its file loses what was written in the last seconds. Returns how many bytes."""
        file = self.aof()
        before = time.monotonic() - seconds
        kept = [size for at, size in self.aof_sizes if at <= before]
        size = file.stat().st_size
        os.truncate(file, min(kept[-1] if kept else size, size))
        return size - file.stat().st_size

    def restore_older(self):
        """Redis is down: its data become those of some seconds ago. Returns how many."""
        if self.older is None:
            return None
        target = Path(self.stack.dir) / AOF
        owner = target.stat()
        shutil.rmtree(target)
        shutil.copytree(self.older[1], target)
        for path in (target, *target.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)
        return time.monotonic() - self.older[0]

    # ---- the end ----

    def mend(self):
        """Everything as it should be: all that was stopped goes on, ways are free, every place is filled."""
        self.undo_due(everything=True)
        for name in ("redis", "postgres"):
            self.raise_again(name)
        self.as_they_were()
        for slot in (self.api, *self.workers):
            for gate in slot.gates.values():
                gate.mend()
            if slot.alive:
                os.kill(slot.program.pid, signal.SIGCONT)
            self.respawn(slot)

    def as_they_were(self):
        """The servers' settings, also where the answer to a fault was lost and its undoing was not noted."""
        for name in ("maxmemory", "min-replicas-to-write"):
            patiently(lambda name=name: self.redis.config_set(name, 0))
        patiently(lambda: self.redis.execute_command("REPLICAOF", "NO", "ONE"))
        for statement in ("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only",
                          "SELECT pg_reload_conf()"):
            patiently(lambda statement=statement: self.sql.execute(statement))

    def stop(self):
        """Drains the programs when they are there, as one that has only just begun has no handler for SIGTERM
        yet; returns complaints."""
        for slot in (self.api, *self.workers):
            if slot.alive and slot.program.expected_exit is None:
                with contextlib.suppress(AssertionError):
                    (self.fleet.wait_ready if slot is self.api else self.fleet.wait_worker)(slot.program)
        programs = [*self.fleet.workers, *self.fleet.apis]
        complaints = [p.stop() for p in programs]
        complaints += [self.fleet.leftovers(), self.bodies_left()]
        complaints += [f"{p.name}: {report}" for p in [*programs, *self.fleet.done] if (report := report_in(p.log))]
        return [c for c in (*complaints, *self.unexpected) if c]

    def bodies_left(self):
        def left():
            return [e.name for e in os.scandir("/proc") if e.name.isdigit() and str(self.ledger).encode() in command_of(e.name)]
        try:
            wait_until(lambda: not left(), 5, "the end of all bodies")
        except AssertionError:
            return f"bodies outlive everything: {left()}"
        return None

    def close(self):
        for slot in (self.api, *self.workers):
            for gate in slot.gates.values():
                gate.close()
            if slot.alive:
                slot.program.kill()
        for program in self.fleet.workers + self.fleet.apis + self.fleet.done:
            if program.alive:
                program.kill()
        self.fake.close()
        self.running_fake.__exit__(None, None, None)
        with contextlib.suppress(*AWAY):
            self.place.close()
        self.stack.close()


def build_body(folder):
    body = Path(folder) / "body"
    subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", body,
                    HERE / "body.c"], check=True)
    return body


def patiently(call, deadline_s=60):
    """What the driver itself asks of PostgreSQL or Redis waits until they are there again."""
    end = time.monotonic() + deadline_s * SLOW
    while True:
        try:
            return call()
        except AWAY:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


# ---- processes ----

def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def stat_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def state_of(pid):
    return (stat_of(pid) or ["gone"])[0]


def born(pid):
    """When a process began, which tells it from a later one of the same number."""
    fields = stat_of(pid)
    return fields[19] if len(fields) > 19 else None


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def send(pid, number, group=False):
    """Returns whether there was somebody to take it."""
    try:
        (os.killpg if group else os.kill)(pid, number)
        return True
    except ProcessLookupError:
        return False


def report_in(log):
    return line_about(log.read_text(errors="replace")) if log.exists() else None
