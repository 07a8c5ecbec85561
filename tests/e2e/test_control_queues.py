"""Pausing and resuming queues."""

import contextlib
import threading

import pytest

from held import held
from remote_setup import QUICK_REMOTE, store_secret, targets
from stack import Sql
from wavefleet import assert_problem, wait_until


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    return make_fleet(workers=2, concurrency=4, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url,
        "WAVEFLEET_WORKER_QUEUES": "default,heavy,sites", "WAVEFLEET_COMMAND_ALLOW": "/bin/sh"})


@pytest.fixture(autouse=True)
def resumed(fleet):
    yield
    for q in fleet.http.get("/api/queues").data:
        if q["paused"]:
            act(fleet, q["name"], "resume")


def act(fleet, queue, what, **options):
    return fleet.http.post(f"/api/queues/{queue}/{what}", {}, **options)


def shown(fleet, queue):
    return next((q for q in fleet.http.get("/api/queues").data if q["name"] == queue), None)


def states(fleet, wave):
    found = {}
    for row in fleet.migrations(wave).values():
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


def last_start(fleet, wave):
    return fleet.sql.value("SELECT max(started_at) FROM migrations m JOIN waves w USING (wave_no) WHERE wave_id = %s", wave)


def beats(fleet):
    return fleet.sql.value("SELECT min(beat) FROM workers WHERE alive")


def let_beats_pass(fleet, number=3):
    """So long that every worker has renewed, and with it told Redis what it knows, that many times."""
    until = beats(fleet) + number
    wait_until(lambda: beats(fleet) >= until, 20, "renewals")


def test_pause_and_resume(fleet, tmp_path):
    wave = fleet.submit("held", [f"h{i}" for i in range(60)], "command", params=held(tmp_path), batch_size=50,
                        queue="heavy")
    other = fleet.submit("free", [f"f{i}" for i in range(30)], params={"sleep_ms": 50}, batch_size=2)
    wait_until(lambda: states(fleet, wave).get("running", 0) >= 5, 20, "the first ones")
    reply = act(fleet, "heavy", "pause")
    assert reply.status == 200 and reply.data["changed"] is True and reply.data["paused"] is True
    answered = fleet.sql.value("SELECT clock_timestamp()")
    (tmp_path / "go").touch()
    again = act(fleet, "heavy", "pause")
    assert again.status == 200 and again.data["changed"] is False and again.data["changed_at"] == reply.data["changed_at"]
    queue = shown(fleet, "heavy")
    assert queue["paused"] is True and queue["changed_by"] and queue["changed_at"]
    assert shown(fleet, "default")["paused"] is False
    assert fleet.wait_wave(other) == "completed", "other queues go on"
    wait_until(lambda: set(states(fleet, wave)) == {"completed", "pending"}, 20, "what ran to finish")
    wait_until(lambda: fleet.redis.llen("wavefleet:queue:heavy") == 0, 20, "the queue to be given back")
    let_beats_pass(fleet)
    assert last_start(fleet, wave) < answered, "nothing starts after the answer"
    assert fleet.redis.llen("wavefleet:queue:heavy") == 0 and fleet.redis.get("wavefleet:target:heavy") == "0"
    assert shown(fleet, "heavy")["backlog"] == states(fleet, wave)["pending"] and fleet.status(wave)["status"] == "in_progress"
    assert shown(fleet, "heavy")["oldest_wave_age_seconds"] >= 1
    reply = act(fleet, "heavy", "resume")
    assert reply.data["changed"] is True and reply.data["paused"] is False
    assert act(fleet, "heavy", "resume").data["changed"] is False
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")
    fleet.check_wave(other, "completed")


def test_nothing_is_claimed_after_the_answer(fleet):
    """Waves come and claims are under way all the time; the pause waits for those that began before it."""
    for round_no in range(5):
        waves = [fleet.submit(f"rush {round_no}", [f"r{i}" for i in range(100)], queue="heavy", batch_size=100) for _ in range(3)]
        wait_until(lambda: states(fleet, waves[0]).get("completed", 0) > 0, 20, "a beginning", every_s=0.001)
        assert act(fleet, "heavy", "pause").status == 200
        attempts = lambda: fleet.sql.value("SELECT sum(claimed) FROM wave_progress JOIN waves USING (wave_no) WHERE queue = 'heavy'")
        claimed = attempts()
        wait_until(lambda: fleet.redis.llen("wavefleet:queue:heavy") == 0, 20, "the queue to be given back")
        assert attempts() == claimed
        assert act(fleet, "heavy", "resume").status == 200
        for wave in waves:
            assert fleet.wait_wave(wave) == "completed"
            fleet.check_wave(wave, "completed")


