"""What the fake servers saw, in order, for tests to assert on."""

import threading
import time
from collections import deque


class Ledger:
    """Append-only lists by kind; safe from any thread. Entries are plain dicts
    and get `at` (Unix time, seconds)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        with self.lock:
            self.entries = {}

    def add(self, kind, **entry):
        entry["at"] = time.time()
        with self.lock:
            self.entries.setdefault(kind, []).append(entry)
        return entry

    def of(self, kind, **where):
        with self.lock:
            rows = list(self.entries.get(kind, ()))
        return [r for r in rows if all(r.get(k) == v for k, v in where.items())]

    def peak_per_second(self, *kinds, window_s=1.0):
        """The most entries of these kinds within any stretch of window_s."""
        times = sorted(r["at"] for kind in kinds for r in self.of(kind))
        peak, recent = 0, deque()
        for at in times:
            recent.append(at)
            while recent[0] <= at - window_s:
                recent.popleft()
            peak = max(peak, len(recent))
        return peak
