"""HTTP from the outside, as cheap as Python can: the same request again and
again over many kept-alive connections, each answer with its time."""

import json
import select
import socket
import time


def request_bytes(method, path, token, body=None):
    content = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


class Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def send(self, request):
        self.got = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self):
        """Reads what is there; the status and the body once the answer is whole, else None."""
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the API closed the connection")
        self.got += more
        head, mark, body = self.got.partition(b"\r\n\r\n")
        if not mark:
            return None
        at = head.lower().find(b"\r\ncontent-length:")
        length = int(head[at + 17:].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return (int(head[9:12]), body) if len(body) >= length else None

    def ask(self, request):
        """One request, waited for: status, body, and the wall clock when its answer was there."""
        self.send(request)
        while True:
            answer = self.receive()
            if answer:
                return (*answer, time.time())

    def close(self):
        self.socket.close()


def storm(port, request, connections, seconds, wanted=201):
    """`connections` clients, each with one request after the other. Returns how many were
    answered, the seconds it took, and the times of the answers in ms, sorted."""
    clients = [Connection(port) for _ in range(connections)]
    by_number = {c.socket.fileno(): c for c in clients}
    poll, times = select.epoll(), []
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    begun = time.perf_counter()
    end, open_ones = begun + seconds, connections
    try:
        for client in clients:
            client.send(request)
        while open_ones:
            ready = poll.poll(30)
            if not ready:
                raise TimeoutError("no answer within 30 s")
            for number, _ in ready:
                client = by_number[number]
                answer = client.receive()
                if not answer:
                    continue
                now = time.perf_counter()
                if answer[0] != wanted:
                    raise RuntimeError(f"answered {answer[0]}: {answer[1][:200]!r}")
                times.append((now - client.sent_at) * 1000)
                if now < end:
                    client.send(request)
                else:
                    open_ones -= 1
        took = time.perf_counter() - begun
    finally:
        poll.close()
        for client in clients:
            client.close()
    return len(times), took, sorted(times)
