"""Reading: how far a wave of a million is, asked by many at once while it runs; and lists over a long history."""

import json
import re
import time

from ground import HERE, ran
from load import Connection, request_bytes
from wavefleet import TOKEN, wait_until
from work import RESULT, percentile, post_wave

READERS = 50
WRK_MS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}


# ---- the status of one wave, polled ----

def polled(port, path, seconds):
    """Answers a second to READERS kept-alive connections, and the 99th percentile of their times in ms."""
    said = ran("wrk", "-t1", f"-c{READERS}", f"-d{seconds}s", "--latency", "--timeout", "10s",
               "-H", f"Authorization: Bearer {TOKEN}", f"http://127.0.0.1:{port}{path}")
    bad = re.search(r"^ *(Non-2xx.*|Socket errors.*)", said, re.M)
    if bad:
        raise RuntimeError(f"{path}: {bad[1]}")
    slow = re.search(r"^ *99% +([0-9.]+)(\w+)", said, re.M)
    return float(re.search(r"^Requests/sec: +([0-9.]+)", said, re.M)[1]), float(slow[1]) * WRK_MS[slow[2]]


def progress(fleet, wave_id):
    return fleet.http.get(f"/api/waves/{wave_id}/status").data


def million(bench):
    """A wave of a million, submitted; then both workers drain it as fast as they can while it is polled."""
    count = bench.size(1_000_000, 2_000)
    fields = {"params": {"result": RESULT}} if not bench.quick else {"params": {"sleep_ms": 50}}
    took, rates, slow = [], [], []
    for _ in bench.rounds():
        with bench.ground.fleet("million") as fleet:
            bench.ground.checkpoint(fleet)
            took.append(post_wave(fleet, count, batch_size=1000, **fields))
            wave_id = fleet.sql.value("SELECT wave_id FROM waves")
            fleet.start_workers(2, 10)
            wait_until(lambda: progress(fleet, wave_id)["progress"]["completed"], 30, "the first of the million")
            rate, p99 = polled(fleet.port, f"/api/waves/{wave_id}/status", bench.size(5, 1))
            after = progress(fleet, wave_id)
            if after["status"] != "in_progress":
                raise RuntimeError(f"the wave ended while its status was asked for: {after}")
            rates.append(rate)
            slow.append(p99)
    bench.report("million", f"POST /api/waves with {count:,} projects", took, "s", at_most=15)
    bench.report("status", f"its status while 2 workers drain it, {READERS} connections", rates, "answers/s", at_least=10_000)
    bench.report("status_p99", "the same, p99 of the answer's time", slow, "ms", at_most=20)


# ---- lists ----

def wave_id(number):
    """As history.sql makes them."""
    return f"{1_700_000_000 + number}_{number:012d}"


def first_pages(waves, project):
    """{name: (words, path)}: what each list is asked for."""
    big = wave_id(waves)        # the newest, one of the large ones, under way
    return {
        "waves": ("waves with progress", "/api/waves"),
        "newest": ("migrations, newest first", "/api/migrations"),
        "target": ("migrations of one target id", "/api/migrations?brz_project_id=7"),
        "name": ("migrations by the whole name of a project", f"/api/migrations?mb_project_uuid={project}"),
        "prefix": ("migrations by the first 4 letters of a project", f"/api/migrations?mb_project_uuid={project[:4]}"),
        "letter": ("migrations by the first letter", f"/api/migrations?mb_project_uuid={project[:1]}"),
        "wave": ("a large wave", f"/api/waves/{big}/migrations"),
        "wave_failed": ("its failed ones", f"/api/waves/{big}/migrations?status=error"),
        "wave_running": ("its running ones", f"/api/waves/{big}/migrations?status=in_progress"),
        "wave_prefix": ("those of it by the first 4 letters", f"/api/waves/{big}/migrations?mb_project_uuid={project[:4]}"),
    }


def asked(connection, path, times):
    """Milliseconds of each answer, and the rows of the last."""
    request = request_bytes("GET", path + ("&" if "?" in path else "?") + "limit=50", TOKEN)
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        status, body, _ = connection.ask(request)
        took.append((time.perf_counter() - begun) * 1000)
        if status != 200:
            raise RuntimeError(f"{path}: answered {status}: {body[:300]!r}")
    return took, len(json.loads(body)["data"])


def lists(bench):
    """The history is made once; every round asks for every page, one after the other on one connection."""
    waves, small, large = bench.size((1000, 1000, 101_000), (100, 10, 110))
    times, found = bench.size(200, 5), {}
    with bench.ground.fleet("lists") as fleet:
        ran("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"waves={waves}", "-v", f"small={small}", "-v", f"large={large}",
            "-c", "SET search_path = wavefleet, public", "-f", HERE / "history.sql", fleet.place.database_url)
        bench.ground.checkpoint(fleet)
        rows = fleet.sql.value("SELECT count(*) FROM migrations")
        pages = first_pages(waves, fleet.sql.value("SELECT project FROM migrations ORDER BY id DESC LIMIT 1"))
        connection = Connection(fleet.port)
        for _, path in pages.values():
            asked(connection, path, 10)     # statements are prepared, pages are in memory
        for _ in bench.rounds():
            for name, (what, path) in pages.items():
                took, count = asked(connection, path, times)
                if not count:
                    raise RuntimeError(f"{what}: nothing was found")
                found.setdefault(name, []).append(took)
        connection.close()
    bench.report("list_rows", f"migrations in {waves:,} waves, of which lists are asked for", [rows], "")
    for name, (what, _) in pages.items():
        for part in (0.5, 0.99):
            bench.report(f"list_{name}_p{part * 100:.0f}", f"first page of {what}, p{part * 100:.0f}",
                         [percentile(took, part) for took in found[name]], "ms", at_most=10)


MEASURES = {"million": million, "lists": lists}
