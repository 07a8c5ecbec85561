"""Bodies that began together end together: what some of them say while Redis is asked for what follows the first ones is
settled in the transaction that has settled these (settle_more in common/engine/exchange.c)."""

import pytest

from failing import names


def settled_twice(fleet):
    """Transactions with more than one settlement: each leaves its rows at a command of its own."""
    return fleet.sql.value("""SELECT count(*) FROM (
        SELECT FROM migrations WHERE state = 'completed' GROUP BY xmin::text HAVING count(DISTINCT cmin::text) > 1) t""")


def projects(count, sleep_ms, fails):
    return [{"project": name, "params": {"sleep_ms": sleep_ms, "result": {"is": name}, **({"fail": {"times": 1}} if n in fails else {})}}
            for n, name in enumerate(names(count))]


@pytest.mark.parametrize("waves,fails", [(1, ()), (1, (7, 40)), (3, ())], ids=["one wave", "some fail", "three waves"])
def test_what_is_said_meanwhile_is_settled_as_well(make_fleet, waves, fails):
    """Of any wave that the first part has locked."""
    fleet = make_fleet(workers=1, concurrency=12)
    goes = 0
    while not settled_twice(fleet):     # a machine that is busy may tell them apart
        goes += 1
        assert goes <= 30, "no two settlements in a transaction"
        submitted = [fleet.submit(f"together {goes} {n}", projects(60, 80, fails), batch_size=12 // waves) for n in range(waves)]
        for wave in submitted:
            fleet.wait_wave(wave, 60)
            assert fleet.check_wave(wave, "completed")["completed"] == 60
        assert fleet.sql.value("""SELECT count(*) FROM migrations m JOIN waves w USING (wave_no)
            WHERE w.wave_id = ANY (%s) AND m.result->>'is' = m.project AND m.attempt = 1""",
                               submitted) == (60 - len(fails)) * waves
