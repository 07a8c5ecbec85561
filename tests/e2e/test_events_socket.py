"""Live events by WebSocket: the handshake, pings, good-byes, and what no client may send."""

import pytest

from listening import Sse, Ws
from wavefleet import assert_problem


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=1, env={"WAVEFLEET_EVENTS_HEARTBEAT_MS": "300"})


def asked(fleet, **headers):
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return fleet.http.get("/api/ws", headers=wanted)


def test_the_same_as_server_sent_events(fleet):
    with Ws(fleet.api) as socket, Sse(fleet.api) as reader:
        assert socket.status == 101 and socket.headers["upgrade"].lower() == "websocket"
        wave = fleet.submit("both", [f"b{i}" for i in range(30)], batch_size=4)
        for listener in (socket, reader):
            listener.wait_wave(wave, "completed")
            listener.wait(lambda r: len(r.items()) >= 60, "its migrations")
        told = [[(e["event"], e["id"], e["data"]) for e in listener.events if e["event"] == "migrations"]
                for listener in (socket, reader)]
        assert told[0] == told[1] and told[0]
        assert len(socket.items()) == 60


def test_a_message_of_each_length_of_frame(fleet):
    """Up to 125 bytes, up to 65535, and more have each a head of their own."""
    with Ws(fleet.api) as socket:
        fleet.http.post("/api/queues/spare/pause", {})
        fleet.http.post("/api/queues/spare/resume", {})
        wave = fleet.submit("long", [f"{i:05}" for i in range(2000)], batch_size=500)
        socket.wait_wave(wave, "completed", 40)
        socket.wait(lambda s: len(s.items()) >= 4000, "its migrations")
        assert len(socket.data("queue")) == 2 and len(socket.items()) == 4000


def test_resumed(fleet):
    with Ws(fleet.api) as first:
        wave = fleet.submit("again", ["a", "b"], batch_size=1)
        first.wait_wave(wave, "completed")
        first.wait(lambda s: len(s.items()) >= 4, "its migrations")
        place = first.of("migrations")[0]["id"]
    with Ws(fleet.api, last_event_id=place) as second:
        second.wait(lambda s: len(s.of("migrations")) == len(first.of("migrations")) - 1, "the rest")
        assert second.of("migrations")[-1]["data"] == first.of("migrations")[-1]["data"]
        assert not second.of("reset")


def test_a_filter(fleet):
    wave = fleet.submit("mine", ["a"], params={"sleep_ms": 200}, start_at="2999-01-01T00:00:00Z")
    with Ws(fleet.api, wave=wave) as socket:
        assert fleet.http.post(f"/api/waves/{wave}/resume", {}).status == 200
        fleet.wave_and_wait("other", ["x"])
        socket.wait_wave(wave, "completed")
        socket.wait(lambda s: len(s.items()) >= 2, "its migration")
        assert {d["wave_id"] for d in socket.data("migrations")} == {wave}
    with Ws(fleet.api, wave="1700000000_000000000000") as socket:
        assert socket.status == 404


def test_pings_both_ways(fleet):
    with Ws(fleet.api) as socket:
        socket.send(Ws.PING, b"are you there")
        socket.wait(lambda s: b"are you there" in s.pongs, "the pong")
        socket.wait(lambda s: s.pings and s.of("heartbeat"), "its own ping")
        socket.send(Ws.TEXT, b'{"nobody": "asked"}')
        socket.send(Ws.TEXT, b"in pie", fin=False)
        socket.send(0, b"ces")
        socket.send(Ws.PING, b"still")
        socket.wait(lambda s: b"still" in s.pongs, "the pong")


def test_good_bye_of_the_client(fleet):
    with Ws(fleet.api) as socket:
        socket.send(Ws.CLOSE, b"\x03\xe8done")
        socket.wait(lambda s: s.ended, "the end")
        assert socket.closed and socket.closed[0] == 1000


@pytest.mark.parametrize("what, code", [
    (dict(opcode=1, payload=b"unmasked", masked=False), 1002),
    (dict(opcode=3), 1002),
    (dict(opcode=1, payload=b"x", reserved=4), 1002),
    (dict(opcode=9, payload=b"x" * 126), None),
    (dict(opcode=9, payload=b"x", fin=False), None),
    (dict(opcode=0, payload=b"goes on with nothing"), 1002),
    (dict(opcode=8, payload=b"\x03"), None),
    (dict(opcode=1, payload=b"\xff\xfe"), 1007),
    (dict(opcode=1, payload=b"x" * 5000), 1009)])
def test_what_no_client_may_send(fleet, what, code):
    """None: wslay says good-bye without a reason to a bad control frame."""
    with Ws(fleet.api) as socket:
        payload = what.pop("payload", b"")
        socket.send(what.pop("opcode"), payload, **what)
        socket.wait(lambda s: s.ended, "the end")
        assert socket.closed and (socket.closed[0] or None) == code


def test_a_flood_of_pings_from_one_that_does_not_read_ends(fleet):
    with Ws(fleet.api, receive_bytes=4096, run=False) as socket, pytest.raises(OSError):
        for _ in range(1000000):
            socket.send(Ws.PING, b"x" * 100)


@pytest.mark.parametrize("headers", [
    {"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": "keep-alive"}, {"Sec_WebSocket_Key": None},
    {"Sec_WebSocket_Key": "c2hvcnQ="}, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=!"}, {"Sec_WebSocket_Version": None},
    {"Sec_WebSocket_Version": "8"}])
def test_no_handshake(fleet, headers):
    reply = asked(fleet, **headers)
    assert_problem(reply, 400)
    if "Sec_WebSocket_Version" in headers:
        assert reply.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1", "http://127.0.0.1:1",
                                    "http://127.0.0.1:"])
def test_a_page_of_somebody_else(fleet, origin):
    assert_problem(asked(fleet, Origin=origin), 403)


def test_our_own_page(fleet):
    with Ws(fleet.api, headers={"Origin": f"http://127.0.0.1:{fleet.port}"}) as socket:
        assert socket.status == 101
    with Ws(fleet.api, token=None) as socket:
        assert socket.status == 401


def test_a_server_that_stops_says_good_bye(make_own_fleet):
    own = make_own_fleet()
    with Ws(own.api) as socket:
        assert own.api.stop() is None
        socket.wait(lambda s: s.ended, "the end")
        assert socket.closed == (1001, "stopping")
    own.forget(own.api)
