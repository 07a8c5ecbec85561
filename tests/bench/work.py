"""What several measures share: the waves that they submit, and percentiles."""

import time

from load import Connection, request_bytes
from wavefleet import TOKEN

RESULT = {"ok": True}


def names(count):
    return [f"{i:08x}-aaaa-4bbb-8ccc-0123456789ab" for i in range(count)]


def post_wave(fleet, count, **fields):
    """Submits a wave of noops; returns the seconds until the answer."""
    body = {"name": "bench", "kind": "noop", "project_uuids": names(count), **fields}
    request = request_bytes("POST", "/api/waves", TOKEN, body)
    connection = Connection(fleet.port)
    begun = time.perf_counter()
    status, answer, _ = connection.ask(request)
    took = time.perf_counter() - begun
    connection.close()
    if status != 201:
        raise RuntimeError(f"the wave was refused: {answer[:300]!r}")
    return took


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]
