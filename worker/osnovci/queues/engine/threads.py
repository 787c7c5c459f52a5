"""Threads that take calls, and can be given up: Python cannot end a thread, but can do without it.

They are daemons, so that one which never ends does not hold up the end of the process.
"""

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from osnovci.queues.errors import JobTimeoutError

Work = tuple[str, Callable[[], None]]


class Threads:
    """So many threads; one that is given up is replaced at once."""

    def __init__(self, count: int) -> None:
        self._calls: SimpleQueue[Work] = SimpleQueue()
        self._lock = threading.Lock()
        self._doing: dict[str, int] = {}
        """By the name of the call: the thread's ident."""
        self._given_up: set[int] = set()
        for _ in range(count):
            self._add()

    def submit(self, name: str, call: Callable[[], None]) -> None:
        """Have a thread make a call."""
        self._calls.put((name, call))

    def give_up(self, name: str) -> None:
        """Raise JobTimeoutError in the thread that makes a call, and go on without that thread."""
        with self._lock:
            ident = self._doing.pop(name, None)
            if ident is None:
                return
            self._given_up.add(ident)
            raised = ctypes.py_object(JobTimeoutError)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)
        self._add()

    def _add(self) -> None:
        threading.Thread(target=self._work, name="job", daemon=True).start()

    def _work(self) -> None:
        ident = threading.get_ident()
        # given up after its call ended, a thread is told here
        with suppress(JobTimeoutError):
            while ident not in self._given_up:
                name, call = self._calls.get()
                with self._lock:
                    self._doing[name] = ident
                call()
                with self._lock:
                    self._doing.pop(name, None)
        with self._lock:
            self._given_up.discard(ident)
