"""A TCP gate before PostgreSQL or Redis, so that a test can take the server
away from the programs without touching the server itself, or spoil the way."""

import contextlib
import socket
import threading
import time

UP, DOWN = "up", "down"             # towards the server, and back
BOTH = (UP, DOWN)


class Way:
    """What happens to bytes that go one way."""

    def __init__(self):
        self.passing = threading.Event()    # unset: they wait
        self.passing.set()
        self.delay_s = 0.0
        self.losing = False

    def mend(self):
        self.delay_s, self.losing = 0.0, False
        self.passing.set()


class Pair:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.lost = set()                   # ways on which bytes have vanished: TCP knows no holes, so for good

    def ends(self, way):
        return (self.near, self.far) if way == UP else (self.far, self.near)


class Gate:
    """open: bytes pass. cut(): connections are reset and new ones refused. reset(): the first alone.
    stall(): connections stay, and what is sent comes later. slow(): each piece comes so much later.
    lose(): connections stay, and what is sent vanishes; one that lost a byte stays lost for good.
    half_open(): the server loses its connections, the clients are not told; or the other way round.
    mend() ends all of it; connections that were lost find out for themselves."""

    def __init__(self, target):
        self.target = target
        self.pairs = set()
        self.lock = threading.Lock()
        self.ways = {UP: Way(), DOWN: Way()}
        self.fine = threading.Event()       # unset while bytes are lost: no end of a connection is heard of
        self.fine.set()
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
        pair = Pair(near, far)
        with self.lock:
            self.pairs.add(pair)
        threading.Thread(target=self.pump, args=(pair, DOWN), daemon=True).start()
        self.pump(pair, UP)

    def pump(self, pair, name):
        way, (source, sink) = self.ways[name], pair.ends(name)
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                way.passing.wait()
                if way.delay_s:
                    time.sleep(way.delay_s)
                if way.losing:
                    pair.lost.add(name)
                if not data:
                    break
                if name not in pair.lost:
                    sink.sendall(data)
        if pair.lost:
            self.fine.wait()
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        with self.lock:
            self.pairs.discard(pair)

    def cut(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.reset()
        self.mend_ways()

    def reset(self):
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for s in (pair.near, pair.far):
                end_with_reset(s)

    def stall(self, *ways):
        for name in ways or BOTH:
            self.ways[name].passing.clear()

    def slow(self, delay_s, *ways):
        for name in ways or BOTH:
            self.ways[name].delay_s = delay_s

    def lose(self, *ways):
        self.fine.clear()
        for name in ways or BOTH:
            self.ways[name].losing = True

    def half_open(self, who_loses="server"):
        """Until mended; connections made meanwhile are whole."""
        self.fine.clear()
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            pair.lost.update(BOTH)
            end_with_reset(pair.far if who_loses == "server" else pair.near)

    def mend_ways(self):
        for way in self.ways.values():
            way.mend()
        self.fine.set()

    def mend(self):
        self.mend_ways()
        if self.listener.fileno() < 0:
            self.listener = listen(self.port)
            self.accept_in_thread()

    def close(self):
        self.cut()


def end_with_reset(s):
    with contextlib.suppress(OSError):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.shutdown(socket.SHUT_RDWR)
    s.close()


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
