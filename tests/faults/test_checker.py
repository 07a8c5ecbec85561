"""The checker is checked: a sound history breaks no rule, and each way of spoiling it breaks the rule that it
should, and no other."""

import copy

import pytest

import lives
import plan
from checker import RULES, History, check
from lives import Run

S = 1_000_000_000
WORKER_A, WORKER_B = 500, 600


def steps(*what):
    """(id, at, became) as the witness has them."""
    state, found = {}, []
    for number, at, became in what:
        found.append({"id": number, "was": state.get(number, "pending"), "became": became, "at": at})
        state[number] = became
    return found


def sound():
    """Three waves: a command wave of window 2 whose p2 failed once and was lost once, a noop wave, a remote one."""
    def migration(number, wave_no, project, attempt=1, state="completed", **more):
        return {"id": number, "wave_no": wave_no, "project": project, "attempt": attempt, "state": state, "spent": 1,
                "class": None, "error": None, **more}

    def attempt(number, n=1, outcome="completed", worker=1, **more):
        return {"migration_id": number, "attempt": n, "outcome": outcome, "worker_id": worker, "class": None, "error": None,
                **more}

    def wave(number, name, kind, total, **more):
        return {"wave_no": number, "wave_id": f"17_{number}", "name": name, "kind": kind, "state": "completed", "total": total,
                "run_no": 1, "batch_size": 2, "max_attempts": 5, "completed_at": "then", **more}

    def run(name, number, n, begin, last, end=0, worker=WORKER_A):
        return Run(name, number, f"p{number}", n, 900 + n, 700, worker, begin * S, last * S, end)

    def sums(completed):
        return {"completed": completed, "failed": 0, "cancelled": 0, "in_window": 0}
    return {
        "runs": [run("a", 1, 1, 10, 12), run("b", 2, 1, 12, 13, 75), run("c", 2, 2, 14, 15, None), run("d", 2, 3, 16, 20),
                 run("e", 3, 1, 13, 16, worker=WORKER_B)],
        "waves": [wave(1, "wave-0", "command", 3, canary=1), wave(2, "wave-1", "noop", 1), wave(3, "wave-2", "remote", 1)],
        "migrations": [migration(1, 1, "p1"), migration(2, 1, "p2", attempt=3), migration(3, 1, "p3"),
                       migration(4, 2, "n1"), migration(5, 3, "plain--1")],
        "attempts": [attempt(1), attempt(2, 1, "failed", **{"class": "temporary"}), attempt(2, 2, "lost"), attempt(2, 3),
                     attempt(3, worker=2), attempt(4), attempt(5)],
        "progress": {1: sums(3), 2: sums(1), 3: sums(1)},
        "workers": [{"worker_id": 1, "pid": WORKER_A}, {"worker_id": 2, "pid": WORKER_B}],
        "steps": steps((1, 10, "running"), (1, 12, "completed"), (2, 12.5, "running"), (2, 13, "retrying"), (3, 13, "running"),
                       (2, 14, "running"), (2, 15, "pending"), (2, 16, "running"), (3, 16, "completed"),
                       (4, 18, "running"), (4, 19, "completed"), (2, 20, "completed"), (5, 21, "running"),
                       (5, 22, "completed")),
        "wave_steps": [{"wave_no": n, "was": "running", "became": "completed", "at": at} for n, at in ((2, 19), (1, 20), (3, 22))],
        # p3 waits for p1; p1 is the canary of its wave; the remote wave waits for the command wave
        "dependencies": [(3, 1)], "wave_dependencies": [(3, 1)],
        "wave_ends": [{"wave_no": n, "run_no": 1} for n in (1, 2, 3)],
        "widths": {1: 2, 2: 2, 3: 2},
        "redis": {"wavefleet:depth:default": "0", "wavefleet:guard": "7f", "wavefleet:target:default": "32"},
        "submitted": [
            {"name": "wave-0", "wave_id": "17_1", "projects": [{"project": p, "plan": "ms=9"} for p in ("p1", "p2", "p3")]},
            {"name": "wave-1", "wave_id": "17_2", "projects": [{"project": "n1"}]},
            {"name": "wave-2", "wave_id": None, "projects": [{"project": "plain--1", "manner": "plain"}]},
            {"name": "wave-3", "wave_id": None, "projects": [{"project": "never seen"}]}],
        "starts": [{"project": "plain--1", "began": True, "double": False}],
    }


