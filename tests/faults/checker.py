"""What must hold of a history, whatever was broken while it came about. Pure: a History in, sentences out;
nothing is asked of a server here. Each rule is a generator of sentences about what breaks it, and has tests
with fabricated histories that break it (test_checker.py).

The one exception that the guarantees name is modelled in `Excuse`, and nowhere else."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from acts import REOPENS_ONE, REOPENS_WAVE

SETTLED = ("completed", "failed", "cancelled")
ENDED = ("completed", "error", "stopped")
WAKING_NS = 2_000_000_000       # until a runner that was frozen with everything around it has looked at the clock
EMPTY_KEYS = ("queue", "wave", "turn", "processing", "delayed", "demand")
DATA_EXIT = 65


@dataclass
class History:
    """Rows are dicts. Waves, migrations and attempts as in PostgreSQL, states as text."""
    runs: list = field(default_factory=list)            # lives.Run
    waves: list = field(default_factory=list)
    migrations: list = field(default_factory=list)
    attempts: list = field(default_factory=list)
    progress: dict = field(default_factory=dict)        # wave_no -> sums of wave_progress
    workers: list = field(default_factory=list)         # worker_id, pid
    steps: list = field(default_factory=list)           # id, was, became, at; in order
    strange: list = field(default_factory=list)         # those of them that the table of transitions does not have
    wave_steps: list = field(default_factory=list)      # wave_no, was, became, at; in order
    dependencies: list = field(default_factory=list)    # (migration, on which)
    wave_dependencies: list = field(default_factory=list)   # (wave_no, on which)
    wave_ends: list = field(default_factory=list)       # wave_no, run_no
    breaches: list = field(default_factory=list)
    under_way: list = field(default_factory=list)       # rows of that view, when all is over
    widths: dict = field(default_factory=dict)          # wave_no -> the largest batch_size it ever had
    revived: list = field(default_factory=list)         # migrations that a genuine webhook completed after they had failed
    redis: dict = field(default_factory=dict)           # key -> members, or a string's value
    submitted: list = field(default_factory=list)       # plan.wave, and wave_id: None if no answer ever came
    acts: list = field(default_factory=list)            # act, wave_id, migration, status
    freezes: list = field(default_factory=list)         # supervisor, began, ended (ns)
    starts: list = field(default_factory=list)          # of the migration server: project, began, double
    complaints: list = field(default_factory=list)      # about programs: how they ended, sanitizers, leftovers

    def __post_init__(self):
        self.wave_of = {w["wave_no"]: w for w in self.waves}
        self.migration_of = {m["id"]: m for m in self.migrations}
        self.plan_of = {(s["name"], p["project"]): p for s in self.submitted for p in s["projects"]}
        self.excuse = Excuse(self.freezes)

    def plan(self, migration):
        return self.plan_of.get((self.wave_of[migration["wave_no"]]["name"], migration["project"]), {})

    def name(self, migration):
        return f"{migration['project']} (m{migration['id']} of {self.wave_of[migration['wave_no']]['name']})"

    def acts_on(self, migration, one=(), wave=()):
        """How many acts may have been done to it: those that were not refused."""
        wave_id = self.wave_of[migration["wave_no"]]["wave_id"]
        return sum(1 for a in self.acts if (a["status"] is None or a["status"] < 300 or a["status"] >= 500) and
                   ((a["act"] in one and a["migration"] == migration["id"]) or
                    (a["act"] in wave and a["wave_id"] == wave_id)))

    def reopened(self, migration):
        return self.acts_on(migration, REOPENS_ONE, REOPENS_WAVE)


class Excuse:
    """Not promised: where a worker stands still altogether (its supervisor and all its runners), nobody fences
    its bodies. What they show from then on until their runner has looked at the clock is not held against
    them; anything later is."""

    def __init__(self, freezes):
        self.freezes = defaultdict(list)
        for f in freezes:
            self.freezes[f["supervisor"]].append((f["began"], f["ended"] + WAKING_NS))

    def last(self, run):
        """The last sign of life that counts."""
        for began, until in self.freezes.get(run.supervisor, ()):
            if began <= run.last <= until:
                return max(run.begin, min(run.last, began))
        return run.last


def nothing_lost(h):
    by_name = defaultdict(list)
    for w in h.waves:
        by_name[w["name"]].append(w)
    rows = defaultdict(set)
    for m in h.migrations:
        rows[m["wave_no"]].add(m["project"])
    for s in h.submitted:
        found = by_name.get(s["name"], [])
        if len(found) > 1:
            yield f"{s['name']} is there {len(found)} times"
        if not found and s["wave_id"]:
            yield f"{s['name']} was acknowledged as {s['wave_id']} and is not there"
        wanted = {p["project"] for p in s["projects"]}
        for w in found:
            if s["wave_id"] and w["wave_id"] != s["wave_id"]:
                yield f"{s['name']} was acknowledged as {s['wave_id']} and is {w['wave_id']}"
            if rows[w["wave_no"]] != wanted:
                yield f"{s['name']} has projects {sorted(rows[w['wave_no']] ^ wanted)} too many or too few"
    for m in h.migrations:
        if m["state"] not in SETTLED:
            yield f"{h.name(m)} is still {m['state']}"


def settled_once(h):
    """A settled migration stays as it is until somebody restarts it. One that has failed may be completed after
    all: by a person, or by a webhook of the migration server that says so."""
    exits, said, revived = Counter(), Counter(), Counter(h.revived)
    for s in h.steps:
        if s["was"] in SETTLED:
            (said if s["became"] in SETTLED else exits)[s["id"]] += 1
    for m in h.migrations:
        if exits[m["id"]] > h.reopened(m):
            yield f"{h.name(m)} was taken up again {exits[m['id']]} times after it was settled, restarted {h.reopened(m)} times"
        if said[m["id"]] > h.acts_on(m, ("set-completed",)) + revived[m["id"]]:
            yield f"{h.name(m)} was settled when it was settled: {steps_of(h, m['id'])}"


def steps_of(h, migration):
    mine = [s for s in h.steps if s["id"] == migration]
    return " → ".join([mine[0]["was"], *(s["became"] for s in mine)]) if mine else "no steps"


def steps_are_known(h):
    for s in h.strange:
        yield f"m{s['id']} of wave {s['wave_no']} went from {s['was']} to {s['became']}"


def no_overlap(h):
    """No two lives of one migration at the same time."""
    lives = defaultdict(list)
    for r in h.runs:
        lives[r.migration].append(r)
    for runs in lives.values():
        runs.sort(key=lambda r: r.begin)
        latest = runs[0]
        for run in runs[1:]:
            if run.begin < h.excuse.last(latest):
                yield f"{latest} AND {run}"
            if h.excuse.last(run) > h.excuse.last(latest):
                latest = run


def window_at_claims(h):
    for b in h.breaches:
        yield f"wave {b['wave_no']}: a claim made {b['found']} running or parked, {b['allowed']} are allowed ({b.get('at')})"


def window_of_lives(h):
    """The bodies of a wave that live at the same time are at most its batch_size."""
    edges = defaultdict(list)
    for r in h.runs:
        if r.migration in h.migration_of and h.excuse.last(r) > r.begin:
            wave_no = h.migration_of[r.migration]["wave_no"]
            edges[wave_no] += [(r.begin, 1, r), (h.excuse.last(r), 0, r)]
    for wave_no, marks in edges.items():
        alive, width = {}, h.widths.get(wave_no, h.wave_of[wave_no]["batch_size"])
        for _, born, run in sorted(marks, key=lambda e: (e[0], e[1])):
            if born:
                alive[run.run] = run
                if len(alive) > width:
                    yield (f"{h.wave_of[wave_no]['name']}: {len(alive)} bodies at once, {width} are allowed: " +
                           "; ".join(map(str, alive.values())))
                    break
            else:
                alive.pop(run.run, None)


def nothing_is_under_way(h):
    for row in h.under_way:
        yield f"m{row['migration_id']} is under way as {row['state']} when all is over"


def waves_end(h):
    """Every wave has ended, once for each of its runs, as its rows say, and its progress tells their count."""
    states = defaultdict(Counter)
    for m in h.migrations:
        states[m["wave_no"]][m["state"]] += 1
    ends = Counter((e["wave_no"], e["run_no"]) for e in h.wave_ends)
    for w in h.waves:
        n, c = w["wave_no"], states[w["wave_no"]]
        if w["state"] not in ENDED or w["completed_at"] is None:
            yield f"{w['name']} is {w['state']}, completed_at {w['completed_at']}, rows {dict(c)}"
        elif w["state"] != "stopped" and w["state"] != ("error" if c["failed"] else "completed"):
            yield f"{w['name']} ended as {w['state']} with {dict(c)}"
        wrong = {run: ends[n, run] for run in range(1, w["run_no"] + 1) if ends[n, run] != 1}
        if wrong:
            yield f"{w['name']}: ends by run {wrong}, each should be 1"
        sums = h.progress.get(n, {})
        told = {k: int(sums.get(k, 0)) for k in (*SETTLED, "in_window")}
        rows = {**{k: c[k] for k in SETTLED}, "in_window": c["running"] + c["parked"]}
        if told != rows:
            yield f"{w['name']}: progress says {told}, its rows {rows}"
        if w["total"] != sum(c.values()):
            yield f"{w['name']}: total {w['total']}, rows {sum(c.values())}"


def attempts_once(h):
    """Each number from 1 to the last stands in attempts, once."""
    numbers = defaultdict(list)
    for a in h.attempts:
        numbers[a["migration_id"]].append(a["attempt"])
    for m in h.migrations:
        if sorted(numbers[m["id"]]) != list(range(1, m["attempt"] + 1)):
            yield f"{h.name(m)}: attempt {m['attempt']}, rows of attempts {sorted(numbers[m['id']])}"


def ledger_fits_attempts(h):
    """A body that lived is an attempt, of this worker; and no attempt began twice."""
    rows = {(a["migration_id"], a["attempt"]): a for a in h.attempts}
    pids = {w["worker_id"]: w["pid"] for w in h.workers}
    seen = {}
    for r in h.runs:
        key = (r.migration, r.attempt)
        if key in seen:
            yield f"one attempt began twice: {seen[key]} AND {r}"
        seen[key] = r
        row = rows.get(key)
        if r.migration not in h.migration_of:
            yield f"a body of a migration that there is not: {r}"
        elif row is None:
            yield f"no row of attempts for {r}"
        elif pids.get(row["worker_id"]) != r.supervisor:
            yield f"the row of attempts names worker {row['worker_id']} (pid {pids.get(row['worker_id'])}): {r}"


def outcomes_are_true(h):
    """What a row of attempts tells of a program is what its body announced in the ledger."""
    runs = {(r.migration, r.attempt): r for r in h.runs}
    for a in h.attempts:
        m = h.migration_of.get(a["migration_id"])
        if m is None or h.wave_of[m["wave_no"]]["kind"] != "command" or (a["error"] or "").startswith("set to completed"):
            continue
        run = runs.get((a["migration_id"], a["attempt"]))
        end = run.end if run else "no body at all"
        if a["outcome"] == "completed" and end != 0:
            yield f"{h.name(m)} attempt {a['attempt']} is told as completed; its body ended with: {end}"
        if a["outcome"] == "failed" and a["class"] == "data" and end != DATA_EXIT:
            yield f"{h.name(m)} attempt {a['attempt']} is told as failed for its data; its body ended with: {end}"


def verdicts(h):
    """Why each migration is what it is: completed by an attempt or a person, failed for good or past its
    budget or by a person, cancelled by a person."""
    completions = {a["migration_id"] for a in h.attempts if a["outcome"] == "completed"}
    for m in h.migrations:
        w, plan = h.wave_of[m["wave_no"]], h.plan(m)
        if m["state"] == "completed" and m["id"] not in completions:
            yield f"{h.name(m)} is completed without an attempt that completed"
        if m["state"] == "cancelled" and not (h.acts_on(m, ("cancel",), ("stop",)) or m["class"] == "dependency" or
                                              w.get("deadline_at") or w["wave_no"] in {d for d, _ in h.wave_dependencies}):
            yield f"{h.name(m)} is cancelled, and nobody stopped anything"
        if m["state"] == "cancelled" and m["class"] == "dependency" and not any(
                h.migration_of[on]["state"] in ("failed", "cancelled") or h.reopened(h.migration_of[on])
                for d, on in h.dependencies if d == m["id"]):
            yield f"{h.name(m)} is cancelled for what it depends on, and none of that failed: {m['error']}"
        if m["state"] == "failed" and not (
                m["spent"] >= w["max_attempts"] or m["class"] == "critical" or h.acts_on(m, ("kill",)) or
                (m["class"] == "data" and "exit=65" in plan.get("plan", ""))):
            yield f"{h.name(m)} failed ({m['class']}: {m['error']}) after {m['spent']} of {w['max_attempts']} attempts, {plan}"


def in_order(h):
    """Nothing begins before what it depends on was completed once; nothing beyond a canary before all of the
    canary was, or a person resumed the wave or restarted it; no wave before those it depends on ended as
    completed, or a person started it or something of it."""
    begun, completed = {}, {}
    for s in h.steps:
        if s["became"] == "running":
            begun.setdefault(s["id"], s["at"])
        if s["became"] == "completed":
            completed.setdefault(s["id"], s["at"])

    def early(migration, on):
        return migration in begun and not (on in completed and completed[on] < begun[migration])
    for migration, on in h.dependencies:
        if early(migration, on):
            yield f"{h.name(h.migration_of[migration])} began before {h.name(h.migration_of[on])} was completed"
    yield from canaries_first(h, early)
    ended = {}
    for s in h.wave_steps:
        if s["became"] == "completed":
            ended.setdefault(s["wave_no"], s["at"])
    for wave_no, on in h.wave_dependencies:
        for m in h.migrations:
            if m["wave_no"] == wave_no and m["id"] in begun and not on_its_own(h, m) and not (
                    on in ended and ended[on] < begun[m["id"]]):
                yield f"{h.name(m)} began before {h.wave_of[on]['name']}, on which its wave depends, was completed"


def on_its_own(h, migration):
    """Whether a person may have let it begin."""
    return h.acts_on(migration, wave=("resume",)) or h.reopened(migration)


def canaries_first(h, early):
    rows = defaultdict(list)
    for m in h.migrations:
        rows[m["wave_no"]].append(m)
    for w in h.waves:
        ordered = sorted(rows[w["wave_no"]], key=lambda m: m["id"])
        first, rest = ordered[:w.get("canary") or 0], ordered[w.get("canary") or 0:]
        for m in rest:
            late = [c for c in first if early(m["id"], c["id"])]
            if late and not on_its_own(h, m):
                yield f"{h.name(m)} began before {h.name(late[0])}, which is a canary, was completed"


def redis_is_clean(h):
    for key, value in sorted(h.redis.items()):
        head = key.split(":")[1]
        if head in EMPTY_KEYS:
            yield f"{key} holds {value if isinstance(value, str) else sorted(value)[:10]}"
        elif head == "depth" and int(value) != 0:
            yield f"{key} is {value}"


def effects_once(h):
    """The migration server never ran a project twice at once, and began it once for each time it was wanted."""
    began = Counter()
    for s in h.starts:
        began[s["project"]] += bool(s["began"])
        if s["double"]:
            yield f"{s['project']} was started while it ran"
    for m in h.migrations:
        if h.wave_of[m["wave_no"]]["kind"] != "remote":
            continue
        most = 1 + h.reopened(m) + h.acts_on(m, ("lock",))
        least = m["state"] == "completed" and not h.acts_on(m, ("set-completed",))
        if not least <= began[m["project"]] <= most:
            yield f"{h.name(m)} is {m['state']} and began {began[m['project']]} times, wanted {most} times at most"


def programs_behave(h):
    yield from h.complaints


RULES = (nothing_lost, settled_once, steps_are_known, no_overlap, window_at_claims, window_of_lives, nothing_is_under_way, waves_end, attempts_once,
         ledger_fits_attempts, outcomes_are_true, verdicts, in_order, redis_is_clean, effects_once, programs_behave)


def check(history):
    """[(rule, sentence)]: empty when all rules hold."""
    return [(rule.__name__, sentence) for rule in RULES for sentence in rule(history)]
