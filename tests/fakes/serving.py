"""What the fake outside servers share: a threading HTTP server on 127.0.0.1
that speaks JSON, can also speak badly (raw bytes, resets), and a main() that
prints the port as one JSON line and then serves until it is told to stop."""

import argparse
import json
import os
import signal
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Server(ThreadingHTTPServer):
    """One thread a connection. `app` has a method `handle(exchange)`."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, app, port=0):
        super().__init__(("127.0.0.1", port), Exchange)
        self.app = app

    def handle_error(self, request, client_address):
        """A client that went away is everyday life here; anything else is a fault of the fake."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer. The app reads method, route, query, body
    and headers, and answers by exactly one of json(), raw(), reset(), hang()."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def serve_one(self):
        parts = urlsplit(self.path)
        self.route = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.app.handle(self)

    do_GET = do_POST = do_PUT = do_DELETE = serve_one

    def log_message(self, *args):
        pass

    def form(self):
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def json(self, status, value, headers=()):
        self.raw(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers)

    def raw(self, status, body, content_type="application/json; charset=utf-8", headers=(), claimed_length=None):
        """claimed_length promises more bytes than follow; the connection is then closed."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) if claimed_length is None else claimed_length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if claimed_length is not None:
            self.close_connection = True

    def reset(self):
        """Ends the connection with RST, in the middle of an answer."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le")
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True

    def hang(self, seconds):
        """Says nothing until the client goes away or the time is over, then closes."""
        self.close_connection = True
        self.connection.settimeout(seconds)
        try:
            self.connection.recv(1)
        except OSError:
            pass


class Running:
    """A server in a thread of this process: `with Running(app) as r: r.url`."""

    def __init__(self, app, port=0):
        self.app = app
        self.server = Server(app, port)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.app.close()


def main(make_app, what):
    """The program: prints {"service":…,"port":…} and serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    port = parser.parse_args().port
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with Running(make_app(), port) as running:
        print(json.dumps({"service": what, "port": running.port, "url": running.url}), flush=True)
        signal.sigwait(signals)
