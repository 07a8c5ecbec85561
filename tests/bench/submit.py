"""Submitting: large waves, and many small ones."""

from load import request_bytes, storm
from wavefleet import TOKEN, wait_until
from work import percentile, post_wave


def submit(bench):
    count = bench.size(100_000, 2_000)
    took, redis_bytes = [], []
    for _ in bench.rounds():
        with bench.ground.fleet("submit") as fleet:
            bench.ground.checkpoint(fleet)
            before = fleet.redis.info("memory")["used_memory"]
            took.append(post_wave(fleet, count, batch_size=10))
            wait_until(lambda: int(fleet.redis.get("wavefleet:depth:default") or 0) == count, 20, "all of it in Redis")
            redis_bytes.append((fleet.redis.info("memory")["used_memory"] - before) / count)
    bench.report("submit", f"POST /api/waves with {count:,} projects", took, "s", at_most=1.5)
    bench.report("redis_bytes", "Redis memory of a waiting job", redis_bytes, "bytes", at_most=12)


def waves(bench):
    """Fifty clients, each posting waves of one project; no worker takes them meanwhile."""
    rates, slow = [], []
    request = request_bytes("POST", "/api/waves", TOKEN, {"name": "small", "kind": "noop", "project_uuids": ["one"]})
    for _ in bench.rounds():
        with bench.ground.fleet("waves") as fleet:
            bench.ground.checkpoint(fleet)
            answered, took, times = storm(fleet.port, request, 50, bench.size(4, 0.3))
            kept = fleet.sql.value("SELECT count(*) FROM waves")
            if kept != answered:
                raise RuntimeError(f"{answered} waves were answered, {kept} are there")
            rates.append(answered / took)
            slow.append(percentile(times, 0.99))
    bench.report("waves", "POST /api/waves with 1 project, 50 clients", rates, "waves/s", at_least=5000)
    bench.report("waves_p99", "the same, p99 of the answer's time", slow, "ms", at_most=50)


MEASURES = {"submit": submit, "waves": waves}
