"""The command line against a real API and workers."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
import unicodedata

import pytest

from cli import Cli, complete_in_bash, environment
from cli_api import FakeApi
from previous import outside_make
from stack import ROOT
from wavefleet import BIN, SLOW, free_port, wait_until

FAILING = 'fail={"times": 99, "class": "data"}'


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=1, concurrency=8)


@pytest.fixture
def cli(fleet, tmp_path):
    return Cli(f"http://127.0.0.1:{fleet.port}", tmp_path)


@pytest.fixture(scope="module")
def waves(fleet):
    """(completed, failed): two waves that have ended."""
    good = fleet.wave_and_wait("good, \"quoted\" мир 日本", ["a", "b", "c"], params={"log_lines": 3})
    bad = fleet.wave_and_wait("bad", ["x", "y"], params={"fail": {"times": 99, "class": "data"}, "log_lines": 2})
    return good, bad


def columns_of(text):
    wide = lambda c: 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return max((sum(map(wide, line)) for line in text.splitlines()), default=0)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def create(cli, name, projects, *options):
    return cli.good("wave", "create", name, "--kind", "noop", "-p", "-", "-q", *options,
                    stdin="\n".join(projects)).strip()


# ---- each verb, in each output ----

LISTS = [("wave", "list"), ("migration", "list"), ("migration", "list", "last"), ("dead", "list"), ("queue", "list"),
         ("worker", "list")]


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_lists_in_each_output(cli, waves, command):
    data = json.loads(cli.good(*command, "-o", "json"))
    assert data and isinstance(data, list)
    rows = rows_of(cli.good(*command, "-o", "csv"))
    assert len(rows) == len(data)
    table = cli.good(*command).splitlines()
    assert len(table) == 1 + len(data) and re.match(r"[A-Z']+", table[0])
    ids = cli.good(*command, "-q").splitlines()
    assert len(ids) == len(data) and all(ids)
    first = next(iter(rows[0].values()))
    assert [next(iter(r.values())) for r in rows] == ids and first


def test_json_is_the_apis(cli, fleet, waves):
    for path, command in ((f"/api/waves/{waves[0]}", ("wave", "show", waves[0])),
                          ("/api/migrations/m1", ("migration", "show", "m1")),
                          (f"/api/waves/{waves[0]}/migrations/a", ("migration", "show", waves[0], "a"))):
        assert json.loads(cli.good(*command, "-o", "json")) == fleet.http.get(path).data


def test_show(cli, waves):
    text = cli.good("wave", "show", waves[0])
    assert re.search(rf"^Wave +{waves[0]}$", text, re.M) and re.search(r"^Completed +3$", text, re.M)
    assert 'good, "quoted" мир 日本' in text
    row, = rows_of(cli.good("wave", "show", waves[0], "-o", "csv"))
    assert row["name"] == 'good, "quoted" мир 日本' and row["progress_completed"] == "3"
    text = cli.good("migration", "show", waves[1], "x")
    assert "failed" in text and re.search(r"ATTEMPT +OUTCOME +CLASS", text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_tables_fit(cli, waves, width):
    for command in (*LISTS, ("wave", "show", waves[0]), ("doctor",), ("help",)):
        text = cli(*command, COLUMNS=width).out
        assert text and columns_of(text) <= width, (command, text)
    assert "…" in cli.good("migration", "list", COLUMNS=40)
    assert waves[0] in cli.good("wave", "list", COLUMNS=40), "an id is never cut while there is something else"


def test_no_escapes_in_pipes(cli, waves):
    for command in (*LISTS, ("wave", "show", waves[0]), ("wave", "watch", waves[0]), ("doctor",)):
        done = cli(*command)
        assert "\x1b" not in done.out + done.err, done


def test_colours_at_a_terminal_only_where_wanted(cli, waves):
    def shown(*options, **env):
        terminal = cli.terminal("wave", "list", *options, columns=120, **env)
        assert terminal.end() == 0
        return terminal.text
    assert "\x1b[31merror" in shown()
    for text in (shown("--no-color"), shown(NO_COLOR=1), shown(TERM="dumb")):
        assert "\x1b" not in text and "error" in text
    assert "\x1b[31m" in shown(NO_COLOR="")


def test_data_does_not_steer_the_terminal(cli, fleet):
    evil = "evil \x1b[2J\x1b]0;title\x07 \u202e\u009b31m name"
    wave = fleet.submit(evil, ["p\x1b[31mq"], params={"log_lines": 1})
    fleet.wait_wave(wave)
    for command in (("wave", "list"), ("wave", "show", wave), ("migration", "list", wave), ("wave", "list", "-o", "csv"),
                    ("wave", "list", "-o", "json"), ("migration", "list", wave, "-o", "json")):
        terminal = cli.terminal(*command, "--no-color", columns=150)
        assert terminal.end() == 0
        assert "evil" in terminal.text or "pq" in terminal.text or "q" in terminal.text
        assert not set("\x1b\x07\u202e\u009b") & set(terminal.text), (command, terminal.text)
    assert json.loads(cli.good("wave", "show", wave, "-o", "json"))["wave"]["name"] == evil, "JSON keeps it"
    assert rows_of(cli.good("wave", "list", "-n", "1", "-o", "csv"))[0]["name"] == evil, "and CSV in a pipe"


def test_columns_limit_and_all(cli, fleet):
    wave = fleet.wave_and_wait("many", [f"p{i:04}" for i in range(1203)], batch_size=1000, deadline_s=60)
    list_of = lambda *options: cli.good("migration", "list", wave, *options)
    assert len(list_of("-q").splitlines()) == 50
    assert len(list_of("-q", "-n", "7").splitlines()) == 7
    assert len(list_of("-q", "-n", "501").splitlines()) == 501
    assert sorted(r["mb_project_uuid"] for r in rows_of(list_of("-a", "-o", "csv"))) == [f"p{i:04}" for i in range(1203)]
    assert len(json.loads(list_of("--all", "-o", "json"))) == 1203
    table = list_of("--all").splitlines()
    assert len(table) == 1204 and len({line.index("completed") for line in table[1:]}) == 1, "one layout for all pages"
    rows = rows_of(list_of("--columns", "status,mb_project_uuid", "-o", "csv", "-n", "1"))
    assert list(rows[0]) == ["status", "mb_project_uuid"]
    done = cli("wave", "list", "--columns", "nothing")
    assert done.code == 2 and 'no column "nothing"' in done.err


def test_csv_for_spreadsheets(cli, fleet):
    fleet.wave_and_wait("=1+cmd|x", ["a"])
    row = lambda *options: rows_of(cli.good("wave", "list", "-n", "1", "-o", "csv", *options))[0]["name"]
    assert row() == "=1+cmd|x" and row("--spreadsheet") == "'=1+cmd|x"
    assert cli.good("wave", "list", "-n", "1", "-o", "csv").count("\r\n") == 2, "RFC 4180"


def test_filters(cli, waves):
    failed = json.loads(cli.good("wave", "list", "--status", "error", "-o", "json"))
    assert {w["status"] for w in failed} == {"error"} and waves[1] in {w["id"] for w in failed}
    found = json.loads(cli.good("migration", "list", waves[1], "--text", "X", "-o", "json"))
    assert [m["mb_project_uuid"] for m in found] == ["x"]
    dead = json.loads(cli.good("dead", "list", "--wave", waves[1], "--since", "-1h", "-o", "json"))
    assert len(dead) == 2
    done = cli("dead", "list", "--wave", waves[1], "--until", "-1h")
    assert done.code == 0 and done.out == "" and "nothing failed" in done.err
    assert json.loads(cli.good("dead", "list", "--wave", waves[1], "--until", "-1h", "-o", "json")) == []


def test_logs(cli, waves):
    assert "submitted by" in cli.good("wave", "logs", waves[0])
    assert cli.good("migration", "logs", waves[0], "a", "-q").splitlines() == [f"line {i} of 3" for i in (1, 2, 3)]
    lines = [json.loads(line) for line in cli.good("migration", "logs", waves[0], "a", "-o", "json").splitlines()]
    assert [line["line"] for line in lines] == [f"line {i} of 3" for i in (1, 2, 3)]
    assert [r["line"] for r in rows_of(cli.good("migration", "logs", waves[0], "a", "-o", "csv"))] == \
        [line["line"] for line in lines]
    done = cli("migration", "logs", waves[0], "a", "--attempt", "7")
    assert done.code == 0 and not done.out and "no lines yet" in done.err


def test_logs_are_followed_to_the_end(cli, fleet):
    wave = fleet.submit("talks", ["t"], params={"sleep_ms": 1500, "log_lines": 5})
    out = cli.good("migration", "logs", wave, "t", "--follow", "-q")
    assert out.splitlines() == [f"line {i} of 5" for i in range(1, 6)]
    assert fleet.migrations(wave)["t"]["state"] == "completed", "it ended with the migration"
    assert fleet.wait_wave(wave) == "completed"
    out = cli.good("wave", "logs", wave, "-f")
    assert "submitted by" in out and "ended as completed" in out


# ---- submitting ----

def test_create_from_a_file(cli, fleet, tmp_path):
    (tmp_path / "names.txt").write_bytes("\ufeffone\r\n\r\n  two three  \r\nмир\r\n".encode())
    wave = cli.good("wave", "create", "from lines", "--kind", "noop", "--projects", tmp_path / "names.txt", "-b", "2",
                    "--priority", "7", "--max-attempts", "2", "--queue", "default", "--param", "sleep_ms=1", "-q").strip()
    shown = fleet.http.get(f"/api/waves/{wave}").data
    assert [m["mb_project_uuid"] for m in shown["migrations"]] == ["one", "two three", "мир"]
    assert {k: shown["wave"][k] for k in ("name", "batch_size", "priority", "max_attempts")} == \
        {"name": "from lines", "batch_size": 2, "priority": 7, "max_attempts": 2}
    assert shown["wave"]["params"] == {"sleep_ms": 1}


def test_create_from_csv(cli, fleet, tmp_path):
    (tmp_path / "p.csv").write_text('project,depends_on,params.sleep_ms\nbase,,5\n"shop, the",base,\n')
    wave = cli.good("wave", "create", "from csv", "--kind", "noop", "-p", tmp_path / "p.csv", "-q").strip()
    assert fleet.wait_wave(wave) == "completed"
    rows = fleet.migrations(wave)
    assert set(rows) == {"base", "shop, the"} and rows["base"]["params"] == {"sleep_ms": 5}
    assert rows["shop, the"]["started_at"] >= rows["base"]["finished_at"]
    done = cli("wave", "create", "n", "--kind", "noop", "-p", "-", "--projects-format", "csv", stdin="what\nx\n")
    assert done.code == 2 and 'standard input has a column "what"' in done.err and "commas" not in done.err
    done = cli("wave", "create", "n", "--kind", "noop", "-p", "-", "--projects-format", "csv", stdin="project;brz_project_id\nx;1\n")
    assert done.code == 2 and "with commas between them" in done.err, "a table as some spreadsheets save it"


def test_create_prints_the_id_and_how_to_follow(cli):
    done = cli("wave", "create", "n", "--kind", "noop", "-p", "-", stdin="a\n")
    assert done.code == 0 and re.fullmatch(r"\d+_\d{12}\n", done.out) and done.err == ""
    assert json.loads(cli.good("wave", "create", "n", "--kind", "noop", "-p", "-", "-o", "json", stdin="a"))["wave_id"]


def test_params_from_files(cli, fleet, tmp_path):
    (tmp_path / "params.json").write_text('{"sleep_ms": 2, "log_lines": 1}')
    (tmp_path / "text").write_text("17\n")
    wave = create(cli, "files", ["a"], "--params", f"@{tmp_path}/params.json", "--param", 'result={"x": 1}')
    assert fleet.http.get(f"/api/waves/{wave}").data["wave"]["params"] == {"sleep_ms": 2, "log_lines": 1,
                                                                           "result": {"x": 1}}
    done = cli("wave", "create", "n", "--kind", "noop", "-p", "-", "--param", f"sleep_ms=@{tmp_path}/text", stdin="a")
    assert done.code == 1 and "sleep_ms" in done.err, "what comes of a file is text"
    for wrong, said in ((("--params", "[1]"), "must be a JSON object"), (("--params", "{"), "is no JSON"),
                        (("--param", "x"), "NAME=VALUE"), (("--param", "=1"), "NAME=VALUE"),
                        (("--params", f"@{tmp_path}/none"), "could not open")):
        done = cli("wave", "create", "n", "-p", "-", *wrong, stdin="a")
        assert done.code == 2 and said in done.err, done


def test_planned_waves(cli, fleet):
    wave = create(cli, "planned", ["a"], "--start-at", "+2h", "--deadline-at", "2099-01-01T00:00:00Z", "--canary", "1",
                  "--max-failures", "5%")
    shown = fleet.http.get(f"/api/waves/{wave}").data["wave"]
    assert shown["state"] == "ready" and shown["canary"] == 1 and shown["max_failures"]
    after = create(cli, "after", ["a"], "--depends-on", wave)
    assert fleet.http.get(f"/api/waves/{after}").data["wave"]["depends_on"]
    assert "changed" in cli.good("wave", "change", wave, "--deadline-at", "none", "--batch-size", "9", "--name", "renamed")
    shown = fleet.http.get(f"/api/waves/{wave}").data["wave"]
    assert shown["deadline_at"] is None and shown["batch_size"] == 9 and shown["name"] == "renamed"
    assert "goes on" in cli.good("wave", "resume", wave)
    assert fleet.wait_wave(after) == "completed"
    done = cli("wave", "change", wave)
    assert done.code == 2 and "what to change" in done.err


def test_what_the_api_refuses(cli):
    done = cli("wave", "create", "twice", "--kind", "noop", "-p", "-", stdin="a\nb\na\nb\n")
    assert done.code == 1 and done.out == ""
    assert 'repeats "a"' in done.err and "#/project_uuids/3" in done.err and "status 422, request " in done.err
    done = cli("wave", "pause", "1_000000000000")
    assert done.code == 1 and "there is no wave" in done.err
    done = cli("wave", "list", "--status", "odd")
    assert done.code == 1 and "in_progress" in done.err


def test_idempotent_through_a_broken_connection(cli, fleet, tmp_path):
    """The answer is lost on the way twice: the wave is there once."""
    fake = FakeApi(fleet.port)
    lost = []

    def lose(exchange):
        status, _, _ = fake.ask(exchange)
        lost.append(status)
        if len(lost) <= 2:
            exchange.reset()
        else:
            fake.forward(exchange)
    fake.answers[("POST", "/api/waves")] = lose
    through = Cli(fake.url, tmp_path)
    done = through("wave", "create", "only once", "--kind", "noop", "-p", "-", stdin="a\nb\n")
    fake.close()
    assert done.code == 0 and "trying again" in done.err, done
    assert lost[:3] == [201, 201, 201]
    keys = {c[2].get("Idempotency-Key") for c in fake.asked("/api/waves")}
    assert len(keys) == 1 and None not in keys
    assert fleet.sql.value("SELECT count(*) FROM waves WHERE name = 'only once'") == 1
    assert done.out.strip() == fleet.sql.value("SELECT wave_id FROM waves WHERE name = 'only once'")


def test_the_same_key_creates_once(cli, fleet):
    ids = {create(cli, "by key", ["a"], "--idempotency-key", "nightly-7") for _ in range(2)}
    assert len(ids) == 1
    done = cli("wave", "create", "by key", "--kind", "noop", "-p", "-", "--idempotency-key", "nightly-7", stdin="b")
    assert done.code == 1 and "another body" in done.err


# ---- following ----

def test_watch_says_how_it_ended(cli, waves):
    done = cli("wave", "watch", waves[0])
    assert done.code == 0 and done.out.strip().endswith("completed, 100%, 3/3")
    done = cli("wave", "watch", waves[1])
    assert done.code == 3 and "2 failed" in done.out
    done = cli("wave", "watch", *waves)
    assert done.code == 3 and len(done.out.splitlines()) == 2
    lines = [json.loads(line) for line in cli("wave", "watch", waves[1], "-o", "json").out.splitlines()]
    assert lines[-1]["state"] == "error" and lines[-1]["progress"] == {"total": 2, "completed": 0, "failed": 2, "cancelled": 0}
    row = rows_of(cli("wave", "watch", waves[0], "-o", "csv").out)[-1]
    assert row["state"] == "completed" and row["completed"] == "3"
    assert cli("wave", "watch", waves[1], "-q").out == ""


def test_watch_a_stopped_one(cli, fleet):
    wave = create(cli, "to stop", [f"s{i}" for i in range(20)], "-b", "2", "--param", "sleep_ms=60000")
    watching = cli.start("wave", "watch", wave)
    wait_until(lambda: fleet.migrations(wave)["s0"]["state"] == "running", 20, "its first")
    assert "stopped" in cli.good("wave", "stop", wave, "--yes")
    out, err = watching.communicate(timeout=60 * SLOW)
    assert watching.returncode == 4, out + err
    assert out.splitlines()[-1].startswith("to stop: stopped, 100%, 20/20")


def test_lines_are_bounded(cli, fleet):
    wave = create(cli, "lines", [f"l{i}" for i in range(200)], "-b", "8", "--param", "sleep_ms=100")
    begun = time.monotonic()
    done = cli("wave", "watch", wave)
    took = time.monotonic() - begun
    assert done.code == 0 and len(done.out.splitlines()) <= 3 + took


def test_watch_until_pause_and_for(cli, fleet):
    wave = create(cli, "pauses", [f"p{i}" for i in range(50)], "-b", "1", "--param", "sleep_ms=60000")
    done = cli("wave", "watch", wave, "--for", "1s")
    assert done.code == 6 and "the wave goes on" in done.err and fleet.status(wave)["status"] == "in_progress"
    cli.good("wave", "pause", wave)
    done = cli("wave", "watch", wave, "--until-pause")
    assert done.code == 5 and "paused" in done.out
    cli.good("wave", "stop", wave, "-y")
    assert cli("wave", "watch", wave, "--for", "later").code == 2


def test_watch_at_a_terminal(cli, fleet):
    wave = create(cli, "bars 日本", [f"b{i}" for i in range(40)], "-b", "4", "--param", "sleep_ms=400")
    terminal = cli.terminal("wave", "watch", columns=100)
    assert terminal.expect(r"bars 日本.*\[.*\] +\d+% +\d+/40").end() == 0
    assert re.search(r"\d+s left +[\d.]+/", terminal.plain), "rate and time left"
    last = terminal.plain.rstrip().splitlines()[-1]
    assert "100%" in last and "40/40" in last and "completed" in last and "█" in last
    assert fleet.status(wave)["status"] == "completed"
    frames = re.split(r"\x1b\[\d+A", terminal.text)
    assert len(frames) > 3 and all(columns_of(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", f)) <= 100 for f in frames)


def test_watch_at_a_narrow_terminal_without_utf8(cli, waves):
    terminal = cli.terminal("wave", "watch", waves[1], columns=40, LC_ALL="C")
    assert terminal.end() == 3
    assert columns_of(terminal.plain.splitlines()[0]) <= 40 and "█" not in terminal.text


def test_interrupted(cli, fleet):
    wave = create(cli, "interrupted", [f"i{i}" for i in range(100)], "-b", "1", "--param", "sleep_ms=300")
    terminal = cli.terminal("wave", "watch", wave)
    terminal.expect(r"interrupted.*%").send("\x03")
    assert terminal.end() == 130 and "the wave goes on: wavefleet wave watch " + wave in terminal.plain
    watching = cli.start("wave", "watch", wave)
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30 * SLOW)
    assert watching.returncode == 130 and "goes on" in err
    assert fleet.status(wave)["status"] == "in_progress"
    cli.good("wave", "stop", wave, "-y")


def test_create_and_watch(cli):
    done = cli("wave", "create", "now", "--kind", "noop", "-p", "-", "--param", FAILING, "-w", stdin="a\n")
    assert done.code == 3
    wave, *lines = done.out.splitlines()
    assert re.fullmatch(r"\d+_\d{12}", wave) and lines[-1] == "now: error, 100%, 1/1, 1 failed"


def test_watch_goes_on_when_the_api_comes_back(cli, fleet, tmp_path):
    """Behind an address that answers 503 for a while."""
    wave = create(cli, "away", ["a"], "--param", "sleep_ms=60000")
    fake = FakeApi(fleet.port)
    status = f"/api/waves/{wave}/status"
    away = lambda exchange: fake.problem(exchange, 503, "unavailable", "PostgreSQL is away", [("Retry-After", "1")])
    watching = Cli(fake.url, tmp_path).start("wave", "watch", wave)
    watching.stdout.readline()
    fake.answers[("GET", status)] = away
    known = len(fake.asked(status))
    assert fleet.http.post(f"/api/waves/{wave}/migrations/a/cancel", {}).status in (200, 202)
    wait_until(lambda: len(fake.asked(status)) > known, 20, "a question that is refused")
    del fake.answers[("GET", status)]
    out, err = watching.communicate(timeout=60 * SLOW)
    fake.close()
    assert watching.returncode == 0 and "PostgreSQL is away" in err and "completed" in out


# ---- acts ----

def test_stop_asks_first(cli, fleet):
    wave = create(cli, "asks", [f"a{i}" for i in range(7)], "-b", "1", "--param", "sleep_ms=60000")
    done = cli("wave", "stop", wave)
    assert done.code == 2 and "cancel 7 migrations" in done.err and "--yes" in done.err
    terminal = cli.terminal("wave", "stop", wave, columns=200)
    terminal.expect(r"cancel 7 migrations\? \[y/N\]").send("n\n")
    assert terminal.end() == 1 and "nothing was done" in terminal.plain
    assert fleet.status(wave)["status"] == "in_progress"
    terminal = cli.terminal("wave", "stop", wave, columns=200)
    terminal.expect(r"\[y/N\]").send("y\n")
    assert terminal.end() == 0
    assert fleet.wait_wave(wave) == "stopped"
    assert "it is so already" in cli.good("wave", "stop", wave, "--yes")


def test_last_is_the_wave_that_was_asked_about(cli, fleet):
    """Not the one that somebody submits while the person thinks."""
    asked = create(cli, "asked about", ["a"], "--param", "sleep_ms=60000")
    terminal = cli.terminal("wave", "stop", "last", columns=200)
    terminal.expect(rf"stop wave {asked} and cancel 1 migration\? \[y/N\]")
    other = create(cli, "newer", ["b"], "--param", "sleep_ms=60000")
    terminal.send("y\n")
    assert terminal.end() == 0 and f"{asked}: stopped" in terminal.plain
    assert fleet.wait_wave(asked) == "stopped"
    assert fleet.status(other)["status"] == "in_progress"
    assert f"{other}: paused" in cli.good("wave", "pause", "last")
    cli.good("wave", "stop", other, "--yes")


def test_pause_and_resume(cli, fleet):
    cli.good("queue", "pause", "default")       # so that it does not end meanwhile
    wave = create(cli, "paused", [f"a{i}" for i in range(20)], "-b", "1", "--param", "sleep_ms=50")
    assert "paused" in cli.good("wave", "pause", wave)
    assert "it is so already" in cli.good("wave", "pause", wave)
    assert json.loads(cli.good("wave", "resume", wave, "-o", "json"))["state"] == "running"
    cli.good("queue", "resume", "default")
    assert fleet.wait_wave(wave) == "completed"
    done = cli("wave", "pause", wave)
    assert done.code == 1 and "the wave is completed" in done.err and "status 409" in done.err
    assert f"{wave}: cannot pause" in cli("wave", "pause", wave, "last").err, "of several it says which"


def test_restart_asks_with_the_number(cli, fleet):
    wave = create(cli, "again", ["a", "b", "c"], "--param", 'fail={"times": 1, "class": "data"}')
    assert fleet.wait_wave(wave) == "error"
    assert "3 would be restarted" in cli.good("wave", "restart", wave, "--dry-run")
    assert "1 would be restarted" in cli.good("wave", "restart", wave, "b", "--dry-run")
    assert "0 would be restarted" in cli.good("wave", "restart", wave, "--class", "temporary", "--dry-run")
    assert "nothing to restart" in cli.good("wave", "restart", wave, "--class", "temporary")
    done = cli("wave", "restart", wave)
    assert done.code == 2 and "restart 3 migrations" in done.err
    done = cli("wave", "restart", wave, "b", "-y", "-w")
    assert done.code == 3 and "1 restarted" in done.out
    assert fleet.migrations(wave)["b"]["state"] == "completed" and fleet.migrations(wave)["a"]["state"] == "failed"
    done = cli("wave", "restart", wave, "-y", "-w")
    assert done.code == 0 and "2 restarted" in done.out


def test_migrations_are_restarted_and_cancelled(cli, fleet):
    wave = create(cli, "single", ["a"], "--param", FAILING)
    fleet.wait_wave(wave)
    ref = cli.good("migration", "list", wave, "-q").strip()
    assert ref == "m%d" % fleet.migrations(wave)["a"]["id"], "what a list prints is what an act takes"
    assert ref in cli.good("migration", "restart", ref)
    wait_until(lambda: fleet.migrations(wave)["a"]["attempt"] == 2, 20, "its second attempt")
    running = create(cli, "cancelled", ["c", "d"], "-b", "2", "--param", "sleep_ms=60000")
    wait_until(lambda: all(m["state"] == "running" for m in fleet.migrations(running).values()), 20, "both running")
    refs = ["m%d" % m["id"] for m in fleet.migrations(running).values()]
    done = cli("migration", "cancel", *refs)
    assert done.code == 2 and "cancel 2 migrations" in done.err
    cli.good("migration", "cancel", *refs, "--yes")
    wait_until(lambda: all(m["state"] == "cancelled" for m in fleet.migrations(running).values()), 20, "both cancelled")
    done = cli("migration", "show", "m999999999")
    assert done.code == 1 and "m999999999" in done.err


def test_dead_letters(cli, fleet):
    wave = create(cli, "dead ones", ["a", "b", "c"], "--param", FAILING)
    fleet.wait_wave(wave)
    letters = cli.good("dead", "list", "--wave", wave, "-q").splitlines()
    assert len(letters) == 3
    assert "3 in 1 wave would be discarded" in cli.good("dead", "discard", "--wave", wave, "--dry-run")
    done = cli("dead", "discard", "--wave", wave)
    assert done.code == 2 and "discard 3 dead letters of 1 wave" in done.err
    assert "1 discarded" in cli.good("dead", "discard", letters[0], "--yes")
    assert "2 restarted" in cli.good("dead", "restart", "--wave", wave, "--yes")
    wait_until(lambda: len(cli.good("dead", "list", "--wave", wave, "-q").splitlines()) == 2, 20, "both to fail again")
    assert len(cli.good("dead", "list", "--wave", wave, "--discarded", "-q").splitlines()) == 1
    done = cli("dead", "restart", "m999999999", "--yes")
    assert done.code == 1 and "refused: there is no migration m999999999" in done.err
    done = cli("dead", "restart", "--yes")
    assert done.code == 1 and "asks for nothing" in done.err, "no argument is not everything"


def test_queues_and_workers(cli, fleet):
    assert "paused" in cli.good("queue", "pause", "default")
    assert rows_of(cli.good("queue", "list", "-o", "csv"))[0]["paused"] == "true"
    assert "goes on" in cli.good("queue", "resume", "default")
    assert "it is so already" in cli.good("queue", "resume", "default")
    spare = fleet.start_worker(2)
    spare.expected_exit = 0
    number = str(fleet.worker_id(spare))
    assert number in cli.good("worker", "list", "-q").split()
    done = cli("worker", "drain", number)
    assert done.code == 2 and "drain 1 worker, on which 0 bodies run" in done.err
    assert "claims no more" in cli.good("worker", "drain", number, "--yes")
    wait_until(lambda: number not in cli.good("worker", "list", "-q").split(), 20, "its leaving")


# ---- credentials, exit codes, help ----

def test_exit_codes(cli, fleet, tmp_path):
    assert Cli(cli.url, tmp_path, token="wrong-token-of-some-length")("wave", "list").code == 8
    done = Cli(cli.url, tmp_path, token=None)("wave", "list")
    assert done.code == 8 and "wavefleet login" in done.err and "request " in done.err
    begun = time.monotonic()
    done = Cli(f"http://127.0.0.1:{free_port()}", tmp_path)("wave", "list")
    assert done.code == 7 and "could not reach" in done.err and time.monotonic() - begun < 10
    assert Cli("nonsense://x", tmp_path)("wave", "list").code == 2
    for wrong in ((), ("wave",), ("wave", "nothing"), ("wave", "list", "--nothing"), ("wave", "list", "-n", "x"),
                  ("wave", "list", "-o", "xml"), ("wave", "show"), ("completion", "fish"), ("help", "nothing")):
        done = cli(*wrong)
        assert done.code == 2 and done.out == "" and done.err.startswith("wavefleet: "), done


def test_a_token_is_read_from_a_file(cli, fleet, tmp_path):
    (tmp_path / "token").write_text(cli.token + "\n")
    without = Cli(cli.url, tmp_path, token=None)
    assert without("worker", "list", "--token-file", tmp_path / "token").code == 0
    assert without("worker", "list", WAVEFLEET_TOKEN=cli.token).code == 0
    assert without("worker", "list", "--token-file", tmp_path / "none").code == 2


def test_help_and_version(cli):
    assert re.fullmatch(r"wavefleet \d+\.\d+\.\d+\n", cli.good("--version"))
    assert cli.good("--help") == cli.good("help")
    assert cli.good("wave", "create", "-h") == cli.good("help", "wave", "create")
    assert "wave watch" in cli.good("help", "wave") and "queue" not in cli.good("help", "wave").split("\n")[2]
    assert cli("help", WAVEFLEET_URL="nonsense://x").code == 0, "help wants no address"


def test_a_closed_pipe_is_no_trouble(cli, waves):
    done = subprocess.run(["bash", "-c", '"$0" wave list -q | head -n 1', str(BIN / "wavefleet")], check=False,
                          env=environment(cli.url, cli.home), capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1 and done.stderr == ""


def test_a_full_disk_is_told(cli, waves):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BIN / "wavefleet", "wave", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=environment(cli.url, cli.home), check=False)
    assert done.returncode == 1 and "could not write" in done.stderr


# ---- completion ----

def test_completion_of_bash(cli, waves, tmp_path):
    script = tmp_path / "completion"
    script.write_text(cli.good("completion", "bash"))
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    env = {**environment(cli.url, cli.home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    offer = lambda line: complete_in_bash(script, line, env)
    assert offer("wavefleet ") == ["wave", "migration", "dead", "queue", "worker", "login", "logout", "doctor",
                                   "completion", "help"]
    assert offer("wavefleet wave p") == ["pause"]
    assert offer("wavefleet wave list --sta") == ["--status"]
    assert offer("wavefleet wave list --output ") == offer("wavefleet wave list -o ") == ["table", "json", "csv"]
    assert offer("wavefleet wave list --output = js") == ["json"]
    assert offer("wavefleet -o json queue p") == ["pause"]
    newest = create(cli, "to be completed", ["a"])
    assert newest in offer("wavefleet wave show ") and newest not in offer("wavefleet wave list ")
    assert "default" in offer("wavefleet queue pause ")
    assert "--until-pause" in offer("wavefleet wave watch --") and "--canary" not in offer("wavefleet wave watch --")
    assert offer("wavefleet completion ") == ["bash", "zsh"]


def test_completion_of_zsh(cli, tmp_path):
    (tmp_path / "_wavefleet").write_text(cli.good("completion", "zsh"))
    program = f"""autoload -Uz compinit; fpath=({tmp_path} $fpath); compinit -u -d {tmp_path}/dump
