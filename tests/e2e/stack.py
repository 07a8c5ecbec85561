"""A private PostgreSQL and Redis for one test session (scripts/stack), and a
`Place` in them for each test module: a fresh database and a flushed Redis."""

import collections
import contextlib
import itertools
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import psycopg2.extras
import redis

ROOT = Path(__file__).resolve().parents[2]
REDIS_DATABASES = 16


class Stack:
    """`scripts/stack` in a temporary folder; gone when closed."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="wf-e2e.")
        os.chmod(self.dir, 0o755)
        self.numbers = itertools.count(1)
        self.redis_numbers = collections.deque(range(1, REDIS_DATABASES))     # those that no place has
        try:
            self.script("up", "--fast")
            found = self.environment()
        except BaseException:
            self.close()
            raise
        self.database_url, self.redis_url = found["WAVEFLEET_DATABASE_URL"], found["WAVEFLEET_REDIS_URL"]

    def script(self, verb, *flags, env=None):
        program = os.environ.get("WAVEFLEET_STACK", str(ROOT / "scripts/stack"))
        done = subprocess.run([program, verb, "--dir", self.dir, *flags], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, env=env)
        assert done.returncode == 0, f"scripts/stack {verb} failed ({done.returncode}):\n{done.stdout}"
        return done.stdout

    def environment(self):
        """The variables of `scripts/stack env`, whose lines are `export NAME=value`."""
        found = {}
        for line in self.script("env").splitlines():
            words = shlex.split(line)
            for word in words[1:] if words[:1] == ["export"] else words:
                name, mark, value = word.partition("=")
                if mark:
                    found[name] = value
        return found

    def close(self):
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self.script("down", "--purge")
        shutil.rmtree(self.dir, ignore_errors=True)


class Place:
    """One database and one Redis database of the stack."""

    def __init__(self, stack, name):
        assert stack.redis_numbers, f"more than {REDIS_DATABASES - 1} places at once"
        self.stack, self.redis_number = stack, stack.redis_numbers.popleft()
        self.database = f"wf_{name}_{next(stack.numbers)}".lower()[:60]
        self.admin = Sql(stack.database_url)
        self.admin.execute(f'CREATE DATABASE "{self.database}"')
        self.database_url = with_database(stack.database_url, self.database)
        self.redis_url = with_redis_number(stack.redis_url, self.redis_number)
        self.sql = Sql(self.database_url)
        self.redis = redis.Redis.from_url(self.redis_url, decode_responses=True)
        self.redis.flushdb()

    def create_database(self, name):
        """Another database of the same server; returns its URL."""
        self.admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.admin.execute(f'CREATE DATABASE "{name}"')
        return with_database(self.stack.database_url, name)

    def drop_database(self, name):
        self.admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self):
        self.sql.close()
        self.redis.flushdb()
        self.redis.close()
        self.stack.redis_numbers.append(self.redis_number)
        self.drop_database(self.database)
        self.admin.close()


class Sql:
    """psycopg2 with one autocommit connection a thread; rows come as dicts."""

    def __init__(self, url):
        self.url = url
        self.mine = threading.local()
        self.all = []

    def cursor(self):
        connection = getattr(self.mine, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg2.connect(self.url, options="-c search_path=wavefleet,public -c client_min_messages=warning",
                                          connect_timeout=10)
            connection.autocommit = True
            self.mine.connection = connection
            self.all.append(connection)
        return connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)

    def execute(self, query, *args):
        with self.cursor() as c:
            c.execute(query, args or None)

    def rows(self, query, *args):
        with self.cursor() as c:
            c.execute(query, args or None)
            return [dict(r) for r in c.fetchall()]

    def row(self, query, *args):
        found = self.rows(query, *args)
        return found[0] if found else None

    def value(self, query, *args):
        found = self.row(query, *args)
        return next(iter(found.values())) if found else None

    def close(self):
        for connection in self.all:
            connection.close()


def with_database(url, name):
    parts = urlsplit(url)
    made = urlunsplit(parts._replace(path="/" + name))
    # urlunsplit drops the empty authority that libpq needs before a path
    return made if parts.netloc or made.startswith(parts.scheme + "://") else made.replace(":", "://", 1)


def with_redis_number(url, number):
    """redis://…/N; a UNIX socket stays with database 0."""
    parts = urlsplit(url)
    return url if parts.scheme == "unix" else urlunsplit(parts._replace(path=f"/{number}"))



def server_address(url, default_port):
    """Where the server of a URL listens: ('host', port) or a socket path."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    query = dict(p.partition("=")[::2] for p in parts.query.split("&") if p)
    host = parts.hostname or query.get("host", "127.0.0.1").replace("%2F", "/").replace("%2f", "/")
    port = parts.port or int(query.get("port", default_port))
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def moved_to(url, port):
    """The same URL with the server at 127.0.0.1:port."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis://127.0.0.1:{port}"
    user = parts.netloc.rpartition("@")[0]
    query = "&".join(p for p in parts.query.split("&") if p and p.partition("=")[0] not in ("host", "port"))
    return urlunsplit(parts._replace(netloc=(user + "@" if user else "") + f"127.0.0.1:{port}", query=query))
