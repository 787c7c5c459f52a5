"""Long-running programs of the cluster: started apart from us, found again by pid and start time."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.console import ClusterError

STOP_SECONDS = 20.0


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
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        started = Started(process.pid, start_ticks(process.pid) or 0)
        self._record(name).write_text(json.dumps(asdict(started)))

    def running(self, name: str) -> Started | None:
        """Give the process of that name if it still runs."""
        try:
            started = Started(**json.loads(self._record(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return started if start_ticks(started.pid) == started.start_ticks else None

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
        return self._records / f"{name}.json"


def start_ticks(pid: int) -> int | None:
    """Give when a process started, in the kernel's ticks; None if there is none, or only its shell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def end(started: Started) -> None:
    """Ask a process to end, then make it."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        deadline = time.monotonic() + seconds
        while start_ticks(started.pid) == started.start_ticks:
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
