"""Dead letters: filters of the list, restarting and discarding one, many, or all that match."""

import contextlib
import threading

import pytest

from gate import Gate
from invariants import changed, fingerprint
from stack import Sql, moved_to, server_address
from wavefleet import assert_problem, wait_until

CLASSES = {"temporary": 2, "data": 3}


@pytest.fixture(scope="module")
def fleet(make_fleet):
    return make_fleet(workers=2, concurrency=4)


@pytest.fixture(autouse=True)
def none_left(fleet):
    yield
    fleet.http.post("/api/dead/discard", {"all": True})


def broken_wave(fleet, name, classes=None):
    """An ended wave in which some projects have failed, and one has completed. They complete when restarted."""
    projects = [{"project": f"{name}-{cls}-{i}", "params": {"fail": {"times": 1, "class": cls}}}
                for cls, n in (classes or CLASSES).items() for i in range(n)]
    wave = fleet.submit(name, [*projects, {"project": f"{name}-fine"}], max_attempts=1)
    assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error")     # and Redis has forgotten it
    return wave


def dead(fleet, query=""):
    return fleet.http.get(f"/api/dead?{query}").data


def refs(fleet, query=""):
    return {d["ref"] for d in dead(fleet, query)}


def post(fleet, what, **body):
    return fleet.http.post(f"/api/dead/{what}", body)


def by_wave(data):
    return {w["wave_id"]: w["count"] for w in data["waves"]}


@pytest.fixture
def three(fleet):
    return [broken_wave(fleet, name) for name in ("alpha", "beta", "gamma")]


def test_filters_of_the_list(fleet, three):
    assert len(dead(fleet)) == 15
    assert {d["wave_id"] for d in dead(fleet, f"wave={three[1]}")} == {three[1]} and len(dead(fleet, f"wave={three[1]}")) == 5
    assert len(dead(fleet, "class=data")) == 9 and len(dead(fleet, f"class=data&wave={three[0]}")) == 3
    assert len(dead(fleet, "text=ALPHA-data")) == 3 and len(dead(fleet, f"text=ALPHA&wave={three[1]}")) == 0
    error = fleet.migrations(three[0])["alpha-data-0"]["error"]
    assert error and len(dead(fleet, f"text={error.upper().replace(' ', '%20')}")) >= 3, "a part of the error, too"
    middle = fleet.sql.value("""SELECT to_char(min(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') FROM dead d
        JOIN waves w USING (wave_no) WHERE w.wave_id = %s""", three[1])
    before, since = refs(fleet, f"until={middle}"), refs(fleet, f"since={middle}")
    assert before and since and not before & since and len(before | since) == 15
    assert len(dead(fleet, "since=2999-01-01T00:00:00%2B01:00")) == 0 and dead(fleet, "discarded=true&text=alpha") == []
    page = fleet.http.get("/api/dead?class=data&limit=4").json
    rest = fleet.http.get(f"/api/dead?class=data&limit=5&cursor={page['next_cursor']}").json
    assert len(page["data"]) == 4 and len(rest["data"]) == 5
    assert {d["ref"] for d in page["data"]} | {d["ref"] for d in rest["data"]} == refs(fleet, "class=data")
    for query, pointer in (("class=odd", "#/class"), ("since=now", "#/since"), ("until=2026-13-01T00:00:00Z", "#/until"),
                           ("discarded=maybe", "#/discarded"), ("limit=0", "#/limit")):
        problem = assert_problem(fleet.http.get(f"/api/dead?{query}"), 422)
        assert problem["errors"][0]["pointer"] == pointer
    both = assert_problem(fleet.http.get("/api/dead?class=odd&since=now"), 422)
    assert len(both["errors"]) == 2


