"""A private PostgreSQL and Redis that a test may break: stopped, killed, started again, reconfigured.
Nobody else uses them."""

import contextlib
import os
import pwd
import signal
import subprocess
import threading
import time
from pathlib import Path

import psycopg2
import redis

from gate import Gate
from stack import Place, Sql, Stack, server_address
from wavefleet import SLOW, free_port, wait_until

STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "term": signal.SIGTERM, "kill": signal.SIGKILL}


class OwnStack(Stack):
    """scripts/stack of one's own. `durable`: with fsync, as the servers come."""

    def __init__(self, durable=False):
        self.flags = () if durable else ("--fast",)
        super().__init__()

    def script(self, verb, *flags):
        return super().script(verb, *(self.flags if verb == "up" else flags))

    def pid(self, server):
        return int((Path(self.dir) / f"{server}.pid").read_text())

    def halt(self, server, how):
        """Ends a server as STOPS names it, and waits until its process is gone."""
        pid = self.pid(server)
        orphans = children_of_postmaster(pid) if server == "postgres" else []
        os.kill(pid, STOPS[how])
        wait_until(lambda: not any(exists(p) for p in [pid, *orphans]), 30, f"the end of {server}", every_s=0.01)

    def up(self):
        """Starts what does not run, with its data."""
        self.script("up")

    def restart(self, server, how, away_s=0.0):
        self.halt(server, how)
        time.sleep(away_s)      # the length of the outage is the parameter of a test
        self.up()

    def postgres_folder(self):
        return Path(self.dir, "data").resolve() / "postgres"


def exists(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of_postmaster(pid):
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(entry.name))
    return found


def answers_redis(url):
    """Whether a Redis takes commands (it may be there, and still load its data)."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def answers_postgres(url):
    """Whether PostgreSQL takes connections."""
    with contextlib.suppress(psycopg2.Error):
        psycopg2.connect(url, connect_timeout=2).close()
        return True
    return False


def user_of_postgres():
    """The words before a command line that make it run as the owner of PostgreSQL's data (scripts/stack)."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "--"]


def as_postgres(argv):
    """Runs a program of PostgreSQL's."""
    return subprocess.run([*user_of_postgres(), *map(str, argv)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd="/", timeout=120, text=True)


class SpareRedis:
    """A further Redis, alone, for what must not happen to the stack's: another one to fail over to,
    a small or a forgetful one."""

    def __init__(self, folder, *options):
        self.port, self.folder, self.options, self.process = free_port(), Path(folder), options, None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()
        self.client = redis.Redis.from_url(self.url, decode_responses=True)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
                 "--dir", str(self.folder), "--save", "", "--appendonly", "no", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: answers_redis(self.url), 20, "the further Redis", every_s=0.02)

    def stop(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(20 * SLOW)

    def close(self):
        self.client.close()
        if self.process.poll() is None:
            self.stop()


def postgres_address(place):
    return server_address(place.database_url, 5432)


def redis_address(place):
    return server_address(place.redis_url, 6379)


class PickyGate(Gate):
    """A gate that can let single connections hang: `hang(word)` those that exist and whose first bytes
    have the word in them (a client's name)."""

    def __init__(self, target):
        self.first, self.hung, self.free = {}, set(), threading.Condition()
        super().__init__(target)

    def pump(self, pair, name):
        super().pump(Held(self, pair), name)

    def hold(self, near, data):
        if len(self.first.setdefault(near, b"")) < 4096:
            self.first[near] += data
        with self.free:
            self.free.wait_for(lambda: near not in self.hung)

    def hang(self, word):
        """How many connections hang now."""
        with self.lock:
            found = [p.near for p in self.pairs if word in self.first.get(p.near, b"") and p.near.fileno() >= 0]
        self.hung.update(found)
        return len(found)

    def mend(self):
        with self.free:
            self.hung.clear()
            self.free.notify_all()
        super().mend()


class Held:
    """A pair whose bytes wait while it hangs."""

    def __init__(self, gate, pair):
        self.gate, self.pair, self.near, self.far, self.lost = gate, pair, pair.near, pair.far, pair.lost

    def ends(self, way):
        source, sink = self.pair.ends(way)
        return source, HeldSocket(self.gate, self.near, sink)

    def __eq__(self, other):
        return other is self.pair or other is self

    def __hash__(self):
        return hash(self.pair)


class HeldSocket:
    def __init__(self, gate, near, sink):
        self.gate, self.near, self.sink = gate, near, sink

    def sendall(self, data):
        self.gate.hold(self.near, data)
        self.sink.sendall(data)

    def shutdown(self, how):
        self.sink.shutdown(how)

    def close(self):
        self.sink.close()


class SturdySql(Sql):
    """SQL through a server that goes and comes: a question that breaks off is asked again for a while."""

    def again(self, function, *args):
        end = time.monotonic() + 30 * SLOW
        while True:
            try:
                return function(*args)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if time.monotonic() >= end:
                    raise
                connection, self.mine.connection = getattr(self.mine, "connection", None), None
                if connection:
                    connection.close()
                time.sleep(0.05)

    def rows(self, query, *args):
        return self.again(super().rows, query, *args)

    def execute(self, query, *args):
        return self.again(super().execute, query, *args)


class OwnPlace(Place):
    """A place on a stack that is broken on purpose."""

    def __init__(self, stack, name):
        super().__init__(stack, name)
        for old in (self.sql, self.admin):
            old.close()
        self.sql, self.admin = SturdySql(self.database_url), SturdySql(stack.database_url)
