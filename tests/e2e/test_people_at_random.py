"""People act at random, many at a time and through two APIs, on small waves of every shape, and nothing else goes wrong:
whatever they did one after the other, every wave ends once they have started what waits for them, and who listened to the
live events shows what is. (tests/faults breaks things as well, and therefore acts a hundred times more seldom.)

WAVEFLEET_SEED and WAVEFLEET_STORM_S choose another storm than the usual one of a few seconds.
"""

import contextlib
import os
import random
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

import invariants
from listening import Sse
from remote_setup import QUICK_REMOTE, store_secret, targets
from wavefleet import SLOW, in_parallel, wait_until

SEED = int(os.environ.get("WAVEFLEET_SEED", "0")) or random.randrange(1, 10**6)
STORM_S = float(os.environ.get("WAVEFLEET_STORM_S", "6"))
ACTORS, NEWEST = 6, 10
CLASSES = ("temporary", "dependency", "data", "critical")
ON_WAVE = ("pause", "pause", "resume", "resume", "resume", "stop", "restart-all", "reset-status")
ON_MIGRATION = ("restart", "reset-status", "hard-reset", "set-completed", "kill", "cancel")


@pytest.fixture(scope="module")
def fleet(make_fleet, migration_server):
    fleet = make_fleet(workers=2, concurrency=6, env={
        **QUICK_REMOTE, "WAVEFLEET_MIGRATION_SERVER_URL": migration_server.url, "WAVEFLEET_RETRY_BASE_MS": "20",
        "WAVEFLEET_RETRY_CAP_MS": "60", "WAVEFLEET_WORKER_KILL_GRACE_MS": "100"})
    fleet.start_api()
    store_secret(fleet)
    migration_server.app.control({"default": {"run_ms": 150}})
    return fleet


class Storm:
    def __init__(self, fleet):
        self.fleet, self.waves, self.number, self.answers = fleet, [], 0, {}
        self.lock, self.over = threading.Lock(), threading.Event()

    # ---- waves ----

    def projects(self, dice, number):
        made = []
        for i in range(dice.randint(1, 5)):
            p = {"project": f"{number}-{i}"}
            if dice.random() < 0.3:
                p["params"] = {"sleep_ms": dice.choice((0, 5, 40)), "fail": {"times": dice.randint(1, 3), "class": dice.choice(CLASSES)}}
            if made and dice.random() < 0.3:
                p["depends_on"] = sorted({dice.choice(made)["project"] for _ in range(2)})
            made.append(p)
        return made

    def fields(self, dice):
        some = {"batch_size": dice.randint(1, 5), "max_attempts": dice.randint(1, 3)}
        now = datetime.now(timezone.utc)
        if dice.random() < 0.2:
            some["canary"] = 1
        if dice.random() < 0.2:
            some["max_failures"] = dice.randint(1, 2)
        if dice.random() < 0.15:
            some["start_at"] = (now + timedelta(seconds=dice.random() * 1.5)).isoformat()
        if dice.random() < 0.15:
            some["deadline_at"] = (now + timedelta(seconds=2 + dice.random() * 2)).isoformat()
        if self.waves and dice.random() < 0.15:
            some["depends_on"] = [dice.choice(self.waves[-NEWEST:])]
        return some

    def submit(self, dice):
        with self.lock:
            self.number += 1
            number = self.number
        body = {"name": f"storm {number}", **self.fields(dice)}
        if dice.random() < 0.25:
            names = [f"{number}-{i}" for i in range(dice.randint(1, 3))]
            body |= {"kind": "remote", "workspace_id": 9, "projects": targets(names, 1000 * number)}
        else:
            body |= {"kind": "noop", "params": {"sleep_ms": dice.choice((0, 20, 100, 300))}, "projects": self.projects(dice, number)}
        reply = self.http(dice).post("/api/waves", body)
        if reply.status == 409 and "depends_on" in body:
            return          # that one has ended otherwise
        assert reply.status == 201, (body, reply)
        self.waves.append(reply.data["wave_id"])

    # ---- acts ----

    def http(self, dice):
        return dice.choice(self.fleet.apis).http

    def some_migration(self, dice, wave):
        rows = self.fleet.http.get(f"/api/waves/{wave}/migrations").data
        live = [r for r in rows if r["state"] in ("running", "parked")]
        return dice.choice(live if live and dice.random() < 0.7 else rows)

    def act(self, dice):
        wave, die, http = dice.choice(self.waves[-NEWEST:]), dice.random(), self.http(dice)
        if die < 0.4:
            verb = dice.choice(ON_WAVE)
            return verb, http.post(f"/api/waves/{wave}/{verb}", {})
        if die < 0.45:
            return "change", http.request("PATCH", f"/api/waves/{wave}", {"batch_size": dice.randint(1, 5)})
        if die < 0.47:
            verb = dice.choice(("pause", "resume", "resume"))
            return verb + " queue", http.post(f"/api/queues/default/{verb}", {})
        row = self.some_migration(dice, wave)
        if die < 0.65:
            return "unlock", http.request("DELETE", f"/api/migrations/m{row['id']}/lock")
        if die < 0.7:
            verb = dice.choice(("restart", "restart", "discard"))
            return "dead " + verb, http.post(f"/api/dead/m{row['id']}/{verb}", {})
        if die < 0.75:
            other = dice.choice(self.waves[-NEWEST:])
            return "add", http.post(f"/api/migrations/m{row['id']}/add-to-wave", {"wave_id": other})
        verb = dice.choice(ON_MIGRATION)
        body = {"force": True} if verb == "kill" and dice.random() < 0.3 else {}
        return verb, http.post(f"/api/migrations/m{row['id']}/{verb}", body)

    def person(self, number):
        dice = random.Random(SEED * 1000 + number)
        while not self.over.is_set():
            if dice.random() < 0.15 or not self.waves:
                self.submit(dice)
            verb, reply = self.act(dice)
            status = reply.status
            assert status < 500, (verb, reply)
            with self.lock:
                self.answers[verb, status] = self.answers.get((verb, status), 0) + 1
            time.sleep(dice.random() * 0.02)

    def rage(self):
        timer = threading.Timer(STORM_S, self.over.set)
        timer.start()
        try:
            in_parallel(*(lambda n=n: self.person(n) for n in range(ACTORS)))
        finally:
            timer.cancel()
            self.over.set()

    # ---- afterwards ----

    def held(self):
        """Waves that wait for a person."""
        return [r["wave_id"] for r in self.fleet.sql.rows(
            f"SELECT wave_id FROM waves WHERE completed_at IS NULL AND {invariants.HELD}")]

    def open(self):
        return self.fleet.sql.rows("""SELECT w.wave_id, w.state::text, w.planned, w.gate_id, w.has_dependencies, w.note,
            array_agg(m.state::text || coalesce(' ' || a.cancel, '') ORDER BY m.id) AS rows
            FROM waves w JOIN migrations m USING (wave_no) LEFT JOIN active a ON a.migration_id = m.id
            WHERE w.completed_at IS NULL GROUP BY w.wave_no""")

    def calm(self):
        def all_ended():
            self.fleet.http.post("/api/queues/default/resume", {})
            for wave in self.held():
                self.fleet.http.post(f"/api/waves/{wave}/resume", {})
            return not self.open()
        with contextlib.suppress(AssertionError):
            wait_until(all_ended, 20, "every wave to end", every_s=0.2)
        assert not self.open(), f"seed {SEED}: {self.open()}"


