"""What tests of the remote kind share."""

SECRET = "mb-s3cret-Пароль&=?"
SITE = 314159

QUICK_REMOTE = {
    "WAVEFLEET_REMOTE_POLL_INITIAL_MS": "400",
    "WAVEFLEET_REMOTE_POLL_CAP_MS": "800",
    "WAVEFLEET_REMOTE_START_TIMEOUT_MS": "2000",
    "WAVEFLEET_REMOTE_RATE_PER_S": "1000",
}


def store_secret(fleet):
    """The site and its secret that starts use where nothing else says."""
    reply = fleet.http.post("/api/settings", {"mb_site_id": SITE, "mb_secret": SECRET})
    assert reply.status in (200, 201), reply


def targets(names, first):
    return [{"mb_project_uuid": n, "brz_project_id": first + i} for i, n in enumerate(names)]
