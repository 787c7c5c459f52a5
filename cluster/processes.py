"""Long-running programs of the cluster: started apart from us, found again by pid and start time.

The record of a program is its line of /proc/PID/stat, which a shell writes before it becomes the
program: whatever kills us in between, nothing runs unrecorded.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.console import ClusterError, wait_for

STOP_SECONDS = 5.0
_RECORD_AND_BECOME = 'cat /proc/$$/stat > "$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass(frozen=True)
class Started:
    """A process; the start time tells it from a later one with the same pid."""

    pid: int
    start_ticks: int


class Processes:
    """The programs that run for one cluster, recorded in its folder."""

    def __init__(self, folder: Path) -> None:
        self._records = folder / "run"
        self._logs = folder / "logs"

    def start(
        self, name: str, command: Sequence[str | Path], env: dict[str, str] | None = None
    ) -> None:
        """Start a program unless it runs already."""
        if self.running(name):
            return
        for folder in (self._records, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        record = self._record(name)
        record.unlink(missing_ok=True)
        with (self._logs / f"{name}.log").open("ab") as log:
            os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", _RECORD_AND_BECOME, record, *command],
                {**os.environ, **(env or {})},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                ],
                setsid=True,
            )
        wait_for(f"the record of {name}", record.exists, 10)

    def running(self, name: str) -> Started | None:
        """Give the process of that name if it still runs."""
        try:
            started = parse_stat(self._record(name).read_text())
        except OSError:
            return None
        return started if started and found(started.pid) == started else None

    def check(self, name: str) -> None:
        """Raise ClusterError with the end of its log if a program has ended."""
        if not self.running(name):
            log = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
            raise ClusterError(f"{name} ended:\n" + "\n".join(log[-6:]))

    def stop(self, name: str) -> None:
        """End a program; by force if it does not go by itself."""
        started = self.running(name)
        if started:
            end(started)
        self._record(name).unlink(missing_ok=True)

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.stat"


def parse_stat(line: str) -> Started | None:
    """Read a line of /proc/PID/stat; None if the process has ended and only waits to be collected."""
    pid, _, rest = line.partition(" (")
    state, *fields = rest.rpartition(")")[2].split()
    return None if state == "Z" else Started(int(pid), int(fields[18]))


def found(pid: int) -> Started | None:
    """Give the process that has this pid now."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None


def end(started: Started, *, force: bool = False) -> None:
    """Ask a process to end, then make it; with force make it at once."""
    for number in (signal.SIGKILL,) if force else (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        while found(started.pid) == started:
            if time.monotonic() > deadline:
                break
            _signal(started.pid, number)
            _reap(started.pid)
            time.sleep(0.1)
        else:
            return


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Collect a child of ours; others are collected by their parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