@pytest.mark.parametrize("held", ("NO KEY UPDATE", "SHARE"))
def test_the_answer_waits_for_claims_and_for_nothing_else(fleet, held):
    """A claim holds its wave FOR NO KEY UPDATE, or FOR SHARE where it is wide, a settlement FOR KEY SHARE: here a
    test holds it so."""
    wave = fleet.submit("locked", ["l1"], params={"sleep_ms": 60_000}, queue="heavy")
    wait_until(lambda: states(fleet, wave) == {"running": 1}, 20, "it to run")
    answers = []
    ask = threading.Thread(target=lambda: answers.append(act(fleet, "heavy", "pause")), daemon=True)
    holder = Sql(fleet.sql.url)
    with contextlib.closing(holder), holder.cursor() as c:
        c.execute("BEGIN")
        c.execute("SELECT 1 FROM waves WHERE wave_id = %s FOR KEY SHARE", (wave,))
        assert act(fleet, "heavy", "pause").status == 200 and act(fleet, "heavy", "resume").status == 200
        c.execute(f"SELECT 1 FROM waves WHERE wave_id = %s FOR {held}", (wave,))
        ask.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%waves WHERE queue = %%' AND datname = current_database()"
        wait_until(lambda: fleet.sql.value(waits) == 1, 20, "the pause to wait")
        assert shown(fleet, "heavy")["paused"] is True and not answers, "new claims are refused meanwhile"
        c.execute("ROLLBACK")
    ask.join(20)
    assert answers and answers[0].status == 200 and answers[0].data["changed"] is True
    assert fleet.http.post(f"/api/waves/{wave}/migrations/l1/cancel", {}).status == 202, "what runs can be cancelled still"
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_flushed_while_paused(fleet, tmp_path):
    wave = fleet.submit("flushed", [f"x{i}" for i in range(200)], "command", params=held(tmp_path),
                        batch_size=150, queue="heavy")
    wait_until(lambda: states(fleet, wave).get("running", 0) >= 5, 20, "the first ones")
    assert act(fleet, "heavy", "pause").status == 200
    answered = fleet.sql.value("SELECT clock_timestamp()")
    (tmp_path / "go").touch()
    wait_until(lambda: set(states(fleet, wave)) == {"completed", "pending"}, 20, "what ran to finish")
    left = states(fleet, wave)["pending"]
    fleet.redis.flushdb()
    wave_no = fleet.sql.value("SELECT wave_no FROM waves WHERE wave_id = %s", wave)
    wait_until(lambda: fleet.redis.llen(f"wavefleet:wave:{wave_no}:backlog") >= left
               and fleet.redis.llen("wavefleet:queue:heavy") == 0, 20, "the backlog to be back")
    wait_until(lambda: fleet.redis.get("wavefleet:target:heavy") == "0", 20, "the target to be back")
    let_beats_pass(fleet)
    assert fleet.redis.llen("wavefleet:queue:heavy") == 0 and last_start(fleet, wave) < answered
    assert act(fleet, "heavy", "resume").data["changed"] is True
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_a_flushed_target_is_noticed_at_the_next_claim(make_own_fleet):
    """Ids that come from a paused queue tell the worker; they do not go round until its next renewal (far off)."""
    fleet = make_own_fleet(workers=2, concurrency=4, env={"WAVEFLEET_WORKER_QUEUES": "default,heavy",
                                                          "WAVEFLEET_WORKER_LEASE_MS": "600000"})
    assert act(fleet, "heavy", "pause").status == 200
    fleet.redis.delete("wavefleet:target:heavy")
    wave = fleet.submit("noticed", [f"n{i}" for i in range(40)], queue="heavy", batch_size=40)
    wait_until(lambda: fleet.redis.get("wavefleet:target:heavy") == "0", 20, "the target", every_s=0.005)
    wait_until(lambda: fleet.redis.llen("wavefleet:queue:heavy") == 0, 20, "the queue to be given back")
    assert states(fleet, wave) == {"pending": 40}
    assert act(fleet, "heavy", "resume").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_polls_go_on(fleet, migration_server):
    store_secret(fleet)
    names, app = ["polled", "polled-too"], migration_server.app
    app.control({"projects": {p: {"webhook": "never", "run_ms": 600_000} for p in names}})
    wave = fleet.submit("sites", targets(names, 7_800_001), "remote", workspace_id=77, queue="sites")
    wait_until(lambda: states(fleet, wave) == {"parked": 2}, 20, "both to be parked")
    assert act(fleet, "sites", "pause").status == 200
    for i, name in enumerate(names):
        app.end((name, 7_800_001 + i), app.runs[name, 7_800_001 + i])
    assert fleet.wait_wave(wave) == "completed", "what is parked is asked about and ends"
    fleet.check_wave(wave, "completed")


