"""The command kind: an argument vector, no shell, only allowed programs; what
its exit and its output mean."""

import os
import time

import pytest

from wavefleet import SLOW, assert_problem, wait_until

SHELL, ECHO, MISSING = "/bin/sh", "/bin/echo", "/opt/there/is/no/such/program"


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=1, concurrency=6, env={
        "WAVEFLEET_COMMAND_ALLOW": f"{SHELL},{ECHO},{MISSING}", "WAVEFLEET_WORKER_KILL_GRACE_MS": "500",
        "SECRET_OF_THE_WORKER": "must not leak"})


def run(fleet, *argv, project="p", deadline_s=30, params=None, project_params=None, **fields):
    """One project with this command; returns its row, with `attempts` and `logs`."""
    entry = {"project": project, **({"params": project_params} if project_params else {})}
    wave = fleet.wave_and_wait("command", [entry], "command", deadline_s,
                               params={"argv": list(argv), **(params or {})}, **fields)
    fleet.check_wave(wave)
    row = fleet.migrations(wave)[project]
    row["attempts"], row["logs"] = fleet.attempts(row["id"]), "\n".join(fleet.log_lines(wave, project))
    return row


def shell(fleet, script, *args, **options):
    return run(fleet, SHELL, "-c", script, "sh", *args, **options)


# ---- arguments ----

def test_placeholders_are_filled_per_argument(fleet):
    row = shell(fleet, 'for a; do echo "[$a]"; done', "{project}", "x-{project}-y", "{attempt}", "{params.colour}",
                project="one two", project_params={"colour": "dark red"})
    assert row["state"] == "completed"
    for wanted in ("[one two]", "[x-one two-y]", "[1]", "[dark red]"):
        assert wanted in row["logs"], row["logs"]


def test_no_shell_comes_near_a_name(fleet, tmp_path):
    evil = f"$(touch {tmp_path}/owned); `touch {tmp_path}/owned` | touch {tmp_path}/owned & '\""
    row = run(fleet, ECHO, "{project}", project=evil)
    assert row["state"] == "completed" and "$(touch" in row["logs"]
    assert not (tmp_path / "owned").exists()


def test_a_value_is_not_filled_again(fleet):
    row = run(fleet, ECHO, "{project}", project="{params.secret}", project_params={"secret": "filled twice"})
    assert "filled twice" not in row["logs"]


def test_only_allowed_programs_run(fleet, tmp_path):
    row = run(fleet, "/usr/bin/touch", str(tmp_path / "x"))
    assert row["state"] == "failed" and len(row["attempts"]) == 1, "not allowed is permanent"
    assert "touch" in row["error"] and not (tmp_path / "x").exists()


def test_a_relative_or_dotted_path_is_not_the_allowed_program(fleet):
    assert run(fleet, "/bin/../bin/rm", "-c", "exit 0")["state"] == "failed"
    for program in ("sh", "./sh"):
        body = {"name": "relative", "kind": "command", "project_uuids": ["p"], "params": {"argv": [program]}}
        assert_problem(fleet.http.post("/api/waves", body), 422)


def test_nothing_is_allowed_by_default(make_own_fleet):
    fleet = make_own_fleet(workers=1)
    assert run(fleet, ECHO, "hello")["state"] == "failed"


def test_a_program_that_is_not_there(fleet):
    row = run(fleet, MISSING, max_attempts=2)
    assert row["state"] == "failed" and "no/such/program" in row["error"]


# ---- exit status ----

def test_exit_0_completes(fleet):
    row = shell(fleet, "exit 0")
    assert row["state"] == "completed" and row["error"] is None


def test_exit_75_is_temporary_and_retried_with_backoff(fleet):
    row = shell(fleet, 'test "$1" -ge 3 || exit 75', "{attempt}")
    assert row["state"] == "completed"
    assert [(a["outcome"], a["class"]) for a in row["attempts"]] == [
        ("failed", "temporary"), ("failed", "temporary"), ("completed", None)]
    assert row["attempts"][1]["error"]


def test_exit_75_for_ever_ends_as_dead(fleet):
    row = shell(fleet, "echo the last words >&2; exit 75", max_attempts=3)
    assert row["state"] == "failed" and len(row["attempts"]) == 3 and row["class"] == "temporary"
    assert fleet.sql.value("SELECT count(*) FROM dead WHERE migration_id = %s", row["id"]) == 1


def test_exit_65_is_data_and_permanent(fleet):
    row = shell(fleet, "echo no such column >&2; exit 65")
    assert row["state"] == "failed" and row["class"] == "data" and len(row["attempts"]) == 1


def test_other_exits_fail_and_say_so(fleet):
    row = shell(fleet, "exit 3", max_attempts=2)
    assert row["state"] == "failed" and "3" in row["error"] and row["class"], row