def test_preview(fleet, three):
    before = fleet.at_rest()
    for what, counter in (("restart", "restarted"), ("discard", "discarded")):
        data = post(fleet, what, all=True, dry_run=True).data
        assert (data["matched"], data[counter], data["dry_run"], data["left"]) == (15, 0, True, 0)
        assert data["waves"] == [{"wave_id": w, "count": 5, "classes": CLASSES} for w in three], "ascending"
        data = post(fleet, what, filter={"class": "data", "wave": three[2]}, dry_run=True).data
        assert data["matched"] == 3 and by_wave(data) == {three[2]: 3}
        ids = sorted(refs(fleet, f"wave={three[0]}"))[:2]
        data = post(fleet, what, ids=[ids[0], int(ids[1][1:]), ids[0], "m987654321"], dry_run=True).data
        assert data["matched"] == 2 and [r["ref"] for r in data["refused"]] == ["m987654321"]
    assert not changed(before, fingerprint(fleet.sql, fleet.redis))


def test_restart_by_filter_over_waves(fleet, three):
    data = post(fleet, "restart", filter={"class": "data"}).data
    assert data["matched"] == data["restarted"] == 9 and by_wave(data) == {w: 3 for w in three} and data["refused"] == []
    for wave in three:
        assert fleet.wait_wave(wave) == "error", "its temporary ones are dead still"
    assert {d["class"] for d in dead(fleet)} == {"temporary"} and len(dead(fleet)) == 6
    assert post(fleet, "restart", filter={"text": "beta"}).data["restarted"] == 2
    assert fleet.wait_wave(three[1]) == "completed"
    data = post(fleet, "restart", all=True).data
    assert data["restarted"] == 4 and by_wave(data) == {three[0]: 2, three[2]: 2}
    for wave, times in zip(three, (2, 2, 2)):
        assert fleet.wait_wave(wave) == "completed"
        fleet.check_wave(wave, "completed", restarts=times)
    assert dead(fleet) == [] and post(fleet, "restart", all=True).data["matched"] == 0
    assert [e for e in fleet.log_events("dead.act") if e["act"] == "restart" and e["done"] == 9]


def test_restart_by_ids(fleet, three):
    wanted = [min(refs(fleet, f"wave={w}")) for w in three]
    running = fleet.migrations(three[0])["alpha-fine"]["id"]
    data = post(fleet, "restart", ids=[*wanted, wanted[0], running, 10**15]).data
    assert data["matched"] == data["restarted"] == 3 and by_wave(data) == {w: 1 for w in three}
    assert {r["ref"]: r["reason"] for r in data["refused"]} == {
        f"m{running}": f"migration m{running} is completed: it is no dead letter",
        f"m{10**15}": f"there is no migration m{10**15}"}
    for wave in three:
        assert fleet.wait_wave(wave) == "error"
        fleet.check_wave(wave, "error", restarts=1)
    assert not set(wanted) & refs(fleet)


def test_one(fleet):
    wave = broken_wave(fleet, "single", {"data": 3})
    one, two, three = sorted(refs(fleet), key=lambda r: int(r[1:]))
    reply = fleet.http.post(f"/api/dead/{one}/restart", {})
    assert reply.status == 200 and reply.data["restarted"] == 1 and by_wave(reply.data) == {wave: 1}
    assert fleet.http.post(f"/api/dead/{two[1:]}/discard", {}).data["discarded"] == 1, "also without the m"
    again = fleet.http.post(f"/api/dead/{two}/discard", {})
    assert again.status == 200 and again.data["discarded"] == 0 and "already" in again.json["message"]
    assert fleet.wait_wave(wave) == "error"
    problem = assert_problem(fleet.http.post(f"/api/dead/{one}/restart", {}), 409)
    assert "completed" in problem["detail"], "names the state"
    for unknown in ("m999999999", "m", "0", "x7", "m" + "9" * 25, "-3"):
        for what in ("restart", "discard"):
            assert_problem(fleet.http.post(f"/api/dead/{unknown}/{what}", {}), 404)
    assert fleet.http.post(f"/api/dead/{two}/restart", {}).data["restarted"] == 1, "what was discarded can be restarted"
    assert fleet.http.post(f"/api/dead/{three}/restart", {}).status == 200
    assert fleet.wait_wave(wave) == "completed"
    assert fleet.sql.value("SELECT count(*) FROM dead") == fleet.sql.value("SELECT count(*) FROM dead WHERE discarded_at IS NOT NULL")
    fleet.check_wave(wave, "completed", restarts=2)


