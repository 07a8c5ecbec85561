"""Figures as a table for people and as JSON lines for programs."""

import json
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def fdatasync_us(writes=300):
    """What it takes to have 8 KiB on the disk: what a commit waits for."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        times = []
        for i in range(writes):
            os.pwrite(file.fileno(), b"x" * 8192, 8192 * (i % 16))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e6)
        return round(statistics.median(times), 1)


def machine():
    """What the figures belong to."""
    cpu = re.search(r"^model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)[1])

    def version(*argv):
        said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False).stdout
        found = re.search(r"[0-9]+\.[0-9.]+", said)
        return found[0] if found else "?"
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "memory_gib": round(memory / 1048576, 1),
            "kernel": platform.release(), "postgres": version("pgbench", "--version"),
            "redis": version("redis-server", "--version"), "fdatasync_us": fdatasync_us(), "load_before": round(os.getloadavg()[0], 2)}


def figure(name, what, values, unit, at_least=None, at_most=None):
    """The median of the runs, their spread, and whether a target is met (None: there is none)."""
    middle = statistics.median(values)
    met = None
    if at_least is not None or at_most is not None:
        met = (at_least is None or middle >= at_least) and (at_most is None or middle <= at_most)
    return {"name": name, "what": what, "median": middle, "unit": unit, "min": min(values), "max": max(values),
            "runs": len(values), "at_least": at_least, "at_most": at_most, "met": met}


def short(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def target(f):
    if f["met"] is None:
        return ""
    wanted = f"≥ {f['at_least']:,}" if f["at_least"] is not None else f"≤ {f['at_most']:,}"
    return f"{wanted}  {'met' if f['met'] else 'MISSED'}"


def table(machine_facts, figures):
    print(", ".join(f"{k} {v}" for k, v in machine_facts.items()) + "\n")
    rows = [("what", "median", "min to max", "unit", "target")]
    rows += [(f["what"], short(f["median"]), f"{short(f['min'])} to {short(f['max'])}" if f["runs"] > 1 else "",
              f["unit"], target(f)) for f in figures]
    wide = [max(len(r[i]) for r in rows) for i in range(5)]
    for r in rows:
        print(f"{r[0]:{wide[0]}}  {r[1]:>{wide[1]}}  {r[2]:>{wide[2]}}  {r[3]:{wide[3]}}  {r[4]}".rstrip())


def json_lines(figures):
    for f in figures:
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in f.items()}, ensure_ascii=False))
