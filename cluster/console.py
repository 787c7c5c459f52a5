"""Words for the person who waits: steps with their time, and errors of one sentence."""

import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

OUT = Console(highlight=False, soft_wrap=True)


class ClusterError(Exception):
    """Something is missing or failed; the message says what, and the remedy."""


@contextmanager
def step(what: str, takes: str = "") -> Generator[None]:
    """Show that a step runs, how long it may take, and how long it took."""
    label = f"{what} ({takes})" if takes else what
    started = time.monotonic()
    if OUT.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=OUT, transient=True) as progress:
            progress.add_task(label, total=None)
            yield
    else:
        if takes:
            OUT.print(f"{label} ...")
        yield
    seconds = time.monotonic() - started
    OUT.print(f"[green]done[/] {what} [dim]{seconds:.1f}s[/]")


def run(
    command: Sequence[str | Path],
    *,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    log: Path | None = None,
) -> str:
    """Run a program to its end; give what it printed.

    Raises ClusterError with the end of its output if it failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        input=stdin,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if log else subprocess.PIPE,
        check=False,
    )
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout)
    if done.returncode:
        tail = "\n".join(((done.stderr or "") or done.stdout).strip().splitlines()[-8:])
        raise ClusterError(f"{' '.join(map(str, command))[:200]} failed:\n{tail}")
    return done.stdout


@contextmanager
def exclusive(lock: Path) -> Generator[None]:
    """Let one process at a time do something; the lock ends with the process that holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            OUT.print(f"Waiting for another process that works on this ({lock.stem}) ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wait_for(what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition.

    Raises ClusterError when it has not come about in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not come about within {seconds:.0f}s")
        time.sleep(0.2)


def fail(error: ClusterError) -> NoReturn:
    """End the command with the error's sentence."""
    sys.exit(f"cluster: {error}")
