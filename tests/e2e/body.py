#!/usr/bin/python3
"""A body for tests: leaves a trace of when it lived, so that a test can prove
that no two attempts of one project lived at the same time.

    body.py FOLDER PROJECT ATTEMPT MILLISECONDS

Each beat appends `PROJECT ATTEMPT PID seconds` to FOLDER/PROJECT.trace."""

import os
import sys
import time

folder, project, attempt, lasts_ms = sys.argv[1:5]
trace = os.open(f"{folder}/{project}.trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
end = time.monotonic() + int(lasts_ms) / 1000
while True:
    os.write(trace, f"{project} {attempt} {os.getpid()} {time.time():.6f}\n".encode())
    left = end - time.monotonic()
    if left <= 0:
        break
    time.sleep(min(0.02, left))
print('{"attempt": %s}' % attempt)
