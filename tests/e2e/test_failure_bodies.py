"""Bodies that misbehave, beyond what test_command.py and the integration tests of the supervisor show:
whatever one does, its worker goes on, its neighbours are not held up, and its end says what it was."""

import os
import signal
import time

import pytest

from failing import completes, names, wait_done
from wavefleet import SLOW, pss_kb, wait_until

SHELL, PYTHON = "/bin/sh", "/usr/bin/python3"
MIB = 1 << 20


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=1, concurrency=4, env={
        "WAVEFLEET_COMMAND_ALLOW": f"{SHELL},{PYTHON}", "WAVEFLEET_WORKER_KILL_GRACE_MS": "500",
        "WAVEFLEET_WORKER_LEASE_MS": "6000", "WAVEFLEET_WORKER_BODY_MEMORY_MAX_BYTES": 64 * MIB})


def shell(fleet, script, *args, projects=("p",), **fields):
    return fleet.submit("body", list(projects), "command", params={"argv": [SHELL, "-c", script, "sh", *args]}, **fields)


def row_of(fleet, wave, until=("completed", "error")):
    fleet.wait_wave(wave, 40, until=until)
    fleet.check_wave(wave)
    row = fleet.migrations(wave)["p"]
    row["attempts"] = fleet.attempts(row["id"])
    return row


def begun(fleet, wave):
    wait_until(lambda: fleet.migrations(wave)["p"]["attempt"] == 1, 20, "it to begin")


def runner_of(fleet, pid):
    """The runner in whose group a program is."""
    group = os.getpgid(pid)
    assert group in fleet.workers[0].children()
    return group


def pid_in(path):
    return int(wait_until(lambda: path.exists() and path.read_text().strip(), 20, f"{path.name} written"))


def test_the_lease_is_renewed_whatever_bodies_do(fleet, tmp_path):
    """One burns a processor, the runner of another is stopped, for longer than the lease: neither is lost."""
    tmp_path.chmod(0o777)
    burning = shell(fleet, "end=$(($(date +%s) + 8)); while [ $(date +%s) -lt $end ]; do :; done")
    stopped = shell(fleet, 'echo $$ >"$1/pid"; until [ -e "$1/go" ]; do sleep 0.02; done', str(tmp_path))
    runner = runner_of(fleet, pid_in(tmp_path / "pid"))
    os.kill(runner, signal.SIGSTOP)
    (tmp_path / "go").touch()
    time.sleep(7.0)     # longer than the lease: the parameter of this test
    os.kill(runner, signal.SIGCONT)
    for wave in (burning, stopped):
        completes(fleet, wave)
        assert row_of(fleet, wave)["attempt"] == 1


def test_a_stopped_runner_is_ended_by_the_time_out(fleet, tmp_path):
    """A body that stops its own runner, and itself: TERM, CONT and KILL come from outside."""
    tmp_path.chmod(0o777)
    script = 'test "$2" -ge 2 && exit 0; echo $$ >"$1/pid"; kill -STOP $PPID; kill -STOP $$'
    wave = shell(fleet, script, str(tmp_path), "{attempt}", timeout_seconds=4)
    row = row_of(fleet, wave)
    assert row["state"] == "completed" and [a["class"] for a in row["attempts"]] == ["timed_out", None], row["attempts"]
    pid = pid_in(tmp_path / "pid")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the end of its program")


def test_a_body_that_leaks_is_refused_memory_and_no_neighbour_suffers(fleet):
    """Its limit is its own: it fails with its words in the log, while others run."""
    quiet = fleet.submit("neighbours", names(60), batch_size=2, params={"sleep_ms": 20})
    leak = fleet.submit("leak", ["p"], "command", max_attempts=2, params={"argv": [PYTHON, "-c", """
kept = []
while True:
    kept.append(bytearray(8 << 20))
"""]})
    row = row_of(fleet, leak)
    assert row["state"] == "failed" and "1" in row["error"], row
    assert any("MemoryError" in line for line in fleet.log_lines(leak, "p"))
    completes(fleet, quiet)


def test_three_hundred_megabytes_of_output(fleet):
    """Bounded in memory and in the database, and the neighbours' lines come through meanwhile. (The
    gigabyte is printed in the integration tests, without a database.)"""
    loud = shell(fleet, "yes 0123456789012345678901234567890123456789 | head -c 300000000; echo done", timeout_seconds=200)
    worker, most_kb = fleet.workers[0], 0
    begun(fleet, loud)
    since = time.monotonic()
    quiet = shell(fleet, "echo said meanwhile")
    fleet.wait_wave(quiet, 20)
    assert time.monotonic() - since < 15 * SLOW
    assert any("said meanwhile" in line for line in fleet.log_lines(quiet, "p"))
    while fleet.status(loud)["status"] == "in_progress":
        most_kb = max(most_kb, pss_kb([worker.pid]))
        time.sleep(0.1)     # how often is looked
    assert row_of(fleet, loud)["state"] == "completed"
    kept = fleet.sql.value("SELECT count(*) FROM migration_logs WHERE migration_id = %s", fleet.migrations(loud)["p"]["id"])
    assert 100_000 <= kept <= 100_002 and most_kb < 150 * 1024 * SLOW, (kept, most_kb)


def test_children_that_outlive_the_body(fleet, tmp_path):
    """Those in its group end with it. One that left it on purpose lives on, as promised, and is nobody's
    zombie when it ends; the runner is replaced."""
    tmp_path.chmod(0o777)
    wave = shell(fleet, 'sleep 60 & echo $! >"$1/in"; setsid sleep 1.5 >/dev/null 2>&1 & echo $! >"$1/out"; sleep 0.2',
                 str(tmp_path))
    assert row_of(fleet, wave)["state"] == "completed"
    inside, outside = pid_in(tmp_path / "in"), pid_in(tmp_path / "out")
    wait_until(lambda: not os.path.exists(f"/proc/{inside}"), 10, "the end of the program of the body's group")
    wait_until(lambda: not os.path.exists(f"/proc/{outside}"), 10, "the one that left, ended and reaped")
    completes(fleet, fleet.submit("after it", names(8), params={"sleep_ms": 1}))


def test_a_body_that_takes_its_worker_with_it(make_own_fleet):
    """It is lost with each, spends no attempt, and is quarantined after its small budget: one worker is
    left of four, and does the rest."""
    fleet = make_own_fleet(workers=4, concurrency=1, env={"WAVEFLEET_COMMAND_ALLOW": SHELL})
    pill = shell(fleet, "kill -9 $(awk '{print $4}' /proc/$PPID/stat); sleep 60", max_attempts=50)
    wait_until(lambda: sum(not w.alive for w in fleet.workers) == 3, 40, "three workers dead")
    row = row_of(fleet, pill, until=("error",))
    assert row["state"] == "failed" and row["class"] == "lost" and row["spent"] == 0, row
    assert [a["outcome"] for a in row["attempts"]] == ["lost"] * 3 and row["error"]
    rest = fleet.submit("the rest", names(10), params={"sleep_ms": 10})
    wait_done(fleet, rest, 10)
    completes(fleet, rest)
    for worker in [w for w in fleet.workers if not w.alive]:
        worker.expected_exit = -signal.SIGKILL
        fleet.forget(worker)
    assert len(fleet.workers) == 1
