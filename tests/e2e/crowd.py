#!/usr/bin/python3
"""Many readers of the live events, in a process of their own so that they hold up nobody who measures.

    crowd.py PORT TOKEN NUMBER WANTED SECONDS

Says "ready" when all are let in. When each of them has read WANTED, or after so many seconds, it prints what they
saw, as JSON: bytes, broken (readers that were ended), came (when each read WANTED).
"""

import json
import selectors
import socket
import sys
import time


def let_in(port, token, number):
    made = []
    for _ in range(number):
        s = socket.create_connection(("127.0.0.1", port), 20)
        s.sendall(f"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        made.append(s)
    for s in made:
        head = s.recv(4096)
        assert head.startswith(b"HTTP/1.1 200"), head
        s.setblocking(False)
    return made


def main():
    port, token, number, wanted = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
    selector, came, read, broken, ends = selectors.DefaultSelector(), {}, 0, 0, {}
    for s in let_in(port, token, number):
        selector.register(s, selectors.EVENT_READ)
    print("ready", flush=True)
    end = time.monotonic() + float(sys.argv[5])
    while len(came) + broken < number and time.monotonic() < end:
        for key, _ in selector.select(0.2):
            data = key.fileobj.recv(1 << 16)
            read += len(data)
            if not data:
                broken += 1
                selector.unregister(key.fileobj)
                continue
            data = ends.get(key.fd, b"") + data     # it may come in two pieces
            ends[key.fd] = data[-len(wanted):]
            if wanted in data and key.fd not in came:
                came[key.fd] = time.time()
    print(json.dumps({"bytes": read, "broken": broken, "came": sorted(came.values())}))


main()
