"""The report of a wave: held against plain counting, as JSON, as a page, and as a table that is written while it is read."""

import csv
import http.client
import io
import json
import math
import random
import re
import time
from html.parser import HTMLParser

import pytest

from http_client import Wire
from wavefleet import SLOW, TOKEN, assert_problem, sanitized, wait_until

ABSENT = "1700000000_000000000000"
MESSAGES = ["cannot copy table {n}: row {n} of {p} is too long", "could not reach https://host/{u}", "out of memory at 0x{h}",
            "ошибка {n}: нет прав", None]


@pytest.fixture(scope="module")
def fleet(make_fleet):
    """No workers: rows are written as they leave them."""
    return make_fleet(watched=False)


class Wave:
    """A wave of which everything is chosen at random, and what a report should say of it."""

    def __init__(self, fleet, size, chance, mix, spread_s, own=True, ended=True):
        self.fleet, self.chance, self.own = fleet, chance, own
        self.id = fleet.submit(f"wave of {size}", [f"p{i:05}" for i in range(size)], queue="nobody", batch_size=7, max_attempts=4)
        sql = fleet.sql
        self.no = sql.value("SELECT wave_no FROM waves WHERE wave_id = %s", self.id)
        sql.execute("""UPDATE waves SET created_at = '2026-03-01T09:59:00Z', state = %s,
            completed_at = CASE WHEN %s THEN '2026-03-01T10:00:00Z'::timestamptz + interval '1 second' * %s END WHERE wave_no = %s""",
                    "error" if ended else "running", ended, spread_s, self.no)
        self.rows = [self.settle(id, state) for id, state in zip(
            [r["id"] for r in sql.rows("SELECT id FROM migrations WHERE wave_no = %s ORDER BY id", self.no)], chance.choices(mix, k=size))]
        self.spread_s = spread_s
        for row in self.rows:
            self.write(row)
        if not own:
            far = sql.value("SELECT max(id) + 1000000 FROM migrations")
            last = self.rows[-1]["id"]
            for table, column in (("migrations", "id"), ("dead", "migration_id"), ("attempts_kept", "migration_id")):
                sql.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", far, last)
            self.rows[-1]["id"] = far
            sql.execute("UPDATE waves SET last_id = %s WHERE wave_no = %s", far, self.no)
            sql.execute("SELECT setval('migrations_id_seq', %s)", far)

    def settle(self, id, state):
        chance, over = self.chance, state in ("completed", "failed")
        tries = chance.choice([1, 1, 1, 2, 3]) if over else 0
        row = {"id": id, "project": f"p{0:05}", "state": state, "attempt": tries, "began_ms": None, "ended_ms": None, "class": None, "error": None, "tries": []}
        if not over:
            return row
        at = row["began_ms"] = chance.randrange(0, 50_000)
        for n in range(1, tries + 1):
            took = int(math.exp(chance.uniform(0, 12)))
            last = n == tries
            outcome, cls = ("completed", None) if last and state == "completed" else ("failed", chance.choice(["temporary", "data", "crashed"]))
            if not last and chance.random() < 0.2:
                outcome, cls = "lost", "lost"
            row["tries"].append((n, at, at + took, outcome, cls))
            at += took + chance.randrange(0, 500)
        row["ended_ms"] = row["tries"][-1][2]
        if state == "failed":
            row["class"] = row["tries"][-1][4]
            row["error"] = chance.choice(MESSAGES)
        return row

    def write(self, row):
        sql, base = self.fleet.sql, "'2026-03-01T10:00:00Z'::timestamptz + interval '1 millisecond' * %s"
        if row["error"]:
            name = sql.value("SELECT project FROM migrations WHERE id = %s", row["id"])
            row["said"] = row["error"].format(n=self.chance.randrange(10**6), p=name, u="%032x" % self.chance.getrandbits(128),
                                              h="%016x" % self.chance.getrandbits(64))
        sql.execute(f"""UPDATE migrations SET state = %s, attempt = %s, first_started_at = {base}, started_at = {base}, finished_at = {base},
            class = %s, error = %s WHERE id = %s""", row["state"], row["attempt"], row["began_ms"], row["began_ms"], row["ended_ms"],
                    row["class"] if row["state"] == "failed" else None, row.get("said"), row["id"])
        for n, began, ended, outcome, cls in row["tries"]:
            sql.execute(f"INSERT INTO attempts_kept (migration_id, attempt, started_at, finished_at, outcome, class) VALUES (%s, %s, {base}, {base}, %s, %s)",
                        row["id"], n, began, ended, outcome, cls)
        if row["state"] == "failed":
            sql.execute("INSERT INTO dead (migration_id, wave_no, class) VALUES (%s, %s, %s)", row["id"], self.no, row["class"])

    def of(self, *states):
        return [r for r in self.rows if r["state"] in states]


