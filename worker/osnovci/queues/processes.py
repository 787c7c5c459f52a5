"""A process of the worker pod: forked, watched, and replaced when it ends."""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0)
"""The waits before a process is started anew, so that one which cannot live does not spin."""

SETTLED_SECONDS = 10.0
"""A process that lived so long begins again with the shortest wait."""

STOPS = (signal.SIGTERM, signal.SIGINT)

PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class Process:
    """One part of the pod's work, in a process of its own."""

    def __init__(self, name: str, body: Callable[[], None], in_child: Callable[[], None]) -> None:
        self.name = name
        self.pid: int | None = None
        self._body = body
        self._in_child = in_child
        self._started_at = 0.0
        self._start_at = 0.0
        self._ends = 0

    def start_if_due(self, now: float) -> None:
        """Start the process if it does not run and its wait is over."""
        if self.pid is None and now >= self._start_at:
            self._started_at = now
            parent = os.getpid()
            # A child that still has the handlers of its parent would swallow a stop.
            held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
            try:
                self.pid = os.fork() or self._become(parent)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def ended(self, now: float) -> float:
        """Note that the process ended; give the wait before it is started anew."""
        self._ends = 1 if now - self._started_at > SETTLED_SECONDS else self._ends + 1
        wait = BACKOFF_SECONDS[min(self._ends, len(BACKOFF_SECONDS)) - 1]
        self.pid = None
        self._start_at = now + wait
        return wait

    def signal(self, number: int) -> None:
        """Send the process a signal, if it runs. It is not reaped before `ended`, so the pid is its own."""
        if self.pid:
            os.kill(self.pid, number)

    def _become(self, parent: int) -> int:
        """Be the child: do the work and exit, never returning into the supervisor's code."""
        status = 1
        try:
            die_with_parent(parent)
            self._in_child()
            # A terminal's Ctrl-C is for the supervisor, which tells the others.
            os.setpgrp()
            signal.set_wakeup_fd(-1)
            for number in (*STOPS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            self._body()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            log.exception("process %s failed", self.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def ended_children() -> Iterator[tuple[int, int]]:
    """Give the pid and exit status of each child that has ended and was not collected yet."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def die_with_parent(parent: int) -> None:
    """Let the kernel end this process with the one that started it: no job outlives its worker."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # it died between the fork and this, and the kernel tells of no earlier death
        os._exit(1)