def broken(history):
    return sorted({rule for rule, _ in check(History(**history))})


def test_a_sound_history_breaks_no_rule():
    assert check(History(**sound())) == []


def row(rows, **where):
    return next(r for r in rows if all(r[k] == v for k, v in where.items()))


# ---- one way of spoiling it each ----

def lose_wave(h):
    h["waves"].pop(1), h["migrations"].pop(3), h["attempts"].pop(5)


def lose_project(h):
    h["migrations"].pop(2), h["runs"].pop(), h["attempts"].pop(4)
    h["waves"][0]["total"], h["progress"][1]["completed"] = 2, 2


def submit_twice(h):
    h["waves"].append({**h["waves"][1], "wave_no": 4, "wave_id": "17_4"})
    h["migrations"].append({**h["migrations"][3], "id": 6, "wave_no": 4})
    h["attempts"].append({**h["attempts"][5], "migration_id": 6})
    h["progress"][4], h["widths"][4] = h["progress"][2], 2
    h["wave_ends"].append({"wave_no": 4, "run_no": 1})


def another_id(h):
    h["submitted"][0]["wave_id"] = "17_9"


def never_settled(h):
    row(h["migrations"], id=4)["state"] = "retrying"
    h["progress"][2]["completed"] = 0


def taken_up_again(h):
    h["steps"] += [{"id": 1, "was": "completed", "became": "pending", "at": 30},
                   {"id": 1, "was": "running", "became": "completed", "at": 31}]


def settled_as_another(h):
    h["steps"].append({"id": 1, "was": "failed", "became": "completed", "at": 30})


def overlap_with_next_attempt(h):
    h["runs"][2].last = 17 * S


def overlap_of_a_child(h):
    """The body announced its end; something of it lived on."""
    h["runs"][1].last = 15 * S
    h["runs"][4].begin = 15 * S


def overlap_within(h):
    """The shortest of three lies within the longest, which began before both."""
    h["runs"][1].last = 19 * S
    h["runs"][4].begin = h["runs"][4].last = 30 * S


def window_breached_at_a_claim(h):
    h["breaches"] = [{"wave_no": 1, "found": 3, "allowed": 2}]


def three_bodies_at_once(h):
    h["runs"][1].begin = h["runs"][4].begin = 11 * S


def wave_runs_on(h):
    h["waves"][0].update(state="running", completed_at=None)


def wave_ends_as_another(h):
    h["waves"][0]["state"] = "error"


def wave_ends_twice(h):
    h["wave_ends"].append({"wave_no": 1, "run_no": 1})


def wave_never_ended(h):
    h["wave_ends"].pop()


def something_is_under_way(h):
    h["under_way"] = [{"migration_id": 4, "state": "running"}]


def progress_is_short(h):
    h["progress"][1]["completed"] = 2


def progress_keeps_a_slot(h):
    h["progress"][1]["in_window"] = 1


def attempt_missing(h):
    h["attempts"] = [a for a in h["attempts"] if (a["migration_id"], a["attempt"]) != (2, 2)]


def attempt_number_skipped(h):
    row(h["migrations"], id=4)["attempt"] = 2


def attempt_began_twice(h):
    h["runs"].append(Run("z", 1, "p1", 1, 910, 700, WORKER_A, 30 * S, 31 * S, 0))


def attempt_of_another_worker(h):
    row(h["attempts"], migration_id=3)["worker_id"] = 1


def body_of_nobody(h):
    h["runs"].append(Run("z", 77, "p77", 1, 910, 700, WORKER_A, 30 * S, 31 * S, 0))


def completed_without_work(h):
    h["runs"][0].end = None


def completed_without_a_body(h):
    h["runs"].pop(0)


def completed_by_a_failure(h):
    h["runs"][3].end = 75


def failed_for_data_it_did_not_name(h):
    row(h["attempts"], migration_id=2, attempt=1)["class"] = "data"


def failed_without_reason(h):
    row(h["migrations"], id=4).update(state="failed", **{"class": "temporary"})
    h["waves"][1]["state"], h["progress"][2] = "error", {**h["progress"][2], "completed": 0, "failed": 1}


def cancelled_by_nobody(h):
    row(h["migrations"], id=4)["state"] = "cancelled"
    h["progress"][2] = {**h["progress"][2], "completed": 0, "cancelled": 1}