def three_digits(ms):
    return ms - ms % 10 ** max(0, len(str(ms)) - 3)


def percentile(values, share):
    return sorted(values)[math.ceil(len(values) * share) - 1] / 1000


MIX = ["completed"] * 6 + ["failed"] * 3 + ["cancelled"]


@pytest.fixture(scope="module", params=[("own", 400, MIX, 3_000), ("apart", 150, MIX, 90_000), ("partial", 120, [*MIX, "pending", "blocked"], 600)],
                ids=lambda p: p[0])
def wave(request, fleet):
    what, size, mix, spread_s = request.param
    return Wave(fleet, size, random.Random(what), mix, spread_s, own=what != "apart", ended=what != "partial")


@pytest.fixture(scope="module")
def report(fleet, wave):
    reply = fleet.http.get(f"/api/waves/{wave.id}/report")
    assert reply.status == 200, reply
    return reply.data


def test_summary(wave, report):
    assert report["partial"] is (report["wave"]["completed_at"] is None)
    assert report["wave"]["id"] == wave.id and report["wave"]["batch_size"] == 7 and report["wave"]["created_by"]
    s = report["summary"]
    assert {k: s[k] for k in ("total", "completed", "failed", "cancelled", "pending", "in_progress")} == {
        "total": len(wave.rows), "completed": len(wave.of("completed")), "failed": len(wave.of("failed")),
        "cancelled": len(wave.of("cancelled")), "pending": len(wave.of("pending", "blocked")), "in_progress": 0}
    tries = [t for r in wave.rows for t in r["tries"]]
    assert s["lost"] == sum(t[3] == "lost" for t in tries) and s["crashed"] == sum(t[4] == "crashed" for t in tries)
    began = min(r["began_ms"] for r in wave.rows if r["began_ms"] is not None)
    if not report["partial"]:
        assert s["duration_seconds"] == pytest.approx(wave.spread_s - began / 1000, abs=0.002)
    assert s["completed_percent"] == pytest.approx(100 * s["completed"] / s["total"], abs=0.006)


def test_durations(wave, report):
    took = [r["ended_ms"] - r["began_ms"] for r in wave.of("completed")]
    d = report["durations"]
    assert d["count"] == len(took) and d["mean_seconds"] == pytest.approx(sum(took) / len(took) / 1000, abs=0.002)
    for share, name in ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")):
        assert d[f"{name}_seconds"] == pytest.approx(percentile([three_digits(t) for t in took], share), abs=1e-9), name
    assert d["max_seconds"] == max(took) / 1000
    slowest = sorted(wave.of("completed"), key=lambda r: (r["began_ms"] - r["ended_ms"], r["id"]))[:20]
    assert [(s["ref"], s["seconds"], s["attempts"]) for s in d["slowest"]] == [
        (f"m{r['id']}", (r["ended_ms"] - r["began_ms"]) / 1000, r["attempt"]) for r in slowest]