class Mirror:
    """What somebody shows who listens: the last word on each wave and migration, where there was no `reset` after it."""

    def __init__(self, listener):
        self.waves, self.rows, self.unsure = {}, {}, set()
        for e in list(listener.events):
            getattr(self, f"on_{e['event']}", lambda data: None)(e["data"])

    def on_wave(self, data):
        self.waves[data["id"]] = data

    def on_migrations(self, data):
        for item in data["items"]:
            _, old = self.rows.get(item["id"], (None, item))
            if item["attempt"] >= old["attempt"]:
                self.rows[item["id"]] = data["wave_id"], item
                self.unsure.discard(item["id"])

    def on_reset(self, data):
        self.unsure |= {i for i, (wave, _) in self.rows.items() if data.get("wave_id") in (None, wave)}

    def lies(self, sql):
        wrong = []
        for w in sql.rows("""SELECT w.wave_id, w.state::text AS state, w.batch_size, w.completed_at IS NOT NULL AS over,
                sum(p.completed)::int AS completed, sum(p.failed)::int AS failed, sum(p.cancelled)::int AS cancelled
                FROM waves w LEFT JOIN wave_progress p USING (wave_no) GROUP BY w.wave_no"""):
            told = self.waves.get(w["wave_id"])
            if not told or (told["state"], told["batch_size"], bool(told["completed_at"]), told["progress"]["completed"],
                            told["progress"]["failed"], told["progress"]["cancelled"]) != \
                    (w["state"], w["batch_size"], w["over"], w["completed"], w["failed"], w["cancelled"]):
                wrong.append((w, told))
        for m in sql.rows("SELECT 'm' || id AS id, state::text AS state, attempt FROM migrations"):
            _, told = self.rows.get(m["id"], (None, None))
            if told and m["id"] not in self.unsure and (told["state"], told["attempt"]) != (m["state"], m["attempt"]):
                wrong.append((m, told))
        return wrong


def test_every_wave_ends(fleet):
    storm = Storm(fleet)
    with Sse(fleet.apis[-1]) as listener:
        storm.rage()
        storm.calm()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not Mirror(listener).lies(fleet.sql), 10, "the last words", every_s=0.5)
        lies = Mirror(listener).lies(fleet.sql)
        assert not listener.ended and not lies, f"seed {SEED}: {len(lies)} of {len(storm.waves)} {lies[:6]}"
    print(f"seed {SEED}: {len(storm.waves)} waves, {sum(storm.answers.values())} acts, "
          f"{sum(n for (_, status), n in storm.answers.items() if status == 409)} of them refused")
    for wave in storm.waves:
        invariants.check_ended(fleet.sql, wave, watched=False)
    for what in ("breaches", "strange"):
        assert not fleet.sql.rows(f"SELECT * FROM watch.{what} LIMIT 3"), f"seed {SEED}: {what}"
    wait_until(lambda: not any(fleet.redis.keys(f"wavefleet:{k}:*") for k in ("wave", "processing", "queue")), 10, "Redis to be empty")