def completed_by_no_attempt(h):
    row(h["attempts"], migration_id=4)["outcome"] = "lost"


def strange_step(h):
    h["strange"] = [{"id": 1, "wave_no": 1, "was": "completed", "became": "running"}]


def before_its_dependency(h):
    row(h["steps"], id=3, became="running")["at"] = 11


def before_a_dependency_that_never_was(h):
    h["dependencies"].append((5, 2))
    row(h["steps"], id=2, became="completed")["became"] = "retrying"


def wave_before_its_dependency(h):
    row(h["steps"], id=5, became="running")["at"] = 19


def beyond_the_canary(h):
    h["dependencies"] = []
    row(h["steps"], id=3, became="running")["at"] = 11


def cancelled_for_nothing(h):
    row(h["migrations"], id=3).update(state="cancelled", **{"class": "dependency"})
    h["progress"][1] = {**h["progress"][1], "completed": 2, "cancelled": 1}


def id_left_in(key, value=("4",)):
    def spoil(h):
        h["redis"]["wavefleet:" + key] = list(value)
    spoil.__name__ = "id_left_in_" + key
    return spoil


def depth_left(h):
    h["redis"]["wavefleet:depth:default"] = "3"


def hash_left(h):
    h["redis"]["wavefleet:wave:1"] = "{'version': '3'}"


def started_while_it_ran(h):
    h["starts"][0]["double"] = True


def began_twice(h):
    h["starts"].append({"project": "plain--1", "began": True, "double": False})


def completed_and_never_began(h):
    h["starts"][0]["began"] = False


def program_crashed(h):
    h["complaints"] = ["wavefleet-worker-3 ended by itself with -11"]


CASES = [
    (lose_wave, "nothing_lost"), (lose_project, "nothing_lost"), (submit_twice, "nothing_lost"),
    (another_id, "nothing_lost"), (never_settled, "nothing_lost"),
    (taken_up_again, "settled_once"), (settled_as_another, "settled_once"),
    (overlap_with_next_attempt, "no_overlap"), (overlap_of_a_child, "no_overlap"), (overlap_within, "no_overlap"),
    (window_breached_at_a_claim, "window_at_claims"), (three_bodies_at_once, "window_of_lives"),
    (wave_runs_on, "waves_end"), (wave_ends_as_another, "waves_end"), (wave_ends_twice, "waves_end"),
    (something_is_under_way, "nothing_is_under_way"),
    (wave_never_ended, "waves_end"), (progress_is_short, "waves_end"), (progress_keeps_a_slot, "waves_end"),
    (attempt_missing, "attempts_once"), (attempt_number_skipped, "attempts_once"),
    (attempt_began_twice, "ledger_fits_attempts"), (attempt_of_another_worker, "ledger_fits_attempts"),
    (body_of_nobody, "ledger_fits_attempts"),
    (completed_without_work, "outcomes_are_true"), (completed_without_a_body, "outcomes_are_true"),
    (completed_by_a_failure, "outcomes_are_true"), (failed_for_data_it_did_not_name, "outcomes_are_true"),
    (failed_without_reason, "verdicts"), (cancelled_by_nobody, "verdicts"), (completed_by_no_attempt, "verdicts"),
    (strange_step, "steps_are_known"), (before_its_dependency, "in_order"), (before_a_dependency_that_never_was, "in_order"),
    (wave_before_its_dependency, "in_order"), (beyond_the_canary, "in_order"), (cancelled_for_nothing, "verdicts"),
    (id_left_in("queue:default"), "redis_is_clean"), (id_left_in("wave:2:backlog"), "redis_is_clean"),
    (id_left_in("turn:default"), "redis_is_clean"), (id_left_in("processing:9"), "redis_is_clean"),
    (id_left_in("delayed"), "redis_is_clean"), (id_left_in("demand:heavy"), "redis_is_clean"),
    (hash_left, "redis_is_clean"), (depth_left, "redis_is_clean"),
    (started_while_it_ran, "effects_once"), (began_twice, "effects_once"), (completed_and_never_began, "effects_once"),
    (program_crashed, "programs_behave"),
]
# A row of attempts that is missing breaks two rules: the numbers have a hole, and a body lived that none tells of.
ALSO = {"attempt_missing": {"ledger_fits_attempts"}}