print -r -- $_comps[wavefleet]; source {tmp_path}/_wavefleet; which _wavefleet | head -n 1"""
    done = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    assert done.returncode == 0 and not done.stderr, done
    assert done.stdout.split("\n")[0] == "_wavefleet" and "_wavefleet ()" in done.stdout


@pytest.mark.parametrize("page", sorted((ROOT / "cli/man").iterdir()), ids=lambda p: p.name)
def test_manuals_are_well_formed(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_installed(tmp_path):
    """`make install` puts what belongs to the command line where systems look for it."""
    done = subprocess.run(["make", "-n", "-C", ROOT, "install", "DESTDIR=/there", "PREFIX=/usr"], capture_output=True,
                          text=True, check=True, env=outside_make())
    for part in ("/there/usr/share/man/man1 cli/man/wavefleet.1", "/there/usr/share/man/man8 cli/man/wavefleet-",
                 "completion bash >/there/usr/share/bash-completion/completions/wavefleet",
                 "completion zsh >/there/usr/share/zsh/site-functions/_wavefleet", "/there/usr/bin build/bin/wavefleet-api"):
        assert part in done.stdout, part


# ---- doctor ----

def test_doctor(cli, fleet, tmp_path):
    done = cli("doctor", "-o", "json")
    checks = {c["name"]: c for c in json.loads(done.out)["checks"]}
    mine = ["client.reach", "client.tls", "client.version", "client.clock", "client.credentials"]
    assert {checks[n]["status"] for n in mine} == {"ok"}, checks
    assert done.code == (1 if any(c["status"] == "fail" for c in checks.values()) else 0)
    done = Cli(f"http://127.0.0.1:{free_port()}", tmp_path)("doctor")
    assert done.code == 1 and re.search(r"^fail +client.reach +could not reach", done.out) and "mend: " in done.out
    done = Cli(cli.url, tmp_path, token="wrong-token-of-some-length")("doctor")
    assert done.code == 1 and re.search(r"^fail +client.credentials", done.out, re.M)


# ---- people ----

def test_login_and_roles(cli, fleet, tmp_path):
    """A viewer reads and may not act; a session that was ended is none."""
    made = subprocess.run([BIN / "wavefleet-api", "user", "create", "vera", "--role", "viewer", "--password-stdin"],
                          input="correct horse battery\n", text=True, capture_output=True, env=fleet.env, check=False)
    assert made.returncode == 0, made
    vera = Cli(cli.url, tmp_path, token=None)
    done = vera("login", "-u", "vera", "--password-file", "-", stdin="wrong horse battery\n")
    assert done.code == 8 and "wrong" in done.err
    terminal = vera.terminal("login", "-u", "vera")
    terminal.expect("Password: ").send("correct horse battery\n")
    assert terminal.end() == 0 and "as vera" in terminal.plain
    assert vera("wave", "list").code == 0
    assert re.search(r"^ok +client.session +logged in as vera \(viewer\)$", vera("doctor").out, re.M)
    done = vera("queue", "pause", "default")
    assert done.code == 8 and "operator" in done.err
    session = (tmp_path / ".config/wavefleet/session").read_text()
    assert vera("logout").code == 0
    (tmp_path / ".config/wavefleet/session").write_text(session)
    done = vera("wave", "list")
    assert done.code == 8 and "wavefleet login" in done.err, "the session was ended over there, too"
