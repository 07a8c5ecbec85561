"""A few short campaigns from fixed seeds, of those that found something once or reach much; WAVEFLEET_FAULTS_SEEDS
(numbers with commas) and WAVEFLEET_FAULTS_SECONDS say otherwise. More of it: make faults."""

import os

import pytest

from campaign import Campaign
from wavefleet import BIN

SEEDS = [int(s) for s in os.environ.get("WAVEFLEET_FAULTS_SEEDS", "101,7,21").split(",")]
SECONDS = float(os.environ.get("WAVEFLEET_FAULTS_SECONDS", "15"))


@pytest.mark.parametrize("seed", SEEDS)
def test_promises_hold_whatever_breaks(seed):
    assert (BIN / "wavefleet-worker").exists(), f"no programs in {BIN}; run make, or set WAVEFLEET_BIN"
    campaign = Campaign(seed, SECONDS, quiet=True)
    found = campaign.run()
    assert not found, f"(all of it is in {campaign.folder})\n" + "\n".join(f"{rule}: {said}" for rule, said in found[:10])
    assert len(campaign.history.attempts) > 50 and sum(campaign.counts.values()) > 10, "a campaign that did hardly anything"
    campaign.remove()
