"""Runs the command line: in a pipe, or at a terminal of any size."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from wavefleet import BIN, SANITIZER_REPORTS, SLOW, TOKEN

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(url, home, token=TOKEN, **more):
    """A clean one: nothing of whoever runs the tests."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm", "HOME": str(home),
           "WAVEFLEET_URL": url, "UBSAN_OPTIONS": "print_stacktrace=1"}
    if token:
        env["WAVEFLEET_API_TOKEN"] = token
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return env


class Cli:
    """cli("wave", "list", stdin="…", COLUMNS=80) runs it to its end, in pipes."""

    def __init__(self, url, home, token=TOKEN):
        self.url, self.home, self.token = url, home, token

    def __call__(self, *argv, stdin="", deadline_s=60, **env):
        done = subprocess.run([BIN / "wavefleet", *map(str, argv)], input=stdin.encode(), timeout=deadline_s * SLOW,
                              env=environment(self.url, self.home, self.token, **env), capture_output=True, check=False)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def good(self, *argv, **options):
        done = self(*argv, **options)
        assert done.code == 0, done
        return done.out

    def start(self, *argv, **env):
        """In pipes, and goes on."""
        return subprocess.Popen([BIN / "wavefleet", *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env=environment(self.url, self.home, self.token, **env))

    def terminal(self, *argv, columns=80, lines=24, **env):
        return Terminal([BIN / "wavefleet", *map(str, argv)], columns, lines,
                        environment(self.url, self.home, self.token, **env))


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        assert not any(r in err for r in SANITIZER_REPORTS), err

    def __str__(self):
        return f"exit {self.code}\n--- out\n{self.out}--- err\n{self.err}"


def complete_in_bash(script, line, env):
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    program = f"""source {script}; complete -p wavefleet >/dev/null || exit 9
COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()
_wavefleet; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.split()


class Terminal:
    """A program at a pseudo terminal. `text` is all that it wrote, with its escape sequences."""

    def __init__(self, argv, columns, lines, env):
        self.text, self.code = "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], list(map(str, argv)), env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def plain(self):
        return ESCAPES.sub("", self.text)

    @property
    def echoes(self):
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def pump(self, wait_s):
        """Takes what came; False at its end."""
        if not select.select([self.fd], [], [], wait_s)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def expect(self, what, deadline_s=20):
        end = time.monotonic() + deadline_s * SLOW
        while not (re.search(what, self.plain)):
            assert time.monotonic() < end and self.pump(0.1), f"no {what!r} in:\n{self.plain[-3000:]}"
        return self

    def send(self, text):
        os.write(self.fd, text.encode())
        return self

    def end(self, deadline_s=30):
        """Waits for its end; the exit code."""
        end = time.monotonic() + deadline_s * SLOW
        while self.pump(0.1):
            if time.monotonic() >= end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"it did not end:\n{self.plain[-3000:]}")
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(OSError):
            os.close(self.fd)
        assert not any(r in self.text for r in SANITIZER_REPORTS), self.text
        return self.code
