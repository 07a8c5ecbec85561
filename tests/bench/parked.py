"""Ten thousand migrations parked at once at an outside server: how fast they are parked, webhooks, polls."""

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
def place(bench, name, **env):
    """A fleet whose migration server is Outside, without workers yet."""
    with Outside() as outside, bench.ground.fleet(name) as fleet:
        fleet.env.update(WAVEFLEET_MIGRATION_SERVER_URL=f"http://127.0.0.1:{outside.port}",
                         WAVEFLEET_REMOTE_RATE_PER_S=str(UNLIMITED_PER_S),
                         WAVEFLEET_REMOTE_POLL_INITIAL_MS=str(NEVER_MS), WAVEFLEET_REMOTE_POLL_CAP_MS=str(NEVER_MS))
        fleet.env.update({key: str(value) for key, value in env.items()})
        reply = fleet.http.post("/api/settings", {"mb_site_id": 1, "mb_secret": "not a real secret"})
        if reply.status != 200:
            raise RuntimeError(f"the secret was not taken: {reply}")
        yield fleet, outside


def park(fleet, count):
    """One wave, all of it parked. Returns its id and how many were parked a second."""
    wave_id = fleet.submit("parked", [{"project": f"site-{i}", "brz_project_id": 1 + i} for i in range(count)], "remote",
                           batch_size=10_000, workspace_id=7)
    fleet.start_workers(WORKERS, RUNNERS)
    wait_until(lambda: fleet.sql.value("SELECT count(*) FROM active WHERE state = 'parked'") == count, 180, "all parked", 0.1)
    took = fleet.sql.value("SELECT extract(epoch FROM max(updated_at) - min(started_at))::float FROM migrations")
    return wave_id, count / took


def check_settled(fleet, wave_id, count, webhooks):
    """Every migration once, and every webhook was the one that did it."""
    fleet.wait_wave(wave_id, 60)
    found = fleet.sql.row("""SELECT (SELECT count(*) FROM migrations WHERE state = 'completed') AS completed,
        (SELECT count(*) FROM attempts WHERE outcome = 'completed') AS attempts,
        (SELECT sum(completed) FROM wave_progress) AS progress,
        (SELECT count(*) FROM webhooks WHERE verdict = 'settled') AS webhooks""")
    if dict(found) != {"completed": count, "attempts": count, "progress": count, "webhooks": webhooks}:
        raise RuntimeError(f"not every migration was settled once: {dict(found)}")


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


def webhooks(bench, count, seen):
    with place(bench, "webhooks") as (fleet, outside):
        wave_id, parked_per_s = park(fleet, count)
        seen["parked"].append(parked_per_s)
        requests = list(webhook_requests(outside))
        bench.ground.checkpoint(fleet)
        costs, api = Costs(bench.ground, fleet), cpu_s(fleet.api.pid)
        took, times = deliver(fleet.port, requests, min(CLIENTS, count))
        found = costs.each(count)
        seen["api_cpu"].append((cpu_s(fleet.api.pid) - api) / count * 1e6)
        check_settled(fleet, wave_id, count, count)
        seen["webhooks"].append(count / took)
        seen["p99"].append(percentile(times, 0.99))
        for key in ("commits", "postgres_cpu", "wal"):
            seen[key].append(found[key])


def parked(bench):
    count = bench.size(10_000, 40)
    seen = {key: [] for key in ("parked", "webhooks", "p99", "api_cpu", "commits", "postgres_cpu", "wal")}
    for _ in bench.rounds():
        webhooks(bench, count, seen)
    fleet = f"{WORKERS} workers of {RUNNERS} runners"
    bench.report("parked", f"remote migrations started and parked, {count:,} in one wave, {fleet}", seen["parked"], "starts/s")
    bench.report("webhooks", f"their webhooks, over {CLIENTS} connections: settled", seen["webhooks"], "webhooks/s", at_least=1000)
    bench.report("webhooks_p99", "the same, p99 of the answer's time", seen["p99"], "ms")
    for key, what, unit in (("api_cpu", "CPU of the API", "µs"), ("postgres_cpu", "CPU of PostgreSQL", "µs"),
                            ("commits", "commits of PostgreSQL", ""), ("wal", "WAL of PostgreSQL", "bytes")):
        bench.report(f"webhook_{key}", f"the same: {what}", seen[key], f"{unit}/webhook")


MEASURES = {"parked": parked}
