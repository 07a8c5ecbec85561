"""A fake of wavefleet's API for tests of the command line: events that the test sends, sessions, reports,
and failures. Calls that it does not know go on to a real API, if it was given one."""

import http.client
import json
import queue
import threading

from serving import Server

PROBLEM = "application/problem+json"


class FakeApi:
    """answers: {(method, path): value or function(exchange)}; `calls` are those that came, as
    (method, path, headers, body)."""

    def __init__(self, real_port=None):
        self.real_port = real_port
        self.answers, self.calls, self.readers = {}, [], []
        self.lock = threading.Lock()
        self.server = Server(self)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle(self, exchange):
        with self.lock:
            self.calls.append((exchange.command, exchange.path, dict(exchange.headers), exchange.body))
        answer = self.answers.get((exchange.command, exchange.route))
        if callable(answer):
            answer(exchange)
        elif answer is not None:
            exchange.json(200, {"success": True, "data": answer})
        elif self.real_port:
            self.forward(exchange)
        else:
            self.problem(exchange, 404, "not_found", f"there is nothing at '{exchange.route}'")

    @staticmethod
    def problem(exchange, status, code, sentence, headers=(), errors=()):
        body = {"type": "about:blank", "title": code, "status": status, "detail": sentence, "error": sentence,
                "success": False, "code": code, "errors": list(errors), "request_id": "fake-1"}
        exchange.raw(status, json.dumps(body).encode(), PROBLEM, headers=[("X-Request-Id", "fake-1"), *headers])

    def forward(self, exchange):
        status, headers, body = self.ask(exchange)
        exchange.raw(status, body, headers.get("Content-Type", ""),
                     headers=[(n, headers[n]) for n in ("Retry-After", "X-Request-Id") if n in headers])

    def ask(self, exchange):
        """What the real API answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.real_port, timeout=30)
        kept = {n: v for n, v in exchange.headers.items() if n.lower() not in ("host", "connection", "accept-encoding")}
        connection.request(exchange.command, exchange.path, exchange.body or None, kept)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers, body

    # ---- events ----

    def serve_events(self, exchange):
        """A stream, fed by send(); ends by drop()."""
        mine = queue.Queue()
        exchange.send_response(200)
        exchange.send_header("Content-Type", "text/event-stream")
        exchange.send_header("Connection", "close")
        exchange.end_headers()
        exchange.wfile.write(b"retry: 1000\n\n")
        exchange.wfile.flush()
        exchange.close_connection = True
        with self.lock:
            self.readers.append(mine)
        try:
            while (text := mine.get()) is not None:
                exchange.wfile.write(text)
                exchange.wfile.flush()
        finally:
            with self.lock:
                if mine in self.readers:
                    self.readers.remove(mine)

    def offer_events(self):
        self.answers[("GET", "/api/events")] = self.serve_events

    def send(self, name, data, number=None):
        text = (f"id: {number}\n" if number else "") + f"event: {name}\ndata: {json.dumps(data)}\n\n"
        with self.lock:
            for reader in self.readers:
                reader.put(text.encode())

    def drop(self):
        with self.lock:
            for reader in self.readers:
                reader.put(None)
            self.readers.clear()

    def asked(self, path):
        """The calls of a path, with or without a query."""
        with self.lock:
            return [c for c in self.calls if c[1].partition("?")[0] == path]

    def close(self):
        self.drop()
        self.server.shutdown()
        self.server.server_close()