def test_failures_that_are_alike_stand_together(wave, report):
    def alike(row):
        text = (row["error"] or "").format(n="#", p="{project}", u="#", h="#")
        return row["class"], text.replace("0x#", "#")
    wanted = {}
    for row in wave.of("failed"):
        wanted[alike(row)] = wanted.get(alike(row), 0) + 1
    f = report["failures"]
    assert {(g["class"], g["message"]): g["count"] for g in f["groups"]} == wanted
    assert f["total"] == f["looked_at"] == sum(wanted.values()) and f["other_groups"] == 0
    assert {c["class"]: c["count"] for c in f["classes"]} == {c: sum(n for (k, _), n in wanted.items() if k == c) for c, _ in wanted}
    for g in f["groups"]:
        for x in g["examples"]:
            (row,) = [r for r in wave.rows if f"m{r['id']}" == x["ref"]]
            assert alike(row) == (g["class"], g["message"]) and x["error"] == row.get("said")
    assert [g["count"] for g in f["groups"]] == sorted((g["count"] for g in f["groups"]), reverse=True)


def test_attempts(wave, report):
    tries = [t for r in wave.rows for t in r["tries"]]
    a = report["attempts"]
    assert a["count"] == len(tries) and a["seconds"] == pytest.approx(sum(t[2] - t[1] for t in tries) / 1000, abs=0.01)
    assert a["not_completed_seconds"] == pytest.approx(sum(t[2] - t[1] for t in tries if t[3] != "completed") / 1000, abs=0.01)
    assert a["beyond_the_first"] == sum(t[0] > 1 for t in tries)
    again = [r for r in wave.rows if r["attempt"] > 1]
    assert a["migrations_tried_again"] == len(again)
    assert a["completed_after_more_than_one"] == sum(r["state"] == "completed" for r in again)
    assert {d["attempts"]: d["migrations"] for d in a["distribution"]} == {
        n: sum(r["attempt"] == n for r in wave.rows) for n in {r["attempt"] for r in wave.rows} - {0}}
    assert {(o["outcome"], o["class"]): o["count"] for o in a["outcomes"]} == {
        k: sum((t[3], t[4]) == k for t in tries) for k in {(t[3], t[4]) for t in tries}}