def test_discard(fleet, three):
    versions = lambda: fleet.sql.rows("SELECT wave_no, version, state::text FROM waves ORDER BY 1")
    before = versions()
    data = post(fleet, "discard", filter={"wave": three[0], "class": "data"}).data
    assert data["matched"] == data["discarded"] == 3 and by_wave(data) == {three[0]: 3}
    assert len(dead(fleet)) == 12
    gone = dead(fleet, f"discarded=true&wave={three[0]}")
    assert len(gone) == 3 and all(d["discarded_at"] and d["discarded_by"] for d in gone)
    shown = fleet.http.get(f"/api/waves/{three[0]}/migrations?status=error").data
    assert len(shown) == 5, "the wave's list shows what failed, discarded or not"
    assert {fleet.migrations(three[0])[d["mb_project_uuid"]]["state"] for d in gone} == {"failed"}
    assert post(fleet, "discard", ids=[d["ref"] for d in gone]).data["discarded"] == 0
    assert versions() == before, "nothing that the fleet would have to know"
    assert post(fleet, "restart", filter={"wave": three[0]}).data["restarted"] == 2, "a filter means what the list shows"
    assert fleet.wait_wave(three[0]) == "error"
    assert post(fleet, "restart", ids=[d["ref"] for d in gone]).data["restarted"] == 3, "by name, the discarded too"
    assert fleet.wait_wave(three[0]) == "completed"
    assert dead(fleet, f"discarded=true&wave={three[0]}") == []
    fleet.check_wave(three[0], "completed", restarts=2)
    for wave in three[1:]:
        fleet.check_wave(wave, "error")


def test_restart_all_of_a_wave_takes_the_discarded_too(fleet):
    wave = broken_wave(fleet, "whole", {"data": 2})
    assert post(fleet, "discard", filter={"wave": wave}).data["discarded"] == 2
    assert fleet.http.post(f"/api/waves/{wave}/restart-all", {"dry_run": True}).data["restarted"] == 2
    assert fleet.http.post(f"/api/waves/{wave}/restart-all", {}).data["restarted"] == 2
    assert fleet.wait_wave(wave) == "completed"
    fleet.check_wave(wave, "completed", restarts=1)


def test_a_wave_that_is_held_up_is_waited_for(fleet, three):
    """Each wave is an act of its own, which waits for whoever holds its wave."""
    holder = Sql(fleet.sql.url)
    with contextlib.closing(holder), holder.cursor() as c:
        c.execute("BEGIN")
        c.execute("SELECT 1 FROM waves WHERE wave_id = %s FOR UPDATE", (three[1],))
        answer = []
        t = threading.Thread(target=lambda: answer.append(post(fleet, "restart", all=True)), daemon=True)
        t.start()
        wait_until(lambda: not dead(fleet, f"wave={three[0]}"), 20, "the first wave's act")
        assert len(dead(fleet, f"wave={three[2]}")) == 5 and not answer, "ascending, one after the other"
        c.execute("ROLLBACK")
    t.join(30)
    assert answer and answer[0].data["restarted"] == 15
    for wave in three:
        assert fleet.wait_wave(wave) == "completed"
        fleet.check_wave(wave, "completed", restarts=1)


def test_a_wave_that_refuses_does_not_stop_the_others(fleet, three):
    """No state refuses a restart of what is dead but `planning`, which nobody sees: this one is put there."""
    fleet.sql.execute("""CREATE FUNCTION pg_temp_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM wavefleet.refuse('WF409', 'cannot restart: the wave is planning'); RETURN NEW; END $$""")
    fleet.sql.execute(f"""CREATE TRIGGER refuses BEFORE UPDATE ON waves FOR EACH ROW WHEN (NEW.wave_id = '{three[1]}')
        EXECUTE FUNCTION pg_temp_refuse()""")
    try:
        reply = post(fleet, "restart", all=True)
        assert reply.status == 200 and reply.data["matched"] == 15 and reply.data["restarted"] == 10
        assert by_wave(reply.data) == {three[0]: 5, three[2]: 5}
        assert reply.data["refused"] == [{"wave_id": three[1], "reason": "cannot restart: the wave is planning"}]
        one = min(refs(fleet, f"wave={three[1]}"))
        assert "planning" in assert_problem(fleet.http.post(f"/api/dead/{one}/restart", {}), 409)["detail"]
    finally:
        fleet.sql.execute("DROP TRIGGER refuses ON waves")
        fleet.sql.execute("DROP FUNCTION pg_temp_refuse")
    assert len(dead(fleet, f"wave={three[1]}")) == 5
    for wave, state in zip(three, ("completed", "error", "completed")):
        assert fleet.wait_wave(wave) == state
        fleet.check_wave(wave, state, restarts=1)


