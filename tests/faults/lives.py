"""The ledger that the bodies keep (body.c), read back: one Run for each start of a body."""

from dataclasses import dataclass


@dataclass
class Run:
    """A life: from `begin` to the last sign of it, of the body or of its child process; nanoseconds of the
    monotonic clock. `end` is the exit status it announced, or None."""
    run: str
    migration: int
    project: str
    attempt: int
    pid: int
    runner: int
    supervisor: int
    begin: int
    last: int
    end: int | None = None

    def __str__(self):
        return (f"run {self.run} of {self.project} (m{self.migration}) attempt {self.attempt}, pid {self.pid} of runner "
                f"{self.runner} of worker {self.supervisor}, lived {self.begin / 1e9:.3f} to {self.last / 1e9:.3f}, "
                f"end {self.end}")


def read(path):
    """All runs, by their begin. A line that is none is an error: nobody else writes here."""
    runs = {}
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            word = line.split()
            try:
                run, what, at, pid = word[0], word[1], int(word[2]), int(word[3])
                if what == "begin":
                    migration, project, attempt, runner, supervisor = word[4:]
                    assert run not in runs
                    runs[run] = Run(run, int(migration), project, int(attempt), pid, int(runner), int(supervisor), at, at)
                elif what in ("alive", "child", "end"):
                    runs[run].last = max(runs[run].last, at)
                    if what == "end":
                        runs[run].end = int(word[4])
                else:
                    raise ValueError(what)
            except (ValueError, IndexError, KeyError, AssertionError) as e:
                raise ValueError(f"{path}:{number}: not a line of the ledger: {line!r} ({e!r})") from None
    return sorted(runs.values(), key=lambda r: r.begin)
