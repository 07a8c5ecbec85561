"""How wavefleet-api serves the dashboard. The files are made here, so that no Node.js is wanted."""

import gzip
import http.client
import shutil
import subprocess

import pytest

from http_client import OPEN
from wavefleet import BIN, assert_problem

INDEX = b"<!doctype html><title>wavefleet</title>" + b"<!-- the same again -->" * 40
SCRIPT = b"console.log('wave');\n" * 200
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FOREVER = "public, max-age=31536000, immutable"


def build(folder):
    """As `make dashboard` leaves it; the .br is only called so: nobody looks inside."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "index.html.gz").write_bytes(gzip.compress(INDEX))
    (folder / "assets" / "index-D4f.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-D4f.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "index-D4f.js.br").write_bytes(b"brotli, as it were")
    (folder / "assets" / "logo-B1.png").write_bytes(PICTURE)
    (folder / "assets" / "lonely-C2.js.gz").write_bytes(b"its plain file is not there")
    return folder


@pytest.fixture(scope="module")
def fleet(make_fleet, tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("dashboard") / "built")
    folder.parent.joinpath("secret.txt").write_text("outside")
    folder.joinpath("link.txt").symlink_to("../secret.txt")
    return make_fleet(watched=False, env={"WAVEFLEET_DASHBOARD_DIR": folder})


def fetch(fleet, path, method="GET", **headers):
    """(status, headers in lower case, body as it came), the path sent as it is."""
    c = http.client.HTTPConnection("127.0.0.1", fleet.port, timeout=15)
    c.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        c.putheader(name.replace("_", "-"), value)
    c.endheaders()
    reply = c.getresponse()
    body = reply.read()
    c.close()
    return reply.status, {k.lower(): v for k, v in reply.getheaders()}, body


@pytest.mark.parametrize("path", ["/", "/wave", "/wave/1700000000_123456789012", "/migrations/m12?status=error", "/no/such/page",
                                  "/assets", "/index.html", "/apis", "/%2e%2e/secret.txt", "/link.txt", "/assetsX"])
def test_every_address_of_people_is_the_page(fleet, path):
    status, headers, body = fetch(fleet, path)
    assert (status, body) == (200, INDEX)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/livez/x", "/readyz/", "/metrics/x", "/assets/", "/assets/gone-A0.js",
                                  "/assets/lonely-C2.js", "/assets/index-D4f.js.gz", "/assets/../index.html", "/assets/%2e%2e/index.html"])
def test_what_is_of_programs_or_of_another_build_is_no_page(fleet, path):
    reply = fleet.http.get(path, token=OPEN)
    assert_problem(reply, 404)


def test_files_last_for_ever_because_their_names_change(fleet):
    for path, body, kind in (("/assets/index-D4f.js", SCRIPT, "text/javascript; charset=utf-8"),
                             ("/assets/logo-B1.png", PICTURE, "image/png")):
        status, headers, got = fetch(fleet, path)
        assert (status, got, headers["content-type"], headers["cache-control"]) == (200, body, kind, FOREVER)


@pytest.mark.parametrize("accepted,coding", [
    (None, None), ("", None), ("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br", "br"), ("gzip;q=0.9, br;q=0.5", "gzip"),
    ("br;q=0, gzip", "gzip"), ("identity;q=0.5, gzip;q=0.2", None), ("*;q=0", None), ("deflate", None), ("*", "br")])
def test_the_smallest_form_that_is_wanted(fleet, accepted, coding):
    status, headers, body = fetch(fleet, "/assets/index-D4f.js", **({"Accept_Encoding": accepted} if accepted is not None else {}))
    assert (status, headers.get("content-encoding"), headers["vary"]) == (200, coding, "Accept-Encoding")
    assert {None: lambda b: b, "gzip": gzip.decompress, "br": lambda b: SCRIPT if b == b"brotli, as it were" else b}[coding](body) == SCRIPT


def test_what_has_no_compressed_form_comes_plain(fleet):
    _, headers, body = fetch(fleet, "/index.html", Accept_Encoding="br")
    assert "content-encoding" not in headers and body == INDEX


def test_a_tag_spares_the_body_and_is_of_one_form(fleet):
    tags = {}
    for coding in ("identity", "gzip", "br"):
        _, headers, _ = fetch(fleet, "/assets/index-D4f.js", Accept_Encoding=coding)
        tags[coding] = headers["etag"]
    assert len(set(tags.values())) == 3 and not any(t.startswith("W/") for t in tags.values())
    status, headers, body = fetch(fleet, "/assets/index-D4f.js", Accept_Encoding="gzip", If_None_Match=f'"x", {tags["gzip"]}')
    assert (status, body, headers["etag"], headers["cache-control"]) == (304, b"", tags["gzip"], FOREVER)
    assert "content-encoding" not in headers and headers["vary"] == "Accept-Encoding"
    status, _, body = fetch(fleet, "/assets/index-D4f.js", Accept_Encoding="gzip", If_None_Match=tags["br"])
    assert (status, gzip.decompress(body)) == (200, SCRIPT)


def test_head_says_what_get_would(fleet):
    _, wanted, _ = fetch(fleet, "/wave", Accept_Encoding="gzip")
    status, headers, body = fetch(fleet, "/wave", "HEAD", Accept_Encoding="gzip")
    for h in (wanted, headers):
        del h["date"], h["x-request-id"]
    assert (status, body) == (200, b"") and headers == wanted


def test_other_methods_are_refused(fleet):
    reply = fleet.http.post("/wave", {})
    assert_problem(reply, 405)
    assert reply.headers["allow"] == "GET, HEAD"


def test_the_policy_lets_nothing_in_from_outside(fleet):
    for path in ("/", "/assets/index-D4f.js"):
        _, headers, _ = fetch(fleet, path)
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
                          "connect-src": "'self'", "font-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
                          "frame-ancestors": "'none'"}
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert (headers["cross-origin-opener-policy"], headers["cross-origin-resource-policy"]) == ("same-origin", "same-origin")


def test_nobody_has_to_sign_in_for_the_page_itself(fleet):
    assert fetch(fleet, "/", Authorization="Bearer wf_wrong")[0] == 200


def test_switched_off(make_own_fleet, fleet):
    off = make_own_fleet(watched=False, env={"WAVEFLEET_DASHBOARD_DIR": fleet.env["WAVEFLEET_DASHBOARD_DIR"],
                                             "WAVEFLEET_MONITORING_DASHBOARD_ENABLED": "false"})
    for path in ("/", "/wave", "/assets/index-D4f.js"):
        assert_problem(off.http.get(path, token=OPEN), 404)


def test_not_built_says_how_to(make_own_fleet, tmp_path):
    """The programs stand alone in a folder here: there is no dashboard beside them."""
    alone = tmp_path / "bin"
    alone.mkdir()
    shutil.copy(BIN / "wavefleet-api", alone)
    fleet = make_own_fleet(watched=False, api=False)
    fleet.start_api(programs=alone)
    status, headers, body = fetch(fleet, "/")
    assert (status, headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert b"make dashboard" in body
    assert_problem(fleet.http.get("/wave", token=OPEN), 404)


def test_found_beside_the_programs_as_installed(make_own_fleet, tmp_path):
    (tmp_path / "bin").mkdir()
    shutil.copy(BIN / "wavefleet-api", tmp_path / "bin")
    build(tmp_path / "share" / "wavefleet" / "dashboard")
    fleet = make_own_fleet(watched=False, api=False)
    fleet.start_api(programs=tmp_path / "bin")
    assert fetch(fleet, "/wave")[2] == INDEX


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_that_was_named_must_have_it(make_own_fleet, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    fleet = make_own_fleet(watched=False, api=False)
    ran = subprocess.run([BIN / "wavefleet-api"], env={**fleet.env, "WAVEFLEET_LISTEN": "127.0.0.1:0",
                                                       "WAVEFLEET_DASHBOARD_DIR": str(tmp_path / folder)},
                         capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "dashboard.dir: there is no index.html" in ran.stdout + ran.stderr
