"""Two cells, each a Redis and a PostgreSQL of its own with an API and a worker: whether they share anything."""

import contextlib
import time

import drains
from ground import Ground
from work import RESULT, post_wave

WAVES = 10


def filled(stack, ground, name, rows):
    fleet = stack.enter_context(ground.fleet(name))
    for _ in range(WAVES):
        post_wave(fleet, rows // WAVES, params={"result": RESULT}, batch_size=10_000)
    ground.checkpoint(fleet)
    return fleet


def span(fleet):
    return fleet.sql.row("SELECT extract(epoch FROM min(started_at))::float AS begun, extract(epoch FROM max(finished_at))::float AS ended FROM migrations")


def two_cells(bench, other, rows):
    """Rows a second of both together, each with half of them and one worker."""
    with contextlib.ExitStack() as stack:
        fleets = [filled(stack, ground, "cell", rows // 2) for ground in (bench.ground, other)]
        for fleet in fleets:
            fleet.start_workers(1, 10)
        deadline = time.monotonic() + drains.LONGEST_DRAIN_S
        for fleet in fleets:
            done, _, _ = drains.drained(fleet, rows // 2, max(deadline - time.monotonic(), 1))
            if done < rows // 2:
                raise RuntimeError(f"a cell drained {done} of {rows // 2}")
        spans = [span(fleet) for fleet in fleets]
    return rows / (max(s["ended"] for s in spans) - min(s["begun"] for s in spans))


def cells(bench):
    rows = bench.size(80_000, 400)
    ratios, rates = [], []
    with contextlib.closing(Ground(bench.ground.left_s())) as other:
        for _ in bench.rounds(most=2):
            one, _ = drains.drain(bench, "one", 2 * WAVES, rows // (2 * WAVES), batch_size=10_000)
            rates.append(two_cells(bench, other, rows))
            ratios.append(rates[-1] / one)
    bench.report("cells", f"{rows:,} noop in two cells of one worker each on this machine", rates, "rows/s")
    bench.report("cells_ratio", "the same against one cell with two workers in its round", ratios, "", at_least=0.9)


MEASURES = {"cells": cells}
