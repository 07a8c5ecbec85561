"""Ten thousand migrations parked at once at an outside server: parked, polled at their intervals, polled at the
server's limit, and settled by webhooks, one after the other."""

import collections
import contextlib
import json
import select
import subprocess
import time
from pathlib import Path

from ground import Costs, cpu_s
from load import Connection, request_bytes
from wavefleet import TOKEN, wait_until
from work import percentile

WORKERS, RUNNERS = 2, 8
CLIENTS = 16
NEVER_MS, UNLIMITED_PER_S = 3_600_000, 100_000
POLL_MS, LIMIT_PER_S = 15_000, 10   # between two polls; the limit of remote.rate_per_s as it comes


class Outside:
    """The migration server (outside) in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen([Path(__file__).resolve().parent / "outside"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def ask(self, path):
        connection = Connection(self.port)
        _, body, _ = connection.ask(request_bytes("GET", path, "none"))
        connection.close()
        return json.loads(body)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)


@contextlib.contextmanager
def place(bench, name):
    """A fleet whose migration server is Outside, without workers yet."""
    with Outside() as outside, bench.ground.fleet(name) as fleet:
        fleet.env["WAVEFLEET_MIGRATION_SERVER_URL"] = f"http://127.0.0.1:{outside.port}"
        reply = fleet.http.post("/api/settings", {"mb_site_id": 1, "mb_secret": "not a real secret"})
        if reply.status != 200:
            raise RuntimeError(f"the secret was not taken: {reply}")
        yield fleet, outside


def new_workers(fleet, rate_per_s, poll_ms):
    """In the place of those that there were."""
    for worker in list(fleet.workers):
        worker.stop()
        fleet.forget(worker)
    fleet.start_workers(WORKERS, RUNNERS, WAVEFLEET_REMOTE_RATE_PER_S=rate_per_s, WAVEFLEET_REMOTE_POLL_INITIAL_MS=poll_ms,
                        WAVEFLEET_REMOTE_POLL_CAP_MS=poll_ms)


def transactions(fleet):
    """Those that wrote, so far. PostgreSQL's own count of commits is seconds late."""
    return int(fleet.sql.value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))


# ---- parking ----

def park(fleet, count):
    """One wave, all of it parked. Returns its id and how many were parked a second."""
    wave_id = fleet.submit("parked", [{"project": f"site-{i}", "brz_project_id": 1 + i} for i in range(count)], "remote",
                           batch_size=10_000, workspace_id=7)
    new_workers(fleet, UNLIMITED_PER_S, NEVER_MS)
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active WHERE state = 'parked'") == count, 180, "all parked", 0.1)
    took = fleet.sql.value("SELECT extract(epoch FROM max(updated_at) - min(started_at))::float FROM migrations")
    return wave_id, count / took


# ---- polls ----

def spread_polls(fleet, interval_ms):
    """As if they had been parked over the last interval: nobody waits an hour for the polls of this bench."""
    fleet.sql.execute("UPDATE active SET due_at = now() + random() * %s * interval '1 ms' WHERE state = 'parked'", interval_ms)
    rows = fleet.sql.rows("SELECT migration_id AS id, extract(epoch FROM due_at) * 1000 AS at FROM active WHERE state = 'parked'")
    fleet.redis.zadd("wavefleet:delayed", {r["id"]: int(r["at"]) for r in rows})


def polls_per_s(outside, seconds):
    """Status calls a second that arrive, from now on; where the machine stands still, until there is one."""
    arrived = lambda: len(outside.ask("/_calls")["statuses"])
    before, begun = arrived(), time.monotonic()
    time.sleep(seconds)
    wait_until(lambda: arrived() > before, 20, "a poll")
    return (arrived() - before) / (time.monotonic() - begun)


def polled(bench, fleet, outside, count, seen):
    """At their intervals, a thousand a second; then at the limit of the server, far less than the intervals ask for, with
    a wave of quick jobs beside them."""
    interval_ms, seconds = bench.size(POLL_MS, 400), bench.size(10, 1)
    for worker in fleet.workers:
        worker.stop()
    spread_polls(fleet, interval_ms)
    new_workers(fleet, UNLIMITED_PER_S, interval_ms)
    time.sleep(bench.size(2, 0.5))
    costs, before = Costs(bench.ground, fleet), transactions(fleet)
    seen["polls"].append(polls_per_s(outside, seconds) / (count / interval_ms * 1000))
    polls = seen["polls"][-1] * count / interval_ms * 1000 * seconds
    seen["poll_commits"].append((transactions(fleet) - before) / polls)
    found = costs.each(polls)
    for key in ("postgres_cpu", "worker_cpu", "redis_cpu"):
        seen[f"poll_{key}"].append(found[key])
    new_workers(fleet, LIMIT_PER_S, interval_ms)
    time.sleep(bench.size(2, 0.5))
    seen["limit"].append(polls_per_s(outside, seconds) / LIMIT_PER_S)
    quick = fleet.submit("quick", [f"quick-{i}" for i in range(bench.size(60, 5))], batch_size=60, params={"sleep_ms": 100})
    fleet.wait_wave(quick, 60)
    seen["beside"].append(fleet.sql.value("""SELECT extract(epoch FROM completed_at - created_at)::float
        FROM waves WHERE wave_id = %s""", quick))


