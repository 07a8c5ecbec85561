"""Calls functions at a time to come: one thread that waits, a few that call,
so that thousands of runs under way cost no thread each."""

import heapq
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor


class Clockwork:
    def __init__(self, callers=32):
        self.changed = threading.Condition()
        self.heap = []
        self.order = itertools.count()
        self.stopped = False
        self.pool = ThreadPoolExecutor(callers)
        threading.Thread(target=self.loop, daemon=True).start()

    def after(self, seconds, function, *args):
        with self.changed:
            heapq.heappush(self.heap, (time.monotonic() + seconds, next(self.order), function, args))
            self.changed.notify()

    def loop(self):
        while True:
            with self.changed:
                if self.stopped:
                    return
                wait = self.heap[0][0] - time.monotonic() if self.heap else None
                if wait is None or wait > 0:
                    self.changed.wait(wait)
                    continue
                _, _, function, args = heapq.heappop(self.heap)
            self.pool.submit(function, *args)

    def forget_all(self):
        with self.changed:
            self.heap.clear()

    def stop(self):
        with self.changed:
            self.stopped = True
            self.changed.notify()
        self.pool.shutdown(wait=False, cancel_futures=True)