def test_retries_wait(fleet, tmp_path):
    wave = fleet.submit("retries", [f"t{i}" for i in range(60)], "command", queue="heavy", batch_size=4,
                        params=held(tmp_path, 'test "$2" -ge 2 || exit 75'))
    wait_until(lambda: states(fleet, wave).get("running") == 4, 20, "some to run")
    assert act(fleet, "heavy", "pause").status == 200
    answered = fleet.sql.value("SELECT clock_timestamp()")
    (tmp_path / "go").touch()
    wait_until(lambda: not states(fleet, wave).get("running"), 20, "what ran to end")
    let_beats_pass(fleet)
    assert last_start(fleet, wave) < answered
    assert fleet.sql.value("SELECT count(*) FROM active a JOIN waves w USING (wave_no) WHERE w.wave_id = %s AND due_at < now()", wave) > 0, \
        "some are due, and wait"
    assert act(fleet, "heavy", "resume").status == 200
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed")


def test_ahead_of_its_use(fleet):
    assert shown(fleet, "later") is None
    assert act(fleet, "later", "resume").data["changed"] is False
    assert act(fleet, "later", "pause").data["changed"] is True
    assert shown(fleet, "later")["paused"] is True and shown(fleet, "later")["workers"] == 0
    wave = fleet.submit("planned", ["p1", "p2"], queue="later")
    late = fleet.start_worker(2, WAVEFLEET_WORKER_QUEUES="later", WAVEFLEET_WORKER_LEASE_MS="600000")
    renewals = lambda: fleet.sql.value("SELECT max(beat) FROM workers WHERE alive")
    before = renewals()
    wait_until(lambda: renewals() > before + 2, 20, "renewals of the others")
    assert states(fleet, wave) == {"pending": 2} and shown(fleet, "later")["runners"] == 2
    assert act(fleet, "later", "resume").data["changed"] is True
    assert fleet.wait_wave(wave) == "completed", "Redis was told at once: the worker renews in two minutes"
    fleet.check_wave(wave, "completed")
    assert late.stop() is None
    fleet.forget(late)


def test_refusals(fleet):
    for name in ("Upper", "a%3Ab", "%C3%BC", "x" * 64, "a%20b"):
        for what in ("pause", "resume"):
            problem = assert_problem(act(fleet, name, what), 422)
            assert problem["errors"][0]["pointer"] == "#/name"
    assert_problem(fleet.http.post("/api/queues/heavy/pause", {"reason": "x"}), 422)
    assert_problem(fleet.http.post("/api/queues/heavy/pause", "["), 400)
    viewer = fleet.run("wavefleet-api", "token", "create", "--role", "viewer", "--name", "watcher").stdout.split()[-1]
    assert_problem(act(fleet, "heavy", "pause", token=viewer), 403)
    assert fleet.sql.value("SELECT count(*) FROM queues WHERE paused") == 0
    act(fleet, "logged", "pause")
    assert [e for e in fleet.log_events("queue.act") if (e["act"], e["queue"]) == ("pause", "logged")]
