"""Clients that are slow, endless or too many are cut off in time and hold up
nobody; who has no right is refused before the body."""

import json
import threading
import time

import pytest

from http_client import Wire
from wavefleet import SLOW, assert_problem, in_parallel, wait_until

HEADERS_S, BODY_S, IDLE_S, LIMIT = 4, 4, 4, 40
HELD_UP_S = 3       # this machine may stand still for two; who has to wait for a slow one waits four


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=0, env={
        "WAVEFLEET_HTTP_HEADER_TIMEOUT_MS": HEADERS_S * 1000, "WAVEFLEET_HTTP_BODY_TIMEOUT_MS": BODY_S * 1000,
        "WAVEFLEET_HTTP_IDLE_TIMEOUT_MS": IDLE_S * 1000, "WAVEFLEET_HTTP_CONNECTIONS_PER_ADDRESS_MAX": LIMIT})


def head(fleet, *lines, path="/api/waves", token=True):
    authorization = [f"Authorization: Bearer {fleet.http.token}"] if token else []
    all_lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *authorization, *lines]
    return "\r\n".join(all_lines) + "\r\n\r\n"


class Bystander:
    """Asks for something every few milliseconds meanwhile; nobody may be held up."""

    def __init__(self, fleet):
        self.fleet, self.slowest, self.count, self.error = fleet, 0.0, 0, None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.done.wait(0.02):
                begun = time.monotonic()
                assert self.fleet.http.get("/api/waves?limit=5").status == 200
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.count += 1
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
            assert self.count > 5 and self.slowest < HELD_UP_S, f"{self.count} answers, slowest {self.slowest:.2f} s"


def cut_off_in_time(fleet, first, rest, allowed_s, every_s=0.2):
    """Sends `first`, then `rest` a byte at a time; returns the status, None where cut without one."""
    with Wire(fleet.port) as wire:
        wire.send(first)
        cut = wire.trickle(rest, every_s, allowed_s)
        took = time.monotonic() - wire.opened
        assert cut, f"still taken in after {took:.1f} s"
        status, headers, body = wire.answer()
        if status is not None:
            assert headers["content-type"].startswith("application/problem+json") and body["status"] == status, body
        return status


def test_all_kinds_of_slowness_at_once(fleet):
    slow_body = json.dumps({"name": "slow", "project_uuids": ["a"] * 100})
    cases = {
        "headers a byte at a time": lambda: cut_off_in_time(fleet, "", head(fleet).encode() * 3, HEADERS_S + 4 * SLOW),
        "one byte a second": lambda: cut_off_in_time(fleet, "", head(fleet).encode(), HEADERS_S + 4 * SLOW, every_s=1),
        "headers that never end": lambda: cut_off_in_time(
            fleet, "GET /api/health HTTP/1.1\r\nHost: x\r\n", b"X-Y: z\r\n" * 2000, HEADERS_S + 4 * SLOW, every_s=0.01),
        "nothing at all": lambda: silent(fleet, HEADERS_S + IDLE_S + 4 * SLOW),
        "headers without an end": lambda: silent(fleet, HEADERS_S + 4 * SLOW, "GET /api/health HTTP/1.1\r\nHost: x\r\n"),
        "body a byte at a time": lambda: cut_off_in_time(
            fleet, head(fleet, f"Content-Length: {len(slow_body)}"), slow_body.encode(), BODY_S + 5 * SLOW),
        "body that never comes": lambda: silent(fleet, BODY_S + 5 * SLOW, head(fleet, "Content-Length: 500")),
        "chunks that never end": lambda: cut_off_in_time(
            fleet, head(fleet, "Transfer-Encoding: chunked"), b"1\r\n{\r\n" * 500, BODY_S + 5 * SLOW),
        "larger body that stops": lambda: silent(      # a second more for every 64 KiB
            fleet, BODY_S + 5 + 5 * SLOW, head(fleet, f"Content-Length: {320 << 10}") + " " * (256 << 10)),
    }
    with Bystander(fleet):
        results = dict(zip(cases, in_parallel(*cases.values())))
    for name in ("headers a byte at a time", "one byte a second", "headers without an end",
                 "body a byte at a time", "body that never comes"):
        assert results[name] in (408, None), (name, results)
    assert results["headers that never end"] in (408, 431, None)
    assert fleet.sql.value("SELECT count(*) FROM waves") == 0


