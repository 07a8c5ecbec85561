"""The programs of earlier releases, built from this repository's history into
build/previous/, once. Move RELEASE on with every release."""

import fcntl
import os
import shutil
import subprocess

import pytest

from stack import ROOT

RELEASE = "eccef858856b0d0f2f0b154bdf9708f1fca4d4a2"             # the previous one, 0.19.0
BEFORE_VIEW = "2609538f2f25e012b5280910cd80f83e14657ded"         # 0.16.0, whose attempts are a table
BEFORE_KEPT = "872fc53de7e1149fe89ae5e1b6e9826412b046a7"         # 0.15.0, which writes into attempts
CACHE = ROOT / "build/previous"


def git(*words, **how):
    return subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, *words], **how)


def need_history(release):
    """Skips where the commit is not there; anything else that is wrong fails the test."""
    if not shutil.which("git"):
        pytest.skip("git is not installed: earlier releases cannot be taken from the history")
    found = git("cat-file", "-e", release + "^{commit}", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if found.returncode != 0:
        pytest.skip(f"the release {release[:7]} is not in the history of this checkout "
                    f"(git fetch --unshallow brings it): {found.stdout.strip()}")


def unpack(release, folder):
    archive = git("archive", release, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)


def outside_make():
    """The environment for a make in a test: what one around it has been told does not hold for it."""
    return {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
                                                             "SAN", "O", "CC", "WERROR")}


def build(folder):
    env = outside_make() | {"CCACHE_BASEDIR": str(folder), "CCACHE_NOHASHDIR": "1"}
    compiler = "ccache gcc" if shutil.which("ccache") else "gcc"
    done = subprocess.run(["make", "--no-print-directory", f"-j{os.cpu_count()}", f"CC={compiler}", "all"], cwd=folder,
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"an earlier release does not build:\n{done.stdout[-3000:]}"


def programs(release=RELEASE):
    """The folder with its wavefleet-api and wavefleet-worker."""
    need_history(release)
    folder = CACHE / release[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:     # one builds, who comes meanwhile waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            unpack(release, folder)
            build(folder)
            (folder / "built").touch()
    return folder / "build/bin"
