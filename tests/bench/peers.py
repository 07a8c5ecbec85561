"""The peers of peers/: the same durable work, and an empty body, on the same servers, in turn with our drain."""

import contextlib
import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback
from pathlib import Path

from drains import drain
from ground import Costs, e2e, ran
from wavefleet import ROOT, Program, free_port, wait_until

HERE = Path(__file__).resolve().parent / "peers"
BUILT = ROOT / "build/peers"
WAVES, WORKERS, CLIENTS = 20, 2, 20
OUR_ROWS = 40_000, 400         # in a usual and in a quick run
QUICK_JOBS = 40
LONGEST_S = 60


class Missing(Exception):
    """A peer is not there; the reason is one line."""


# ---- where they come from ----

def tried(what, *argv, cwd=None, env=None, timeout=180):
    """The output of a command; Missing, with its last words, where it fails."""
    try:
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, cwd=cwd, env=env, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Missing(f"{what}: {e}") from e
    if done.returncode != 0:
        words = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Missing(f"{what}: {words[-1]}")
    return done.stdout.strip()


@functools.cache
def npm_packages():
    """Installs what package-lock.json names into build/peers, unless it is there. Returns what is wrong, or None."""
    locked = HERE / "package-lock.json"
    mark = BUILT / "node_modules/installed.json"
    if mark.exists() and mark.read_text() == locked.read_text():
        return None
    BUILT.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "package.json", locked):
        shutil.copy(file, BUILT)
    try:
        tried("npm ci", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error", cwd=BUILT)
    except Missing as e:
        return str(e)
    shutil.copy(locked, mark)
    return None


def node():
    """The Node.js of the packages, or the machine's."""
    found = sorted(BUILT.glob("node_modules/node-linux-*/bin/node"))
    return str(found[0]) if found else "node"


def from_npm(package):
    def version():
        wrong = npm_packages()
        if wrong:
            raise Missing(wrong)
        found = json.loads((BUILT / "node_modules" / package / "package.json").read_text())
        return f"{found['version']}, Node.js " + tried("Node.js", node(), "--version").lstrip("v")
    return version


def from_debian(*argv):
    def version():
        said = tried("scripts/bootstrap peers installs it", *argv)
        return re.search(r"[0-9]+(\.[0-9]+)+", said)[0]
    return version


def beanstalkd_version():
    if not (BUILT / "beanstalk").exists():
        raise Missing("its client is not built: run make bench-peers")
    return from_debian("beanstalkd", "-v")()


# ---- what each leaves behind ----

def redis_left(*keys):
    """How many jobs the lists, sorted sets and hashes of a queue in Redis still hold."""
    sizes = {"list": "llen", "zset": "zcard", "hash": "hlen"}

    def left(run):
        kinds = {key: run.redis.type(key) for key in keys}
        return sum(getattr(run.redis, sizes[kind])(key) for key, kind in kinds.items() if kind in sizes)
    return left


def sql_left(query):
    return lambda run: run.sql.value(query)


def beanstalk_left(run):
    with socket.create_connection(("127.0.0.1", run.port), timeout=10) as s:
        s.sendall(b"stats-tube default\r\n")
        said = s.recv(65536).decode()
    return sum(int(line.partition(": ")[2]) for line in said.splitlines()
               if line.startswith(("current-jobs-ready", "current-jobs-res", "current-jobs-del", "current-jobs-bur")))


# ---- the peers ----

def node_program(file):
    return lambda peer, verb, number: [node(), HERE / file, verb]


def sidekiq_program(peer, verb, number):
    file = HERE / "sidekiq.rb"
    return ["ruby", file, verb] if verb == "enqueue" else ["sidekiq", "-r", file, "-c", peer.concurrency]


def celery_program(peer, verb, number):
    if verb == "enqueue":
        return ["/usr/bin/python3", HERE / "celery_jobs.py", verb]
    return ["/usr/bin/python3", "-m", "celery", "-A", "celery_jobs", "--workdir", HERE, "worker", "-c", peer.concurrency,
            "-n", f"w{number}@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]


def beanstalk_program(peer, verb, number):
    return [BUILT / "beanstalk", verb]


@dataclasses.dataclass(frozen=True)
class Peer:
    key: str
    title: str
    version: object             # () -> text, or Missing
    program: object             # (peer, verb, number of the worker) -> argv
    left: object                # (run) -> jobs that its queue still has
    concurrency: int            # of each of the two processes
    jobs: int                   # of a durable run
    empty_jobs: int             # of one with an empty body; 0: there is none
    fetch: int = 1              # jobs that a process fetches at once, where it can
    transactional: bool = False


BULL = ("bull:work:wait", "bull:work:active", "bull:work:delayed", "bull:work:prioritized", "bull:work:failed")
BOSS = "SELECT count(*) FROM pgboss.job WHERE state <> 'completed'"
GRAPHILE = "SELECT count(*) FROM graphile_worker.jobs"
CELERY = ("/usr/bin/python3", "-m", "celery", "--version")
PEERS = (
    Peer("bullmq", "BullMQ", from_npm("bullmq"), node_program("bullmq.cjs"), redis_left(*BULL), 50, 20_000, 40_000),
    Peer("pgboss", "pg-boss", from_npm("pg-boss"), node_program("pgboss.cjs"), sql_left(BOSS), 10, 20_000, 60_000, 1000),
    Peer("pgboss_batch", "pg-boss, a thousand jobs in one transaction", from_npm("pg-boss"), node_program("pgboss.cjs"),
         sql_left(BOSS), 1, 60_000, 0, 1000, True),
    Peer("graphile", "graphile-worker", from_npm("graphile-worker"), node_program("graphile.cjs"), sql_left(GRAPHILE),
         10, 20_000, 100_000, 500),
    Peer("sidekiq", "Sidekiq", from_debian("sidekiq", "-V"), sidekiq_program, redis_left("queue:default", "retry", "dead"),
         10, 20_000, 40_000),
    Peer("celery", "Celery", from_debian(*CELERY), celery_program, redis_left("celery", "unacked"), 4, 6_000, 10_000, 64),
    Peer("beanstalkd", "beanstalkd", beanstalkd_version, beanstalk_program, beanstalk_left, 10, 40_000, 100_000),
)


def prepare_tables(place, jobs):
    ran("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"jobs={jobs}", "-v", f"waves={WAVES}",
        "-f", HERE / "schema.sql", place.database_url)


def cpu_each(found):
    """CPU of all that took part."""
    return found["worker_cpu"] + found["redis_cpu"] + found["postgres_cpu"]


class PeerRun:
    """One peer, one time: a fresh place, all jobs in the queue, then the workers until all bodies have run."""

    def __init__(self, bench, peer, durable, jobs):
        self.bench, self.peer, self.durable, self.jobs = bench, peer, durable, jobs
        self.end = time.monotonic() + min(LONGEST_S, max(bench.ground.left_s(), 5))
        self.dir = Path(tempfile.mkdtemp(prefix="wf-peer."))
        self.place = e2e.Place(bench.ground.stack, peer.key)
        self.sql, self.redis = self.place.sql, self.place.redis
        self.workers, self.port = [], free_port()       # a queue's own server counts as one of them
        self.env = {**os.environ, "NODE_PATH": str(BUILT / "node_modules"), "NODE_ENV": "production",
                    "PEER_DATABASE_URL": self.place.database_url, "PEER_REDIS_URL": self.place.redis_url,
                    "PEER_DIR": str(self.dir), "PEER_SQL": str(HERE / "work.sql"), "PEER_DURABLE": str(int(durable)),
                    "PEER_CONCURRENCY": str(peer.concurrency), "PEER_JOBS": str(jobs), "PEER_FETCH": str(peer.fetch),
                    "PEER_TRANSACTIONAL": str(int(peer.transactional)), "PEER_BEANSTALK_PORT": str(self.port),
                    "PYTHONDONTWRITEBYTECODE": "1"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
        self.place.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def end_all(self):
        """At once, with what they forked: all that matters has been looked at."""
        for program in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.process.wait(10)

    def start(self, name, argv):
        return Program(name, argv, self.env, self.dir / f"{name}.log")

    def prepare(self):
        if self.peer.key == "beanstalkd":
            log = self.dir / "binlog"
            log.mkdir()
            self.workers.append(self.start("server", ["beanstalkd", "-l", "127.0.0.1", "-p", self.port, "-b", log]))
            wait_until(lambda: not beanstalk_left(self), 10, "beanstalkd")
        prepare_tables(self.place, self.jobs)
        done = subprocess.run([str(a) for a in self.peer.program(self.peer, "enqueue", 0)], env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.peer.title} could not enqueue:\n{done.stdout[-2000:]}")
        self.sql.execute("VACUUM ANALYZE")
        self.place.admin.execute("CHECKPOINT")

    def tally(self):
        """(bodies that have run, when the first and the last), from what the processes wrote."""
        lines = [f.read_text().split() for f in self.dir.glob("tally.*") if f.suffix != ".new"]
        found = [(int(n), float(first), float(last)) for n, first, last in lines if int(n)]
        return (sum(n for n, _, _ in found), min((f for _, f, _ in found), default=0), max((t for _, _, t in found), default=0))

    def wait(self, what, condition):
        while not condition():
            dead = [w for w in self.workers if not w.alive]
            if dead:
                raise RuntimeError(f"{dead[0].name} ended by itself; its log ends:\n{dead[0].tail()}")
            if time.monotonic() > self.end:
                raise RuntimeError(f"{what} did not come in {LONGEST_S} s: {self.tally()[0]} of {self.jobs} bodies, "
                                   f"{self.peer.left(self)} jobs in the queue\n{self.workers[-1].tail()}")
            time.sleep(0.05)

    def measure(self):
        """Jobs a second, and microseconds of CPU for each."""
        self.prepare()
        costs = Costs(self.bench.ground, self)
        self.workers += [self.start(f"worker{n}", self.peer.program(self.peer, "work", n)) for n in range(WORKERS)]
        self.wait("the last body", self.all_ran)
        self.wait("an empty queue", lambda: not self.peer.left(self))
        cpu = cpu_each(costs.each(self.jobs))
        self.end_all()
        return self.rate(), cpu

    def all_ran(self):
        counted = self.sql.value("SELECT sum(completed) FROM peer_waves") if self.durable else self.jobs
        return counted >= self.jobs and self.tally()[0] >= self.jobs

    def rate(self):
        bodies, first, last = self.tally()
        if bodies > self.jobs:
            self.bench.say(f"{self.peer.title}: {bodies - self.jobs} jobs were delivered again")
        if not self.durable:
            return self.jobs / max(last - first, 1e-6)
        s = self.sql.row("""SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
            extract(epoch FROM max(finished_at) - min(finished_at))::float AS took, (SELECT sum(completed) FROM peer_waves) AS counted,
            (SELECT count(*) FROM peer_waves w WHERE completed <> (SELECT count(*) FROM peer_jobs j WHERE j.wave_no = w.wave_no)) AS wrong
            FROM peer_jobs""")
        if not s["completed"] == s["counted"] == self.jobs or s["wrong"] or bodies < self.jobs:
            raise RuntimeError(f"{self.peer.title}: not every job was done once: {s}, {bodies} bodies")
        return self.jobs / s["took"]


# ---- all of them, in turn ----

def one_commit_each(bench, jobs):
    """What PostgreSQL takes of the same work from twenty clients, one commit a job and no queue."""
    place = e2e.Place(bench.ground.stack, "peer_limit")
    try:
        prepare_tables(place, jobs)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write("\\set id :n * :clients + :client_id + 1\n\\set n :n + 1\n"
                         + (HERE / "work.sql").read_text().replace("$1", ":id") + ";\n")
            script.flush()
            said = ran("pgbench", "-n", "-M", "prepared", "-c", CLIENTS, "-j", WORKERS, "-t", jobs // CLIENTS,
                       "-D", f"clients={CLIENTS}", "-D", "n=0", "-f", script.name, place.database_url)
        done = place.sql.value("SELECT sum(completed) FROM peer_waves")
        if done != jobs:
            raise RuntimeError(f"pgbench did {done} of {jobs} jobs:\n{said}")
        return float(re.search(r"^tps = ([0-9.]+)", said, re.M)[1])
    finally:
        place.close()


def those_there(bench):
    """The peers that can be measured, with their version; the others are named with the reason."""
    found, missing = {}, 0
    for peer in PEERS:
        try:
            found[peer] = peer.version()
        except Missing as e:
            missing += 1
            bench.say(f"{peer.title} is not measured: {e}")
    return found, missing


def ours(bench, seen):
    """Our drain, in rows a second."""
    rate, costs = drain(bench, "drain", WAVES, bench.size(*OUR_ROWS) // WAVES, batch_size=10_000)
    seen["ours"].append(rate)
    seen["ours_cpu"].append(cpu_each(costs))
    return rate


def measured(bench, peer, seen):
    """One round of one peer, held against a drain just before it."""
    def note(name, value):
        seen.setdefault(f"{peer.key}{name}", []).append(value)
    drained = seen["ours"][-1] if bench.quick and seen["ours"] else ours(bench, seen)
    with PeerRun(bench, peer, True, bench.size(peer.jobs, QUICK_JOBS)) as run:
        rate, cpu = run.measure()
    note("", rate)
    note("_ratio", drained / rate)
    note("_cpu", cpu)
    if peer.empty_jobs:
        with PeerRun(bench, peer, False, bench.size(peer.empty_jobs, QUICK_JOBS)) as run:
            rate, _ = run.measure()
        note("_empty", rate)
        note("_empty_ratio", drained / rate)


def report(bench, versions, seen):
    bench.report("peers_limit", f"pgbench, {CLIENTS} clients, the peers' work, one commit a job", seen["limit"], "jobs/s")
    bench.report("peers_drain", f"wavefleet, {bench.size(*OUR_ROWS):,} noop in {WAVES} waves, {WORKERS} workers of 10 runners",
                 seen["ours"], "rows/s")
    bench.report("peers_drain_cpu", "the same: CPU of workers, queue and PostgreSQL", seen["ours_cpu"], "µs/job")
    for peer, version in versions.items():
        what = f"{peer.title} ({version}), {WORKERS} × {peer.concurrency}"
        for name, words, unit, target in (("", what, "jobs/s", {}), ("_ratio", f"wavefleet against {peer.title}", "", {"at_least": 1}),
                                          ("_cpu", f"{peer.title}: CPU of workers, queue and PostgreSQL", "µs/job", {}),
                                          ("_empty", f"{peer.title}, nothing durable", "jobs/s", {}),
                                          ("_empty_ratio", f"wavefleet, durable, against {peer.title}, nothing durable", "",
                                           {"at_least": 1})):
            if peer.key + name in seen:
                bench.report(peer.key + name, words, seen[peer.key + name], unit, **target)


def peers(bench):
    versions, missing = those_there(bench)
    seen, failed = {"limit": [], "ours": [], "ours_cpu": []}, set()
    for _ in bench.rounds():
        seen["limit"].append(one_commit_each(bench, bench.size(20_000, 200)))
        for peer in [p for p in versions if p not in failed]:
            bench.say(f"    {peer.title}")
            try:
                measured(bench, peer, seen)
            except Exception:
                failed.add(peer)
                bench.say(f"{peer.title} could not be measured:\n{traceback.format_exc()}")
    report(bench, versions, seen)
    if failed or (bench.quick and missing):
        raise RuntimeError(f"{len(failed)} peers failed, {missing} were not there")


MEASURES = {"peers": peers}