@pytest.mark.parametrize("spoil,rule", CASES, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_a_spoilt_history_breaks_its_rule(spoil, rule):
    history = copy.deepcopy(sound())
    spoil(history)
    assert set(broken(history)) - ALSO.get(spoil.__name__, set()) == {rule}


def test_every_rule_has_a_case():
    assert {rule for _, rule in CASES} == {rule.__name__ for rule in RULES}


# ---- what people did, and what is not promised ----

def act(name, status=200, migration=1):
    return {"act": name, "wave_id": "17_1", "migration": migration, "status": status}


@pytest.mark.parametrize("acts,holds", [
    ([], False), ([act("restart")], True), ([act("restart", None)], True), ([act("restart", 409)], False),
    ([act("restart", migration=2)], False), ([act("restart-all", migration=None)], True), ([act("pause")], False)])
def test_what_was_restarted_may_be_settled_again(acts, holds):
    history = copy.deepcopy(sound())
    taken_up_again(history)
    history["acts"] = acts
    assert broken(history) == ([] if holds else ["settled_once"])


@pytest.mark.parametrize("acts,holds", [
    ([], False), ([act("resume", migration=None)], True), ([act("pause", migration=None)], False),
    ([act("restart", migration=3)], True), ([act("restart", migration=1)], False)])
def test_a_person_may_go_on_over_a_canary(acts, holds):
    history = copy.deepcopy(sound())
    beyond_the_canary(history)
    history["acts"] = acts
    assert broken(history) == ([] if holds else ["in_order"])


@pytest.mark.parametrize("revived,holds", [([], False), ([1], True), ([2], False)])
def test_what_failed_may_be_completed_by_a_webhook(revived, holds):
    history = copy.deepcopy(sound())
    settled_as_another(history)
    history["revived"] = revived
    assert broken(history) == ([] if holds else ["settled_once"])


@pytest.mark.parametrize("frozen,ended,holds", [
    (WORKER_A, 16, True),           # its body lived on until one second after it had been frozen
    (WORKER_A, 14, False),          # it woke three seconds before
    (WORKER_B, 16, False)])         # somebody else was frozen
def test_only_a_freeze_excuses_a_body_and_only_until_it_wakes(frozen, ended, holds):
    history = copy.deepcopy(sound())
    history["runs"][2].last = 17 * S
    history["freezes"] = [{"supervisor": frozen, "began": 14 * S + S // 2, "ended": ended * S}]
    assert broken(history) == ([] if holds else ["no_overlap"])


def test_a_life_that_is_excused_as_a_whole_takes_no_place():
    history = copy.deepcopy(sound())
    history["freezes"] = [{"supervisor": WORKER_A, "began": 9 * S, "ended": 11 * S}]
    assert broken(history) == []


def test_the_ledger_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "ledger"
    file.write_text("00aa begin 100 7 5 p-1 2 40 30\n00bb begin 90 8 6 p-2 1 41 30\n00aa alive 300 7\n"
                    "00aa end 350 7 75\n00aa child 400 9\n")
    second, first = lives.read(file)[::-1]
    assert (first.run, first.begin, first.last, first.end) == ("00bb", 90, 90, None)
    assert (second.migration, second.project, second.attempt, second.runner, second.supervisor) == (5, "p-1", 2, 40, 30)
    assert (second.begin, second.last, second.end) == (100, 400, 75), "a child that outlives the body belongs to its life"


@pytest.mark.parametrize("line", ["00aa alive 5 6", "00aa begin x 7 5 p 2 40 30", "00aa jumps 5 6", "", "00aa begin 1 2"])
def test_a_line_that_is_none_is_not_overlooked(tmp_path, line):
    file = tmp_path / "ledger"
    file.write_text(line + "\n")
    with pytest.raises(ValueError):
        lives.read(file)


def test_a_seed_means_the_same_again():
    faults, acts = {"a": 1, "b": 3}, {"c": 1}
    assert plan.schedule(7, 60, faults, acts) == plan.schedule(7, 60, faults, acts)
    assert plan.schedule(7, 60, faults, acts) != plan.schedule(8, 60, faults, acts)
    assert [plan.wave(7, i) for i in range(40)] == [plan.wave(7, i) for i in range(40)]
    lengths = [int(p["plan"].split(",")[0][3:]) for i in range(200) if (w := plan.wave(7, i))["kind"] == "command"
               for p in w["projects"]]
    assert min(lengths) < 100 and max(lengths) > 12_000 and sum(ms > 3000 for ms in lengths) > 20
