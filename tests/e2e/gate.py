"""A TCP gate before PostgreSQL or Redis, so that a test can take the server
away from the programs without touching the server itself."""

import contextlib
import socket
import threading


class Gate:
    """open: bytes pass. cut: connections are reset and new ones refused.
    stalled: connections stay, and nothing passes."""

    def __init__(self, target):
        self.target = target
        self.pairs = set()
        self.lock = threading.Lock()
        self.passing = threading.Event()
        self.passing.set()
        self.listener = listen(0)
        self.port = self.listener.getsockname()[1]
        self.accept_in_thread()

    def accept_in_thread(self):
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        try:
            far = connect(self.target)
        except OSError:
            near.close()
            return
        for s in (near, far):
            with contextlib.suppress(OSError):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.pairs.add((near, far))
        threading.Thread(target=self.pump, args=(near, far), daemon=True).start()
        self.pump(far, near)

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                self.passing.wait()
                if not data:
                    break
                sink.sendall(data)
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def cut(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    s.shutdown(socket.SHUT_RDWR)
                s.close()
        self.passing.set()

    def stall(self):
        self.passing.clear()

    def mend(self):
        if not self.passing.is_set():
            self.passing.set()
        if self.listener.fileno() < 0:
            self.listener = listen(self.port)
            self.accept_in_thread()

    def close(self):
        self.cut()


def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(128)
    return s


def connect(target):
    if isinstance(target, str):
        s = socket.socket(socket.AF_UNIX)
        s.connect(target)
        return s
    return socket.create_connection(target, timeout=None)