# ---- webhooks ----

def webhook_requests(outside):
    """What the migration server would post, in the order in which it was started."""
    for project, target, url in outside.ask("/_starts"):
        path = "/" + url.split("/", 3)[3]
        yield request_bytes("POST", path, "none", {
            "mb_project_uuid": project, "brz_project_id": target, "status": "completed", "brizy_project_id": target,
            "brizy_project_domain": f"project-{target}.example", "migration_id": f"mig-{target}", "theme": "Anthem"})


def deliver(port, requests, connections):
    """All requests once, over kept-alive connections, each with one under way. Returns the seconds it took and
    the times of the answers in ms."""
    clients = {c.socket.fileno(): c for c in (Connection(port) for _ in range(connections))}
    left, times, poll = list(reversed(requests)), [], select.epoll()
    begun = time.perf_counter()
    for number, client in clients.items():
        poll.register(number, select.EPOLLIN)
        client.send(left.pop())
    while len(times) < len(requests):
        ready = poll.poll(30)
        if not ready:
            raise TimeoutError("no answer within 30 s")
        for number, _ in ready:
            answer = clients[number].receive()
            if not answer:
                continue
            if answer[0] != 200:
                raise RuntimeError(f"a webhook was answered {answer[0]}: {answer[1][:200]!r}")
            times.append((time.perf_counter() - clients[number].sent_at) * 1000)
            if left:
                clients[number].send(left.pop())
    took = time.perf_counter() - begun
    for client in clients.values():
        client.close()
    poll.close()
    return took, times


def check_settled(fleet, wave_id, count):
    """Every migration once, and every webhook was the one that did it."""
    fleet.wait_wave(wave_id, 60)
    found = fleet.sql.row("""SELECT count(*) FILTER (WHERE m.state = 'completed') AS completed,
        (SELECT count(*) FROM attempts a JOIN migrations o ON o.id = a.migration_id
          WHERE o.wave_no = w.wave_no AND a.outcome = 'completed') AS attempts,
        (SELECT sum(completed) FROM wave_progress p WHERE p.wave_no = w.wave_no) AS progress,
        (SELECT count(*) FROM webhooks WHERE verdict = 'settled') AS webhooks
        FROM waves w JOIN migrations m USING (wave_no) WHERE w.wave_id = %s GROUP BY w.wave_no""", wave_id)
    if set(found.values()) != {count}:
        raise RuntimeError(f"not every migration was settled once: {dict(found)}")


def settled_by_webhooks(bench, fleet, outside, wave_id, count, seen):
    requests = list(webhook_requests(outside))
    bench.ground.checkpoint(fleet)
    costs, api, before = Costs(bench.ground, fleet), cpu_s(fleet.api.pid), transactions(fleet)
    took, times = deliver(fleet.port, requests, min(CLIENTS, count))
    seen["commits"].append((transactions(fleet) - before) / count)
    found = costs.each(count)
    seen["api_cpu"].append((cpu_s(fleet.api.pid) - api) / count * 1e6)
    check_settled(fleet, wave_id, count)
    seen["webhooks"].append(count / took)
    seen["p99"].append(percentile(times, 0.99))
    for key in ("postgres_cpu", "wal"):
        seen[key].append(found[key])


def parked(bench):
    count = bench.size(10_000, 40)
    seen = collections.defaultdict(list)
    for _ in bench.rounds(2):
        with place(bench, "parked") as (fleet, outside):
            wave_id, rate = park(fleet, count)
            seen["parked"].append(rate)
            polled(bench, fleet, outside, count, seen)
            settled_by_webhooks(bench, fleet, outside, wave_id, count, seen)
    runners = f"{WORKERS} workers of {RUNNERS} runners"
    bench.report("parked", f"remote migrations started and parked, {count:,} in one wave, {runners}", seen["parked"], "starts/s")
    bench.report("polls", f"their polls, each every {POLL_MS // 1000} s: of those that the intervals ask for", seen["polls"], "",
                 at_least=0.9)
    for key, what, unit in (("worker_cpu", "CPU of workers and runners", "µs"), ("postgres_cpu", "CPU of PostgreSQL", "µs"),
                            ("redis_cpu", "CPU of Redis", "µs"), ("commits", "transactions that wrote", "")):
        bench.report(f"poll_{key}", f"the same: {what}", seen[f"poll_{key}"], f"{unit}/poll")
    bench.report("polls_limited", f"the same at a limit of {LIMIT_PER_S} a second: of what the limit allows", seen["limit"], "",
                 at_least=0.9)
    bench.report("polls_beside", "beside them a wave of 60 jobs of 100 ms: from its creation to its end", seen["beside"], "s", at_most=15)
    bench.report("webhooks", f"their webhooks, over {CLIENTS} connections: settled", seen["webhooks"], "webhooks/s", at_least=1000)
    bench.report("webhooks_p99", "the same, p99 of the answer's time", seen["p99"], "ms")
    for key, what, unit in (("api_cpu", "CPU of the API", "µs"), ("postgres_cpu", "CPU of PostgreSQL", "µs"),
                            ("commits", "transactions that wrote", ""), ("wal", "WAL of PostgreSQL", "bytes")):
        bench.report(f"webhook_{key}", f"the same: {what}", seen[key], f"{unit}/webhook")


MEASURES = {"parked": parked}
