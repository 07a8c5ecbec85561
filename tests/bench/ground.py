"""Where things are measured: a private Redis and PostgreSQL with their usual
settings (fsync on), and a fresh database with an API and workers for each
measurement, started by the harness of the end-to-end tests."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import psycopg2  # noqa: E402
import stack as e2e  # noqa: E402
from wavefleet import QUICK, Fleet, descendants_of  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
TOLD_S = 2.5     # a session reports its commits once a second at most, with what it does next
KEPT = ("WAVEFLEET_API_TOKEN", "WAVEFLEET_SECRET_KEY", "WAVEFLEET_LOG_LEVEL")
LIMIT_CLIENTS, LIMIT_BATCH = 2, 50


class DurableStack(e2e.Stack):
    """The servers as they come, not as the tests have them. Under /var/tmp, because /tmp may be memory."""

    def __init__(self, flush_us=0):
        tempfile.tempdir = "/var/tmp"
        self.flush_us = flush_us
        super().__init__()

    def script(self, verb, *flags):
        slow = self.slow_flushes() if verb == "up" and self.flush_us else None
        return super().script(verb, *(f for f in flags if f != "--fast"), env=slow)

    def slow_flushes(self):
        """The environment of servers whose flushes take longer."""
        library = f"{self.dir}/slow_flush.so"
        ran("cc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "slow_flush.c")
        return {**os.environ, "LD_PRELOAD": library, "SLOW_FLUSH_US": str(self.flush_us)}

    def pid(self, server):
        return int((Path(self.dir) / f"{server}.pid").read_text())


class Ground:
    """The stack and the deadline of the whole run. flush_us: so much longer each flush of its servers takes."""

    def __init__(self, seconds, flush_us=0):
        self.end = time.monotonic() + seconds
        self.stack = DurableStack(flush_us)

    def left_s(self):
        return self.end - time.monotonic()

    def close(self):
        self.stack.close()

    @contextlib.contextmanager
    def fleet(self, name, workers=0, concurrency=10):
        """An API, and workers, with their usual settings on a fresh place; ended and swept away."""
        place = e2e.Place(self.stack, name)
        fleet = Fleet(place, watched=False)
        for key in QUICK.keys() - set(KEPT):
            fleet.env.pop(key, None)
        fleet.env["WAVEFLEET_LOG_LEVEL"] = "warn"
        try:
            fleet.start_api()
            if workers:
                fleet.start_workers(workers, concurrency)
            yield fleet
        finally:
            with contextlib.suppress(AssertionError):
                fleet.stop(judge=False)
            place.close()

    def checkpoint(self, fleet):
        """So that a run does not pay for what an earlier one wrote."""
        fleet.place.admin.execute("CHECKPOINT")

    # ---- the limit ----

    def limit(self, rows, waves):
        """Rows a second that two clients settle in batches of fifty: limit.sql under pgbench."""
        name = "wf_limit"
        admin = e2e.Sql(self.stack.database_url)
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        url = e2e.with_database(self.stack.database_url, name)
        share = rows // LIMIT_CLIENTS
        try:
            ran("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"rows={rows}", "-v", f"waves={waves}",
                "-f", HERE / "limit_schema.sql", url)
            admin.execute("CHECKPOINT")
            said = ran("pgbench", "-n", "-M", "prepared", "-c", LIMIT_CLIENTS, "-j", LIMIT_CLIENTS,
                       "-t", share // LIMIT_BATCH, "-D", f"share={share}", "-D", "n=0", "-f", HERE / "limit.sql", url)
            with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as c:
                c.execute("SELECT sum(completed) FROM limit_waves")
                done = int(c.fetchone()[0])
            if done != rows:
                raise RuntimeError(f"the limit settled {done} of {rows} rows:\n{said}")
            return float(re.search(r"^tps = ([0-9.]+)", said, re.M)[1]) * LIMIT_BATCH
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.close()


def ran(*argv):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


# ---- what a run costs ----

def cpu_s(pid):
    """CPU seconds of a process, its descendants, and those of them that it has reaped."""
    total = 0
    for each in [pid, *descendants_of(pid)]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))       # utime stime cutime cstime
    return total / TICKS


class Costs:
    """Counts that do not depend on the machine, and CPU, from the start to cost()."""

    def __init__(self, ground, fleet):
        self.ground, self.fleet = ground, fleet
        self.before = self.now()

    def commits(self):
        return float(self.fleet.sql.value("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"))

    def now(self):
        info = self.fleet.redis.info("all")
        return {"wal": float(self.fleet.sql.value("SELECT pg_current_wal_lsn() - '0/0'")), "commits": self.commits(),
                "redis_commands": info["total_commands_processed"],
                "redis_cpu": info["used_cpu_sys"] + info["used_cpu_user"],
                "postgres_cpu": cpu_s(self.ground.stack.pid("postgres")),
                "worker_cpu": sum(cpu_s(w.pid) for w in self.fleet.workers)}

    def each(self, jobs):
        """The same for one job; CPU in microseconds."""
        now = self.now()
        return {k: (now[k] - self.before[k]) / jobs * (1e6 if k.endswith("cpu") else 1) for k in now}

    def all_commits(self, jobs):
        """Those of a job, when PostgreSQL knows of all: a moment after the end."""
        time.sleep(TOLD_S)
        return (self.commits() - self.before["commits"]) / jobs


def memory_kb(pid):
    """(PSS, private) of a process in KB."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return int(found["Pss"]), int(found["Private_Clean"]) + int(found["Private_Dirty"])