def silent(fleet, allowed_s, text=""):
    """Sends this and then waits: the connection must end in time. Returns the status or None."""
    with Wire(fleet.port, timeout_s=allowed_s) as wire:
        if text:
            wire.send(text)
        try:
            status, _, _ = wire.answer()
        except TimeoutError:
            raise AssertionError(f"still open after {allowed_s} s: {text[:40]!r}") from None
        if status is not None:
            assert wire.closed_within(allowed_s), "answered, but not closed"
        return status


def test_who_has_no_right_is_refused_before_the_body(fleet):
    for length in (500, 150 << 20):
        with Wire(fleet.port, timeout_s=5) as wire:
            wire.send(head(fleet, f"Content-Length: {length}", token=False))
            status, headers, body = wire.answer()
        assert status == 401 and body["code"] and headers["content-type"].startswith("application/problem+json")


def test_expect_100_continue(fleet):
    text = json.dumps({"name": "expected", "kind": "noop", "project_uuids": ["a"]})
    with Wire(fleet.port, timeout_s=5) as wire:
        wire.send(head(fleet, f"Content-Length: {len(text)}", "Expect: 100-continue"))
        assert wire.socket.recv(100).startswith(b"HTTP/1.1 100")
        wire.send(text)
        assert wire.answer()[0] == 201
    with Wire(fleet.port, timeout_s=5) as wire:
        wire.send(head(fleet, f"Content-Length: {len(text)}", "Expect: 100-continue", token=False))
        assert wire.answer()[0] == 401, "no 100 for who is refused"


def test_too_many_connections_from_one_address(fleet):
    wires = []
    try:
        wait_until(lambda: fleet.http.get("/livez").status == 200, 5, "the API")
        refused = 0
        for _ in range(LIMIT + 20):
            try:
                wires.append(Wire(fleet.port, timeout_s=3))
            except OSError:
                refused += 1
        for wire in wires:
            try:
                wire.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            except OSError:
                pass
        statuses = []
        for wire in wires:
            try:
                statuses.append(wire.answer()[0])
            except OSError:
                statuses.append(None)
        assert statuses.count(200) <= LIMIT, "more than the limit were served"
        assert statuses.count(200) >= LIMIT // 2
        assert refused + len(statuses) - statuses.count(200) >= 10, statuses
    finally:
        for wire in wires:
            wire.close()
    wait_until(lambda: fleet.http.get("/livez").status == 200, 10, "room again once they have gone")


def test_idle_connections_are_closed(fleet):
    with Wire(fleet.port, timeout_s=10) as wire:
        wire.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.answer()[0] == 200
        assert wire.closed_within(IDLE_S + 4 * SLOW)


def test_a_client_that_never_reads_its_answer(fleet):
    """Its answers wait in its own connection; the others do not."""
    with Wire(fleet.port, timeout_s=1) as wire, Bystander(fleet) as other:
        request = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n" * 200
        try:
            for _ in range(100):
                wire.send(request)
        except OSError:
            pass
        wait_until(lambda: other.count > 20, 10, "answers for others")


def test_clients_that_leave_in_the_middle(fleet):
    for text in ("", "GET", head(fleet)[:60], head(fleet, "Content-Length: 100"), head(fleet, "Content-Length: 100") + "{",
                 head(fleet, f"Content-Length: {5 << 20}") + " " * (2 << 20),
                 "GET /api/waves HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + fleet.http.token + "\r\n\r\n"):
        for _ in range(5):
            with Wire(fleet.port) as wire:
                wire.send(text)
    assert_problem(fleet.http.get("/api/nothing"), 404)
    assert fleet.http.get("/readyz").status == 200
