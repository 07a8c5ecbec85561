"""One request with a million projects: bounded memory, other requests answered
meanwhile, first migrations at once."""

import http.client
import json
import threading
import time

import pytest

from http_client import parse
from wavefleet import SLOW, assert_problem, descendants_of, pss_kb, sanitized, wait_until

COUNT = 100_000 if sanitized() else 1_000_000
LIMIT_KB = 512 * 1024


class Memory:
    """The most memory of a process and its descendants together (PSS), sampled."""

    def __init__(self, pid):
        self.pid, self.peak_kb, self.done = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.done.wait(0.05):
            self.peak_kb = max(self.peak_kb, pss_kb([self.pid, *descendants_of(self.pid)]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join(10)


class Others:
    """Other requests meanwhile, each on the time it took."""

    def __init__(self, client):
        self.client, self.times, self.error, self.done = client, [], None, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.done.wait(0.02):
                for path in ("/api/health", "/api/waves?limit=5"):
                    begun = time.monotonic()
                    assert self.client.get(path).status == 200
                    self.times.append(time.monotonic() - begun)
        except BaseException as e:
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join(20)
        if exc[0] is None:
            assert self.error is None, self.error


def body_of(count, **fields):
    """The text of the request, pieces at a time, so that the test itself stays small."""
    head = json.dumps({"name": "large", "kind": "noop", "batch_size": 100, **fields})[:-1] + ', "project_uuids": ['
    yield head.encode()
    for begin in range(0, count, 10_000):
        names = (f'"{i:08x}-aaaa-4bbb-8ccc-0123456789ab"' for i in range(begin, min(begin + 10_000, count)))
        yield (("," if begin else "") + ",".join(names)).encode()
    yield b"]}"


def post_large(client, count, timeout_s=180, **fields):
    length = sum(len(p) for p in body_of(count, **fields))
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=timeout_s)
    connection.request("POST", "/api/waves", body_of(count, **fields), {
        "Content-Type": "application/json", "Content-Length": str(length), "Authorization": f"Bearer {client.token}"})
    response = connection.getresponse()
    answer = response.status, response.headers, parse(response.read())
    connection.close()
    return answer


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4, watched=False)


def test_a_million_projects_in_one_request(fleet):
    for _ in range(3):      # one of them may meet a moment in which the machine stands still
        begun = time.monotonic()
        with Memory(fleet.api.pid) as memory, Others(fleet.http) as others:
            status, _, body = post_large(fleet.http, COUNT)
            took = time.monotonic() - begun
            assert status == 201, body
            wave = body["data"]["wave_id"]
            wait_until(lambda: fleet.status(wave)["progress"]["completed"] > 0, 10, "the first migrations")
            first = time.monotonic() - begun - took
        figures = (f"{COUNT} projects in {took:.1f} s, first one settled {first:.2f} s later, {memory.peak_kb // 1024} MiB, "
                   f"slowest of {len(others.times)} other answers {max(others.times) * 1000:.0f} ms")
        print(figures)
        if took < 60 * SLOW and first < 3 * SLOW and max(others.times) < 1.0 * SLOW:
            break
    assert took < 60 * SLOW and first < 3 * SLOW, figures
    assert len(others.times) > 10 and max(others.times) < 1.0 * SLOW, figures
    if not sanitized():
        assert memory.peak_kb < LIMIT_KB, figures
    assert fleet.status(wave)["progress"]["total"] == COUNT
    assert fleet.sql.value("SELECT count(*) FROM migrations m JOIN waves w USING (wave_no) WHERE wave_id = %s", wave) == COUNT

    shown = fleet.http.get(f"/api/waves/{wave}", timeout_s=30).data
    assert len(shown["migrations"]) == 1000 and shown["migrations_truncated"] is True
    page = fleet.http.get(f"/api/waves/{wave}/migrations?limit=500")
    assert len(page.data) == 500 and page.json["next_cursor"]
    # a small wave is not held up by the large one
    small = fleet.wave_and_wait("small beside it", ["a", "b", "c"], deadline_s=10)
    fleet.check_wave(small, "completed")


def test_a_large_wave_with_one_mistake_leaves_nothing(fleet):
    before = fleet.sql.value("SELECT count(*) FROM waves")
    status, _, body = post_large(fleet.http, COUNT // 10, colour="red")
    assert status == 422 and body["code"] and "#/colour" in json.dumps(body)
    assert fleet.sql.value("SELECT count(*) FROM waves") == before


def test_a_duplicate_among_many_is_named(fleet):
    before = fleet.sql.value("SELECT count(*) FROM waves")
    names = [f"project-{i:06d}-with-a-name-of-some-length" for i in range(60_000)]
    names[59_000] = names[7]
    reply = fleet.http.post("/api/waves", {"name": "dup", "kind": "noop", "project_uuids": names}, timeout_s=60)
    problem = assert_problem(reply, 422)
    assert names[7] in problem["detail"] + json.dumps(problem.get("errors")), "named"
    assert fleet.sql.value("SELECT count(*) FROM waves") == before


def test_more_than_a_million_are_refused(fleet):
    if sanitized():
        pytest.skip("takes long with a sanitizer; the limit is the same")
    status, _, body = post_large(fleet.http, 1_000_001)
    assert status == 422 and "#/project_uuids" in json.dumps(body), body


def test_large_and_malformed(fleet):
    for text in (b'{"name": "x", "project_uuids": ["' + b"y" * (2 << 20), b" " * (2 << 20), b"[" * (2 << 20)):
        assert_problem(fleet.http.post("/api/waves", text, timeout_s=60), (400, 422))