def test_bad_bodies(fleet):
    wave = broken_wave(fleet, "asked", {"data": 1})
    before = fleet.at_rest()
    cases = (({}, 422, "#"), ({"dry_run": True}, 422, "#"), ({"all": False}, 422, "#"), ({"filter": {}}, 422, "#/filter"),
             ({"filter": {"class": None}}, 422, "#/filter"), ({"ids": []}, 422, "#/ids"), ({"ids": None}, 422, "#"),
             ({"ids": ["m1"], "all": True}, 422, "#/ids"), ({"ids": ["m1"], "filter": {"class": "data"}}, 422, "#/ids"),
             ({"all": True, "filter": {"class": "data"}}, 422, "#/all"), ({"ids": list(range(1, 10_002))}, 422, "#/ids"),
             ({"ids": ["m1", "seven"]}, 422, "#/ids/1"), ({"ids": [0]}, 422, "#/ids/0"), ({"ids": [1.5]}, 400, "#/ids/0"),
             ({"ids": [{}]}, 400, "#/ids/0"), ({"ids": "m1"}, 400, "#/ids"), ({"filter": {"class": "odd"}}, 422, "#/filter/class"),
             ({"filter": {"status": "error"}}, 422, "#/filter/status"), ({"filter": {"wave": "x"}}, 422, "#/filter/wave"),
             ({"filter": {"since": 5}}, 400, "#/filter/since"), ({"all": "yes"}, 400, "#/all"), ({"every": True}, 422, "#/every"))
    for what in ("restart", "discard"):
        for body, status, pointer in cases:
            problem = assert_problem(fleet.http.post(f"/api/dead/{what}", body), status)
            assert pointer in [e["pointer"] for e in problem["errors"]], (body, problem)
        assert_problem(fleet.http.post(f"/api/dead/{what}", "{"), 400)
        assert_problem(fleet.http.post(f"/api/dead/m1/{what}", {"all": True}), 422)
    viewer = fleet.run("wavefleet-api", "token", "create", "--role", "viewer", "--name", "reader").stdout.split()[-1]
    for path in ("restart", "discard", "m1/restart", "m1/discard"):
        assert_problem(fleet.http.post(f"/api/dead/{path}", {"all": True}, token=viewer), 403)
    assert fleet.http.get("/api/dead", token=viewer).status == 200
    assert not changed(before, fingerprint(fleet.sql, fleet.redis)) and len(dead(fleet, f"wave={wave}")) == 1


def test_without_redis(make_own_fleet):
    """A restart needs Redis, or what it restarts would not start; a preview and a discard do not."""
    fleet = make_own_fleet(api=False)
    gate = Gate(server_address(fleet.place.redis_url, 6379))
    fleet.start_api(WAVEFLEET_REDIS_URL=moved_to(fleet.place.redis_url, gate.port))
    fleet.start_worker(2)
    wave = broken_wave(fleet, "cut", {"data": 2})
    gate.cut()
    wait_until(lambda: fleet.http.get("/readyz").status == 503, 20, "the API to notice")
    assert "nothing was done" in assert_problem(post(fleet, "restart", all=True), 503)["detail"]
    assert post(fleet, "restart", all=True, dry_run=True).data["matched"] == 2
    assert post(fleet, "discard", ids=[min(refs(fleet))]).data["discarded"] == 1
    gate.mend()
    wait_until(lambda: fleet.http.get("/readyz").status == 200, 20, "the API to be back")
    assert post(fleet, "restart", all=True).data["restarted"] == 1
    assert fleet.wait_wave(wave) == "error"
    fleet.check_wave(wave, "error", restarts=1)
    gate.close()