def test_death_by_signal(fleet):
    row = shell(fleet, "echo last line; kill -SEGV $$", max_attempts=10)
    assert row["state"] == "failed" and row["class"] == "crashed", row
    assert len(row["attempts"]) <= 3, "a poison pill must not tour the fleet"
    assert "signal" in row["error"].lower() or "SEGV" in row["error"] or "11" in row["error"], row["error"]


def test_time_out_ends_the_whole_group(fleet, tmp_path):
    tmp_path.chmod(0o777)
    begun = time.monotonic()
    row = shell(fleet, 'sleep 300 & echo $! >> "$1/pids"; echo $$ >> "$1/pids"; trap "" TERM; sleep 300; sleep 300',
                str(tmp_path), timeout_seconds=1, max_attempts=10)
    assert row["state"] == "failed" and row["class"] == "timed_out", row
    assert len(row["attempts"]) <= 3 and time.monotonic() - begun < 20 * SLOW
    pids = [int(p) for p in (tmp_path / "pids").read_text().split()]
    assert len(pids) >= 2
    wait_until(lambda: not any(lives(p) for p in pids), 5, "the end of the whole process group")


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_descendant_that_keeps_the_output_open_holds_up_nothing(fleet):
    begun = time.monotonic()
    row = shell(fleet, "sleep 300 & echo done")
    assert row["state"] == "completed" and time.monotonic() - begun < 15 * SLOW


# ---- output, result ----

def test_last_line_of_json_becomes_the_result(fleet):
    row = shell(fleet, """echo 'working'; echo '{"not": "the last"}'; echo '{"rows": 12, "имя": "да"}'""")
    assert row["state"] == "completed" and row["result"] == {"rows": 12, "имя": "да"}
    assert "working" in row["logs"]


def test_result_is_shown_over_http(fleet):
    wave = fleet.wave_and_wait("shown", ["p"], "command", params={"argv": [ECHO, '{"rows": 12}']})
    assert fleet.http.get(f"/api/waves/{wave}").data["migrations"][0]["result_data"] == {"rows": 12}


def test_a_last_line_that_is_no_object_is_only_a_log_line(fleet):
    for text in ("all is well", "{broken", "[1, 2"):
        row = run(fleet, ECHO, text)
        assert row["state"] == "completed" and text in row["logs"], row


def test_both_streams_become_log_lines(fleet):
    row = shell(fleet, "echo to out; echo to err >&2; printf 'no newline at the end'")
    lines = fleet.sql.rows("SELECT stream, line FROM migration_logs WHERE migration_id = %s ORDER BY id", row["id"])
    got = {(r["stream"], r["line"]) for r in lines}
    assert {("out", "to out"), ("err", "to err"), ("out", "no newline at the end")} <= got, got


def test_output_that_is_no_text(fleet):
    row = shell(fleet, r"printf '\377\376\000\001 bytes\n'; printf '\033[31mred\n'; echo ok")
    assert row["state"] == "completed" and "ok" in row["logs"]


def test_much_output_is_cut_not_kept_in_memory(fleet):
    row = shell(fleet, "head -c 300000 /dev/zero | tr '\\0' x; echo; echo after")
    longest = fleet.sql.value("SELECT max(length(line)) FROM migration_logs WHERE migration_id = %s", row["id"])
    assert row["state"] == "completed" and longest <= 8300 and "after" in row["logs"]


def test_many_lines(fleet):
    row = shell(fleet, "seq 1 20000")
    count = fleet.sql.value("SELECT count(*) FROM migration_logs WHERE migration_id = %s AND stream = 'out'", row["id"])
    assert row["state"] == "completed" and count == 20000


# ---- environment, directory ----

def test_environment_and_directory(fleet, tmp_path):
    tmp_path.chmod(0o755)
    row = shell(fleet, 'echo "TENANT=$TENANT"; pwd',
                params={"env": {"TENANT": "the {project}"}, "cwd": str(tmp_path)})
    assert row["state"] == "completed"
    assert "TENANT=the p" in row["logs"] or "TENANT=the {project}" in row["logs"]
    assert os.path.realpath(tmp_path) in row["logs"]


def test_the_workers_secrets_stay_with_the_worker(fleet):
    row = shell(fleet, "env")
    assert row["state"] == "completed"
    for word in (fleet.env["WAVEFLEET_SECRET_KEY"], fleet.env["WAVEFLEET_API_TOKEN"], "WAVEFLEET_DATABASE_URL="):
        assert word not in row["logs"]


def test_nothing_is_inherited_but_the_standard_streams(fleet):
    row = shell(fleet, "ls -l /proc/$$/fd | grep -c socket; true")
    assert row["state"] == "completed" and "0" in row["logs"].split(), row["logs"]