def test_throughput(wave, report):
    t = report["throughput"]
    ended = [r["ended_ms"] / 1000 for r in wave.of("completed", "failed")]
    assert 0 < len(t["completed"]) == len(t["failed"]) == len(t["cancelled"]) <= 120
    assert sum(t["completed"]) == len(wave.of("completed")) and sum(t["failed"]) == len(wave.of("failed"))
    assert re.match(r"2026-03-01T10:0", t["from"]), t["from"]
    first = sum(int(x) * y for x, y in zip(t["from"][11:19].split(":"), (3600, 60, 1))) - 36_000
    spans = [0] * len(t["completed"])
    for at in ended:
        spans[int((at - first) // t["step_seconds"])] += 1
    assert spans == [c + f for c, f in zip(t["completed"], t["failed"])]
    assert t["most_a_minute"] == pytest.approx(max(spans) * 60 / t["step_seconds"], abs=0.06)


def test_a_wave_in_which_nothing_happened(fleet):
    wave = fleet.submit("nothing yet", ["a", "b"], queue="nobody")
    data = fleet.http.get(f"/api/waves/{wave}/report").data
    assert data["partial"] is True and data["summary"]["pending"] == data["summary"]["total"] == 2
    assert data["summary"]["duration_seconds"] is None and data["durations"]["p50_seconds"] is None
    assert data["durations"]["slowest"] == data["failures"]["groups"] == data["throughput"]["completed"] == []
    page = fleet.http.get(f"/api/waves/{wave}/report?format=html").json
    assert "Nothing has finished." in page and "The wave has not ended" in page


def test_of_a_real_wave(make_own_fleet):
    """Nothing that the programs write is missing from it."""
    fleet = make_own_fleet(workers=2)
    wave = fleet.submit("real", [{"project": "ok"}, {"project": "again", "params": {"fail": {"times": 1, "class": "temporary"}}},
                                 {"project": "bad", "params": {"fail": {"times": 9, "class": "data"}}}, {"project": "after", "depends_on": ["bad"]}])
    assert fleet.wait_wave(wave) == "error"
    wait_until(lambda: fleet.http.get(f"/api/waves/{wave}/report").data["partial"] is False, 70, "it to have ended")
    data = fleet.http.get(f"/api/waves/{wave}/report").data
    s = data["summary"]
    assert (s["completed"], s["failed"], s["cancelled"], s["total"]) == (2, 1, 1, 4) and data["attempts"]["count"] == 4
    assert [(g["class"], g["count"]) for g in data["failures"]["groups"]] == [("data", 1)]
    assert 0 < s["duration_seconds"] < 60 and sum(data["throughput"]["completed"]) == 2
    assert [(o["outcome"], o["count"]) for o in data["attempts"]["outcomes"]][0] == ("completed", 2)


# ---- forms ----

class Page(HTMLParser):
    """What a page would run, load or send."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "rect", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("rect", "path"):
            assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


HOSTILE = ["<script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "a,b;\"c\"", "Größe ошибка 日本", "two\nlines", "p&amp;'"]


@pytest.fixture(scope="module")
def hostile(fleet):
    wave = fleet.submit("<img src=x onerror=alert(1)>", [{"project": p} for p in HOSTILE], queue="nobody")
    fleet.sql.execute("""UPDATE migrations m SET state = 'failed', class = 'data', error = project || ' failed', attempt = 1,
        first_started_at = '2026-03-01T10:00:00Z', finished_at = '2026-03-01T10:00:01.5Z', result = jsonb_build_object('brizy_project_domain', project)
        FROM waves w WHERE w.wave_no = m.wave_no AND w.wave_id = %s""", wave)
    fleet.sql.execute("INSERT INTO dead (migration_id, wave_no, class) SELECT id, wave_no, class FROM migrations WHERE class = 'data' AND project = ANY (%s)", HOSTILE)
    return wave


def test_the_page_asks_nobody_for_anything(fleet, hostile):
    reply = fleet.http.get(f"/api/waves/{hostile}/report?format=html")
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"] and "script-src" not in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Disposition"] == f'inline; filename="wave-{hostile}.html"'
    page = Page(reply.json)
    assert page.open == [] and not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert not [a for a in page.attributes if a[0] in ("src", "href", "style") or a[0].startswith("on")]
    assert not re.search(r"url\(|@import", reply.json)
    for part in ("<img src=x onerror=alert(1)>", "<script>alert(1)</script>: <script>alert(1)</script> failed", "p&amp;'"):
        assert part in page.text, part


@pytest.mark.parametrize("accept, kind", [("application/json", "application/json"), ("text/html,*/*;q=0.8", "text/html"), ("text/csv", "text/csv"),
                                          ("image/png", "application/json"), ("text/csv;q=0.5,text/html;q=0.7", "text/html"), (None, "application/json")])
def test_the_form_that_the_client_likes_best(fleet, hostile, accept, kind):
    reply = fleet.http.get(f"/api/waves/{hostile}/report", headers={"Accept": accept})
    assert reply.headers["Content-Type"].startswith(kind) and reply.headers["Vary"] == "Accept"
    assert fleet.http.get(f"/api/waves/{hostile}/report?format=json", headers={"Accept": accept}).data["wave"]["id"] == hostile


def test_refusals(fleet, hostile):
    problem = assert_problem(fleet.http.get(f"/api/waves/{hostile}/report?format=pdf"), 422)
    assert problem["errors"][0]["pointer"] == "#/format"
    for form in ("json", "html", "csv"):
        assert_problem(fleet.http.get(f"/api/waves/{ABSENT}/report?format={form}"), 404)
        assert_problem(fleet.http.get(f"/api/waves/none/report?format={form}"), 404)
        assert_problem(fleet.http.get(f"/api/waves/{hostile}/report?format={form}", token="nobody-knows-this-token"), 401)


# ---- the table ----

def table_of(text):
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert all(len(r) == len(rows[0]) for r in rows)
    return [dict(zip(rows[0], r)) for r in rows[1:]]


def test_every_migration_is_a_row(fleet, wave):
    """Also where rows lie apart; of more than a page of them none is missing, none stands twice."""
    reply = fleet.http.get(f"/api/waves/{wave.id}/report?format=csv")
    assert reply.headers["Content-Disposition"] == f'attachment; filename="wave-{wave.id}.csv"'
    assert reply.json.startswith("id,mb_project_uuid,") and reply.json.count("\r\n") == len(wave.rows) + 1
    table = table_of(reply.json)
    wanted = {str(r["id"]): r for r in wave.rows}
    assert [t["id"] for t in table] == list(wanted) and len(table) == len(wave.rows)
    for t in table:
        row = wanted[t["id"]]
        assert (t["state"], t["attempts"], t["class"], t["error"]) == (
            row["state"], str(row["attempt"]), row["class"] or "" if row["state"] == "failed" else "", row.get("said") or "")
        assert (t["seconds"] == "") is (row["ended_ms"] is None)
        if row["ended_ms"] is not None:
            assert float(t["seconds"]) == (row["ended_ms"] - row["began_ms"]) / 1000 and t["started_at"].startswith("2026-03-01T10:0")


@pytest.mark.parametrize("size", [499, 500, 501, 1_203])
def test_pages_meet(fleet, size):
    wave = fleet.submit("pages", [f"x{i}" for i in range(size)], queue="nobody")
    for added in (0, 1):
        if added:    # of another wave's rows in between: read by name from now on
            fleet.sql.execute("UPDATE migrations SET id = (SELECT max(id) + 5000 FROM migrations) WHERE id = (SELECT last_id FROM waves WHERE wave_id = %s)", wave)
            fleet.sql.execute("UPDATE waves SET last_id = (SELECT max(id) FROM migrations) WHERE wave_id = %s", wave)
            fleet.sql.execute("SELECT setval('migrations_id_seq', (SELECT max(id) FROM migrations))")
        table = table_of(fleet.http.get(f"/api/waves/{wave}/report?format=csv").json)
        names = [f"x{i}" for i in range(size)]
        assert [t["mb_project_uuid"] for t in table] == (sorted(names) if added else names)


def test_no_field_is_a_formula_or_breaks_a_row(fleet, hostile):
    table = table_of(fleet.http.get(f"/api/waves/{hostile}/report?format=csv").json)
    shown = {p: "'" + p if p[0] in "=+-@" else p for p in HOSTILE}
    assert [t["mb_project_uuid"] for t in table] == [shown[p] for p in HOSTILE]
    assert [t["brizy_project_domain"] for t in table] == [shown[p] for p in HOSTILE]
    assert all(t["status"] == "error" and t["seconds"] == "1.500" and t["completed_at"] == "2026-03-01T10:00:01.500Z" for t in table)


def test_a_mark_for_spreadsheets_only_where_asked(fleet, hostile):
    raw = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=20)
    for query, mark in (("", b""), ("&bom=1", b"\xef\xbb\xbf"), ("&bom=0", b"")):
        raw.request("GET", f"/api/waves/{hostile}/report?format=csv{query}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert raw.getresponse().read().startswith(mark + b"id,mb_project_uuid")
    raw.request("HEAD", f"/api/waves/{hostile}/report?format=csv", headers={"Authorization": f"Bearer {TOKEN}"})
    head = raw.getresponse()
    assert head.status == 200 and head.read() == b"" and head.headers["Content-Type"].startswith("text/csv")


def test_for_clients_that_know_no_chunks(fleet, hostile):
    with Wire(fleet.port) as wire:
        wire.send(f"GET /api/waves/{hostile}/report?format=csv HTTP/1.0\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
        data = b""
        while True:
            more = wire.socket.recv(65536)
            if not more:
                break
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"chunked" not in head and len(table_of(body.decode())) == len(HOSTILE)


@pytest.fixture(scope="module")
def large(fleet):
    """So large that no socket holds it."""
    wave = fleet.submit("large", [f"{i:06}-{'n' * 200}" for i in range(60_000)], queue="nobody")
    return wave


def begin_table(fleet, wave, port=None):
    """A client that has read the head, and reads no further."""
    wire = Wire(port or fleet.port)
    wire.send(f"GET /api/waves/{wave}/report?format=csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        head += wire.socket.recv(256)
    return wire, int(head.split()[1])


def read_all(wire):
    """Whether the last chunk came, and how much before the end or the reset."""
    data = b""
    try:
        while not data.endswith(b"\r\n0\r\n\r\n"):
            more = wire.socket.recv(1 << 20)
            if not more:
                return False, data
            data += more
    except ConnectionError:
        return False, data
    return True, data


def test_it_waits_for_its_reader_and_delays_nobody(fleet, large):
    held = [begin_table(fleet, large) for _ in range(4)]
    assert [status for _, status in held] == [200] * 4
    refused = fleet.http.get(f"/api/waves/{large}/report?format=csv")
    assert "4 tables" in assert_problem(refused, 503)["detail"] and refused.headers["Retry-After"]
    began = time.monotonic()
    for _ in range(50):
        assert fleet.status(large)["progress"]["total"] == 60_000
    assert time.monotonic() - began < 5 * SLOW
    whole, data = read_all(held[0][0])
    assert whole and data.count(b"\r\n") > 60_000 and b"059999-" in data
    wait_until(lambda: fleet.http.get(f"/api/waves/{large}/report?format=csv", headers={"Accept": None}, timeout_s=60).status == 200, 20, "room for another")
    for wire, _ in held:
        wire.close()
    wait_until(lambda: [fleet.http.get(f"/api/waves/{ABSENT}/report?format=csv").status for _ in range(5)] == [404] * 5, 20, "those who left to be noticed")


@pytest.mark.skipif(sanitized(), reason="what AddressSanitizer has freed it keeps")
def test_memory_does_not_grow_with_the_wave(fleet, large):
    def most_kb():
        with open(f"/proc/{fleet.api.pid}/status") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
    fleet.http.get(f"/api/waves/{large}/report?format=csv", timeout_s=60)
    before = most_kb()
    for _ in range(3):
        assert len(fleet.http.get(f"/api/waves/{large}/report?format=csv", timeout_s=60).json) > 14_000_000
    assert most_kb() - before < 4_000


def test_who_takes_nothing_is_dropped(make_own_fleet):
    fleet = make_own_fleet(watched=False, env={"WAVEFLEET_HTTP_BODY_TIMEOUT_MS": "700"})
    wave = fleet.submit("slow", [f"{i:06}-{'n' * 200}" for i in range(40_000)], queue="nobody")
    wire, status = begin_table(fleet, wave)
    assert status == 200
    wait_until(lambda: fleet.log_events("export.broken"), 20, "it to be given up")
    assert "takes nothing" in fleet.log_events("export.broken")[0]["reason"]
    assert read_all(wire)[0] is False


def test_a_part_is_not_taken_for_the_whole(slow_api):
    """PostgreSQL goes in the middle of it: the client sees that the end is missing."""
    fleet, gate = slow_api
    wave = fleet.submit("cut", [f"{i:06}-{'n' * 200}" for i in range(60_000)], queue="nobody")
    wire, status = begin_table(fleet, wave)
    gate.cut()
    whole, _ = read_all(wire)
    wire.close()
    assert status == 200 and not whole
    wait_until(lambda: fleet.log_events("export.broken"), 10, "a line about it")


def test_what_has_begun_comes_to_its_end(make_own_fleet):
    fleet = make_own_fleet(watched=False)
    wave = fleet.submit("at the end", [f"{i:06}-{'n' * 200}" for i in range(20_000)], queue="nobody")
    wire, _ = begin_table(fleet, wave)
    fleet.api.signal(15)
    time.sleep(0.5)
    assert fleet.api.alive
    whole, data = read_all(wire)
    wire.close()
    assert whole and b"019999-" in data
    fleet.api.expected_exit = 0
    assert fleet.api.process.wait(20 * SLOW) == 0, json.dumps(fleet.log_events("http.slow_reader"))
