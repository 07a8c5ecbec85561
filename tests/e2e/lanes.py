"""Lanes: fleets side by side, on each of which cases run one after the other, so that many of them
that mostly wait (for leases, for a reaper's second look) take little time together.

    with Lanes(stack, cases, number=4, env={…}) as lanes:
        lanes.result("name")        # raises what the case raised

A case is called with its Lane and cleans up after itself; a lane whose case failed is closed and
made anew, so that one failure does not become many.
"""

import os
import queue
import threading
from concurrent.futures import Future

from stack import Place
from wavefleet import SLOW, Fleet

CASE_S = 150


class Lane:
    def __init__(self, stack, name, env):
        self.place = Place(stack, name)
        self.fleet = Fleet(self.place, env)

    def close(self, judge):
        try:
            self.fleet.stop(judge)
        finally:
            self.place.close()


class Lanes:
    """cases: name -> function of a Lane. prepare is called with each new lane."""

    def __init__(self, stack, cases, env, prepare, number=None):
        self.stack, self.env, self.prepare = stack, env, prepare
        self.waiting = queue.SimpleQueue()
        self.futures = {name: Future() for name in cases}
        for item in cases.items():
            self.waiting.put(item)
        self.errors = []
        number = min(number or 2 * (os.cpu_count() or 1) + 2, len(cases), len(stack.redis_numbers))
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(number)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        while not self.waiting.empty():
            try:
                self.waiting.get_nowait()
            except queue.Empty:
                break
        for thread in self.threads:
            thread.join(CASE_S * SLOW)
        assert exc[0] or not self.errors, "\n".join(map(str, self.errors))

    def result(self, name):
        return self.futures[name].result(CASE_S * SLOW * 4)

    def run(self, number):
        """A program dies with the thread that started it: a lane is opened and closed in its own."""
        lane = None
        while True:
            try:
                name, case = self.waiting.get_nowait()
            except queue.Empty:
                break
            future = self.futures[name]
            try:
                lane = lane or self.open(number)
                case(lane)
                future.set_result(None)
            except BaseException as e:      # the test of this case shows it
                future.set_exception(e)
                lane = self.close(lane, judge=False)
        self.close(lane, judge=True)

    def open(self, number):
        lane = Lane(self.stack, f"lane{number}", self.env)
        try:
            self.prepare(lane)
        except BaseException:
            lane.close(judge=False)
            raise
        return lane

    def close(self, lane, judge):
        try:
            if lane:
                lane.close(judge)
        except Exception as e:      # shown when all lanes are closed
            self.errors.append(e)
