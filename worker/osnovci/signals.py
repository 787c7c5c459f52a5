"""Signals of the processes that keep others running. Light: commands import it before all else."""

import os
import signal
import socket
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """Leave while nothing was begun yet.

    Not by an exception: an import that it interrupts may wrap it in another, and end with 1.
    """
    del number, frame
    os._exit(0)


class Bell:
    """Ends the wait of a first process when a signal comes, and counts those that say stop."""

    def __init__(self) -> None:
        self.stops = 0
        self._ear, self._button = socket.socketpair()

    def listen(self) -> None:
        """Let signals ring from now on."""
        for end in (self._ear, self._button):
            end.setblocking(False)
        signal.set_wakeup_fd(self._button.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _heard)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def fileno(self) -> int:
        """What select waits for."""
        return self._ear.fileno()

    def hush(self) -> None:
        """Take what has rung."""
        self._ear.recv(1024)

    def close(self) -> None:
        """Close it in a forked process, whose own it is not."""
        self._ear.close()
        self._button.close()

    def _stop(self, *_: object) -> None:
        self.stops += 1


def _heard(number: int, frame: FrameType | None) -> None:
    """Do nothing: that the signal was heard has ended the wait."""
