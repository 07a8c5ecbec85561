"""A small HTTP client: keep-alive, one connection a thread, JSON in and out;
and raw sockets for those who behave badly."""

import http.client
import json
import select
import socket
import threading
import time
from typing import Any, NamedTuple

OPEN = object()   # token=OPEN: no Authorization header at all


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    json: Any       # the parsed body; its text where it is no JSON

    @property
    def data(self):
        """`data` of the success envelope."""
        assert isinstance(self.json, dict) and self.json.get("success") is True, f"no success: {self}"
        return self.json["data"]

    def __str__(self):
        return f"{self.status} {self.json}"


class Client:
    def __init__(self, port, token=None, timeout_s=15):
        self.port, self.token, self.timeout_s = port, token, timeout_s
        self.mine = threading.local()

    def with_token(self, token):
        return Client(self.port, token, self.timeout_s)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.request("PUT", path, body, **options)

    def delete(self, path, body=None, **options):
        return self.request("DELETE", path, body, **options)

    def request(self, method, path, body=None, headers=None, token=None, timeout_s=None):
        """A dict or list is sent as JSON; bytes and text as they are."""
        head = {"Accept": "application/json"}
        if body is not None:
            head["Content-Type"] = "application/json"
        if token is not OPEN and (token or self.token):
            head["Authorization"] = "Bearer " + (token or self.token)
        head.update(headers or {})
        head = {k: v for k, v in head.items() if v is not None}
        if isinstance(body, str):
            body = body.encode()
        elif body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body, ensure_ascii=False).encode()
        connection = self.connection(timeout_s or self.timeout_s)
        try:
            connection.request(method, path, body, head)
            response = connection.getresponse()
            text = response.read()
        except BaseException:
            connection.close()
            raise
        return Reply(response.status, response.headers, parse(text))

    def connection(self, timeout_s):
        """The thread's connection; a new one where the server closed it meanwhile."""
        kept = getattr(self.mine, "connection", None)
        if kept is None or getattr(self.mine, "port", None) != self.port:
            kept = self.mine.connection = http.client.HTTPConnection("127.0.0.1", self.port)
            self.mine.port = self.port
        kept.timeout = timeout_s
        if kept.sock:
            if select.select([kept.sock], [], [], 0)[0]:
                kept.close()
            else:
                kept.sock.settimeout(timeout_s)
        return kept


def parse(text):
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text.decode("utf-8", "replace")


class Wire:
    """A raw connection for requests that no decent client would send."""

    def __init__(self, port, timeout_s=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened = time.monotonic()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def trickle(self, data, every_s, until_s):
        """One byte at a time, until the server answers or closes; returns whether it did."""
        for byte in data:
            try:
                self.socket.sendall(bytes([byte]))
            except OSError:
                return True
            if select.select([self.socket], [], [], every_s)[0]:
                return True
            if time.monotonic() - self.opened > until_s:
                return False
        return False

    def answer(self):
        """The status line's number, the headers (lower case) and the body; status None
        where the connection was closed without an answer."""
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                more = self.socket.recv(65536)
                if not more:
                    break
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            missing = int(headers.get("content-length", 0)) - len(body)
            while missing > 0:
                more = self.socket.recv(65536)
                if not more:
                    break
                body, missing = body + more, missing - len(more)
        except ConnectionError:
            return None, {}, None
        words = lines[0].split()
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        return status, headers, parse(body)

    def closed_within(self, seconds):
        """Whether the server ends the connection within that time; what it says is dropped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                if not self.socket.recv(65536):
                    return True
            except ConnectionError:
                return True
            except OSError:
                return False
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
