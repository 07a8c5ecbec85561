"""One campaign: a world, waves, faults and people's acts from a seed; then everything is mended, every wave
must end, and the checker reads what came about."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import invariants
import lives
import plan
from acts import ACTS, LOST, People
from checker import History, check, redis_is_clean
from faults import FAULTS
from wavefleet import SLOW, wait_until
from world import AWAY, World, patiently

PENDING_MOST = 80          # not yet settled: no further wave before there are fewer
STUCK_S = 60                # nothing at all happens for so long: it will not end
CLEAN_S = 30


class Campaign:
    def __init__(self, seed, seconds, folder=None, events=None, quiet=False):
        self.seed, self.seconds, self.quiet = seed, seconds, quiet
        self.folder = Path(folder or tempfile.mkdtemp(prefix=f"wf-faults.{seed}."))
        self.folder.mkdir(exist_ok=True, parents=True)
        self.folder.chmod(0o755)
        self.events = events or plan.schedule(seed, seconds, {n: w for n, (w, _) in FAULTS.items()},
                                              {n: w for n, (w, _) in ACTS.items()})
        self.counts, self.submitted, self.broken = Counter(), [], []
        self.over, self.mended = threading.Event(), threading.Event()
        self.log = open(self.folder / "log", "a", encoding="utf-8", buffering=1)
        self.began = time.monotonic()

    def say(self, text, always=False):
        line = f"{time.monotonic() - self.began:8.3f}  {text}"
        self.log.write(line + "\n")
        if always or not self.quiet:
            print(line, flush=True)

    # ---- the three that are at work ----

    def strike(self, event):
        try:
            did = FAULTS[event["what"]][1](self.world, event["dice"])
        except AWAY as e:
            did = f"could not: {str(e).splitlines()[0] if str(e) else type(e).__name__}"
        if did and not did.startswith("could not"):
            self.counts[event["what"]] += 1
        self.say(f"fault {json.dumps(event)}: {did or 'nothing to strike'}")

    def break_things(self):
        """The main thread: programs die with the thread that started them."""
        faults = [e for e in self.events if e["who"] == "fault"]
        begin = time.monotonic()
        while time.monotonic() < begin + self.seconds:
            now = time.monotonic() - begin
            while faults and faults[0]["at"] <= now:
                self.strike(faults.pop(0))
            self.world.undo_due()
            self.world.watch_redis()
            self.world.look_after_programs()
            wait_s = min(faults[0]["at"] - now if faults else 0.1, self.world.next_undo_s(), 0.1)
            time.sleep(max(wait_s, 0.001))

    def act(self):
        begin = time.monotonic()
        for event in [e for e in self.events if e["who"] == "act"]:
            if self.over.wait(max(0.0, event["at"] - (time.monotonic() - begin))):
                return
            try:
                did = ACTS[event["what"]][1](self.people, event["dice"])
            except AWAY as e:
                did = f"could not: {type(e).__name__}"
            if isinstance(did, dict):
                self.counts["act " + event["what"]] += 1
            self.say(f"act {json.dumps(event)}: {did or 'nobody to act on'}")

    def feed(self):
        number = 0
        while not self.over.is_set():
            if self.pending() < PENDING_MOST:
                self.submit(plan.wave(self.seed, number))
                number += 1
            else:
                self.over.wait(0.2)

    def pending(self):
        try:
            return self.world.sql.value("""SELECT coalesce(sum(w.total), 0) - coalesce((SELECT sum(p.completed + p.failed
                + p.cancelled) FROM wave_progress p JOIN waves o USING (wave_no) WHERE o.completed_at IS NULL), 0)
                FROM waves w WHERE w.completed_at IS NULL AND w.state NOT IN ('paused', 'ready')""")
        except AWAY:
            return PENDING_MOST

    def body_of(self, wave):
        body = {k: wave[k] for k in ("name", "kind", "queue", "priority", "batch_size", "max_attempts")}
        depends = lambda p: {"depends_on": p["depends_on"]} if "depends_on" in p else {}
        if wave["kind"] == "command":
            body["params"] = {"argv": [str(self.world.body), str(self.world.ledger), "{migration_id}", "{project}",
                                       "{attempt}", "{params.plan}"]}
            body["projects"] = [{"project": p["project"], "params": {"plan": p["plan"]}, **depends(p)}
                                for p in wave["projects"]]
        elif wave["kind"] == "noop":
            body.update(params=wave["params"], projects=[{k: v for k, v in p.items() if k in ("project", "params", "depends_on")}
                                                          for p in wave["projects"]])
        else:
            self.world.fake.control({"projects": {p["project"]: {"preset": p["manner"], "run_ms": p["run_ms"]}
                                                  for p in wave["projects"]}})
            body.update(workspace_id=77, projects=[{"project": p["project"], "brz_project_id": p["target"], **depends(p)}
                                                   for p in wave["projects"]])
        return {**body, **self.steering_of(wave["steering"])}

    def steering_of(self, steering):
        made = {k: steering[k] for k in ("canary", "max_failures") if k in steering}
        for name, field in (("start_in_s", "start_at"), ("deadline_in_s", "deadline_at")):
            if name in steering:
                at = datetime.now(timezone.utc) + timedelta(seconds=steering[name])
                made[field] = at.isoformat(timespec="milliseconds")
        others = [s["wave_id"] for s in self.submitted if s["wave_id"] and s["name"] == f"wave-{steering.get('after')}"]
        return {**made, **({"depends_on": others} if others else {})}

    def submit(self, wave):
        """Again and again with the same key until it is answered: there must be exactly one in the end."""
        entry = {**wave, "wave_id": None}
        self.submitted.append(entry)
        body = self.body_of(wave)
        end = None
        while end is None or time.monotonic() < end:
            if end is None and self.mended.is_set():
                end = time.monotonic() + 30 * SLOW
            with contextlib.suppress(*LOST):
                reply = self.world.fleet.http.post("/api/waves", body, headers={"Idempotency-Key": wave["name"]}, timeout_s=4)
                if reply.status in (200, 201):
                    entry["wave_id"] = reply.data["wave_id"]
                    self.people.waves.append(entry["wave_id"])
                    return
                if self.too_late(wave, reply):
                    return
                if reply.status < 500 and reply.status not in (409, 429):
                    self.broken.append(f"{wave['name']} was refused: {reply}")
                    return
            time.sleep(0.3)
        self.broken.append(f"{wave['name']} could not be submitted although everything was mended")

    @staticmethod
    def too_late(wave, reply):
        """While nobody answered, its deadline has passed, or the wave that it depends on has ended badly."""
        return (reply.status == 422 and "deadline_in_s" in wave["steering"]) or (
            reply.status == 409 and str(reply.json["detail"]).startswith("depends_on: "))

    # ---- the whole ----

    def run(self):
        """Returns what is broken: [(rule, sentence)]."""
        self.say(f"seed {self.seed}, {self.seconds:g} s, in {self.folder}")
        self.world = World(self.folder, self.say)
        try:
            self.people = People(self.world)
            self.world.start()
            self.storm()
            self.settle()
            clean = self.wait_clean()
            complaints = self.world.stop() + self.broken
            self.history = self.gather(clean, complaints)
            found = check(self.history)
            self.summarize(found)
            if found:
                self.keep(found)
            return found
        except BaseException:
            with contextlib.suppress(Exception):
                self.dump()
            raise
        finally:
            self.world.close()
            self.log.close()

    def storm(self):
        helpers = [threading.Thread(target=f, daemon=True) for f in (self.act, self.feed)]
        for helper in helpers:
            helper.start()
        self.break_things()
        self.over.set()
        self.say("everything is mended")
        self.world.mend()
        self.mended.set()
        for helper in helpers:
            helper.join(60 * SLOW)

    def settle(self):
        """People take up what they paused or reset; then all waves must end."""
        quiet_since, last = time.monotonic(), None
        while True:
            self.world.undo_due()
            self.world.look_after_programs()
            now = patiently(self.standing)
            if not now["open"]:
                return
            if now != last:
                quiet_since, last = time.monotonic(), now
            if time.monotonic() > quiet_since + STUCK_S * SLOW:
                self.broken.append(f"nothing happens any more: {now}")
                return
            for queue in now["paused"]:
                self.people.call("resume-queue", "POST", f"/api/queues/{queue}/resume", {})
            for wave_id in now["held"]:
                self.people.call("resume", "POST", f"/api/waves/{wave_id}/resume", {}, wave_id)
            time.sleep(0.3)

    def standing(self):
        return self.world.sql.row(f"""
            SELECT count(*) AS open,
                   coalesce(array_agg(wave_id ORDER BY wave_no) FILTER (WHERE {invariants.HELD}), '{{}}') AS held,
                   (SELECT coalesce(array_agg(queue), '{{}}') FROM queues WHERE paused) AS paused,
                   (SELECT sum(attempt) FROM migrations) AS attempts, (SELECT count(*) FROM active) AS active,
                   (SELECT sum(polls) FROM active) AS polls,
                   (SELECT sum(completed + failed + cancelled) FROM wave_progress) AS settled
            FROM waves WHERE completed_at IS NULL""")

    def wait_clean(self):
        """What Redis holds when it has had time to be clean."""
        holds = {}

        def clean():
            holds.clear()
            holds.update(self.read_redis())
            return not list(redis_is_clean(History(redis=holds)))
        with contextlib.suppress(AssertionError):
            wait_until(clean, CLEAN_S, "Redis clean", every_s=0.2)
        return holds

    def read_redis(self):
        holds = {}
        for key in self.world.redis.scan_iter("wavefleet:*", count=1000):
            kind = self.world.redis.type(key)
            if kind == "string":
                holds[key] = self.world.redis.get(key)
            elif kind == "hash":
                holds[key] = str(self.world.redis.hgetall(key))
            elif kind in ("list", "set", "zset"):
                holds[key] = sorted(invariants.members(self.world.redis, key))
        return {k: v for k, v in holds.items() if v is not None}

    def gather(self, redis_holds, complaints):
        sql = self.world.sql
        waves = sql.rows("SELECT *, state::text AS state FROM waves ORDER BY wave_no")
        return History(
            runs=lives.read(self.world.ledger), waves=waves,
            migrations=sql.rows("SELECT *, state::text AS state, class::text AS class FROM migrations ORDER BY id"),
            attempts=sql.rows("SELECT *, class::text AS class FROM attempts ORDER BY migration_id, attempt"),
            progress={r["wave_no"]: r for r in sql.rows("""SELECT wave_no, sum(completed) AS completed, sum(failed) AS failed,
                sum(cancelled) AS cancelled, sum(claimed - released) AS in_window FROM wave_progress GROUP BY wave_no""")},
            workers=sql.rows("SELECT worker_id, pid FROM workers"),
            steps=sql.rows("SELECT * FROM watch.steps ORDER BY seq"), strange=sql.rows("SELECT * FROM watch.strange"),
            wave_steps=sql.rows("SELECT * FROM watch.wave_steps ORDER BY seq"),
            wave_ends=sql.rows("SELECT * FROM watch.wave_ends"), breaches=sql.rows("SELECT * FROM watch.breaches"),
            under_way=sql.rows("SELECT migration_id, state::text AS state FROM under_way"),
            dependencies=[(r["migration_id"], r["on_id"]) for r in sql.rows("SELECT * FROM dependencies")],
            wave_dependencies=[(r["wave_no"], r["on_wave_no"]) for r in sql.rows("SELECT * FROM wave_dependencies")],
            revived=[r["migration_id"] for r in sql.rows("SELECT migration_id FROM webhooks WHERE verdict = 'revived'")],
            widths=self.widths(waves), redis=redis_holds,
            submitted=self.submitted, acts=self.people.log, freezes=self.world.freezes,
            starts=[{"project": s["pair"][0], "began": s["began"], "double": s["double"]}
                    for s in self.world.fake.report()["starts"]],
            complaints=complaints)

    def widths(self, waves):
        """The largest window that each wave can ever have had."""
        asked = [(a["wave_id"], a["batch_size"]) for a in self.people.log if "batch_size" in a]
        asked += [(s["wave_id"], s["batch_size"]) for s in self.submitted]
        return {w["wave_no"]: max([w["batch_size"], *(n for wave_id, n in asked if wave_id == w["wave_id"])]) for w in waves}

    def summarize(self, found):
        h = self.history
        faults = {k: v for k, v in sorted(self.counts.items()) if not k.startswith("act ")}
        acts = {k[4:]: v for k, v in sorted(self.counts.items()) if k.startswith("act ")}
        states = Counter(m["state"] for m in h.migrations)
        excused = sum(1 for r in h.runs if h.excuse.last(r) < r.last)
        longest = max((r.last - r.begin for r in h.runs), default=0) / 1e9
        text = lambda counts: ", ".join(f"{v} {k}" for k, v in counts.items())
        self.say(f"faults {sum(faults.values())}: {text(faults)}")
        self.say(f"acts {sum(acts.values())}: {text(acts)}")
        self.say(f"lives of {len(h.runs)} bodies, the longest {longest:.1f} s, {excused} excused by a freeze; "
                 f"{sum(1 for r in h.runs if r.end is None)} ended from outside; "
                 f"{sum(1 for s in h.starts if s['began'])} runs of the migration server")
        self.say(f"attempts by outcome: {text(Counter(a['outcome'] for a in h.attempts))}")
        self.say(f"seed {self.seed}: {len(h.waves)} waves, {len(h.migrations)} migrations ({text(states)}), "
                 f"{len(h.attempts)} attempts, {sum(faults.values())} faults, {sum(acts.values())} acts, "
                 f"{time.monotonic() - self.began:.0f} s: {f'BROKEN {len(found)} times' if found else 'every rule holds'}", always=True)

    def keep(self, found):
        for rule, sentence in found[:40]:
            self.say(f"BROKEN {rule}: {sentence}", always=True)
        self.say(f"reproduce with: make faults SEED={self.seed} MINUTES={self.seconds / 60:g}; all of it is in {self.folder}",
                 always=True)
        self.dump()

    def dump(self):
        """The database, Redis and the witness, beside the logs and the ledger."""
        with open(self.folder / "database.sql", "wb") as out:
            subprocess.run(["pg_dump", self.world.place.database_url], stdout=out, timeout=120, check=False)
        (self.folder / "redis.json").write_text(json.dumps(self.read_redis(), indent=1))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
