"""Clients of the live events: server-sent events and WebSocket, from the outside."""

import base64
import hashlib
import json
import os
import socket
import struct
import threading
import time
from urllib.parse import urlencode

from wavefleet import SLOW, TOKEN, wait_until

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Listener:
    """What both have in common: a connection, read by a thread of its own."""

    def __init__(self, api, path, headers, query, token, receive_bytes):
        self.events, self.comments, self.ended, self.last_id = [], [], False, None
        self.lock = threading.Lock()
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(20 * SLOW)
        self.socket.connect(("127.0.0.1", api.port))
        words = {k: v for k, v in query.items() if v is not None}
        lines = [f"GET {path}{'?' + urlencode(words) if words else ''} HTTP/1.1", f"Host: 127.0.0.1:{api.port}",
                 *(f"{k}: {v}" for k, v in headers.items() if v is not None)]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head, self.rest = self.read_head()
        first, *others = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in others)}
        self.socket.settimeout(None)
        self.thread = None

    def read_head(self):
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.socket.recv(65536)
            if not more:
                break
            got += more
        head, _, rest = got.partition(b"\r\n\r\n")
        return head, rest

    def start(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        try:
            data = self.rest
            while data or not self.ended:
                self.take(data)
                data = self.socket.recv(65536)
                if not data:
                    break
        except OSError:
            pass
        self.ended = True

    def add(self, event, data, number):
        with self.lock:
            self.last_id = number or self.last_id
            if event:
                self.events.append({"event": event, "data": data, "id": number, "at": time.monotonic()})

    def of(self, event):
        with self.lock:
            return [e for e in self.events if e["event"] == event]

    def data(self, event):
        return [e["data"] for e in self.of(event)]

    def items(self):
        """Every migration told of, in order: (id, state, attempt)."""
        return [(i["id"], i["state"], i["attempt"]) for d in self.data("migrations") for i in d["items"]]

    def wait(self, condition, what, deadline_s=20):
        return wait_until(lambda: condition(self), deadline_s, what, every_s=0.01)

    def wait_wave(self, wave, status, deadline_s=20):
        def told():
            return [e for e in self.of("wave") if e["data"]["id"] == wave and e["data"]["status"] == status]
        return wait_until(told, deadline_s, f"wave {wave} told as {status}", every_s=0.01)[0]

    def close(self):
        self.ended = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        if self.thread:
            self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sse(Listener):
    def __init__(self, api, last_id=None, token=TOKEN, receive_bytes=None, run=True, headers=None, **query):
        super().__init__(api, "/api/events", {"Accept": "text/event-stream", "Last-Event-ID": last_id, **(headers or {})},
                         query, token, receive_bytes)
        self.buffer, self.retry = b"", None
        if run and self.status == 200:
            self.start()
            self.wait(lambda s: s.retry or s.ended, "the first words")

    def take(self, data):
        self.buffer += data
        while b"\n\n" in self.buffer:
            block, _, self.buffer = self.buffer.partition(b"\n\n")
            self.take_block(block.decode())

    def take_block(self, block):
        fields = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name == "":
                self.comments.append((value.strip(), time.monotonic()))
            else:
                assert name not in fields, f"twice in one event: {block!r}"
                fields[name] = value.removeprefix(" ")
        self.retry = fields.get("retry", self.retry)
        unknown = set(fields) - {"id", "event", "data", "retry"}
        assert not unknown, block
        self.add(fields.get("event"), json.loads(fields["data"]) if "data" in fields else None, fields.get("id"))


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0):
    """A frame as a client sends it; or as it must not."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    flag = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class Ws(Listener):
    TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

    def __init__(self, api, token=TOKEN, headers=None, receive_bytes=None, run=True, **query):
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": key, **(headers or {})}
        super().__init__(api, "/api/ws", wanted, query, token, receive_bytes)
        self.buffer, self.pongs, self.pings, self.closed = b"", [], [], None
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
            assert self.headers["sec-websocket-accept"] == accept
        if run and self.status == 101:
            self.start()
            self.wait(lambda s: s.last_id or s.ended, "the first words")

    def take(self, data):
        self.buffer += data
        while len(self.buffer) >= 2:
            first, length, at = self.buffer[0], self.buffer[1], 2
            assert not length & 0x80, "a server masks nothing"
            if length >= 126:
                size = 2 if length == 126 else 8
                length, at = int.from_bytes(self.buffer[2:2 + size], "big"), 2 + size
            if len(self.buffer) < at + length:
                return
            payload, self.buffer = self.buffer[at:at + length], self.buffer[at + length:]
            self.take_frame(first, payload)

    def take_frame(self, first, payload):
        assert first & 0xf0 == 0x80, f"not one whole frame without extensions: {first:#x}"
        opcode = first & 0xf
        if opcode == self.TEXT:
            message = json.loads(payload)
            assert set(message) == {"id", "event", "data"}
            self.add(message["event"], message["data"], message["id"])
        elif opcode == self.PING:
            self.pings.append(payload)
            self.send(self.PONG, payload)
        elif opcode == self.PONG:
            self.pongs.append(payload)
        else:
            assert opcode == self.CLOSE
            self.closed = (int.from_bytes(payload[:2], "big"), payload[2:].decode())

    def send(self, opcode, payload=b"", **how):
        self.socket.sendall(frame(opcode, payload, **how))
