"""What the processes of one pod tell each other: a few bytes of memory that they share."""

import mmap
import struct
import time

from osnovci.contract import WorkerState

_REACHED = struct.Struct("d")
_DRAINING = _REACHED.size
_BUSY = struct.Struct("H")
_BUSY_AT = _DRAINING + 2
_MOMENT = struct.Struct("q")
_ASKED, _DRAINED = 16, 24


class Board:
    """How many jobs run, whether the pod drains, and when Redis last answered.

    Made before the processes are forked, which then all see the same bytes. There is no lock: each
    value is written at once, by one process at a time (the supervisor, where the engine has ended).
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _DRAINED + _MOMENT.size)

    def count(self, busy: int) -> None:
        """Note how many jobs run."""
        _BUSY.pack_into(self._memory, _BUSY_AT, busy)

    @property
    def busy(self) -> int:
        """How many jobs run."""
        return _BUSY.unpack_from(self._memory, _BUSY_AT)[0]

    def drain(self) -> None:
        """Note that no job is taken any more."""
        self._memory[_DRAINING] = True

    def rest(self, asked_ms: int, drained_ms: int) -> None:
        """Note which drain request stands, and which one is fulfilled; 0 for none."""
        _MOMENT.pack_into(self._memory, _DRAINED, drained_ms)
        _MOMENT.pack_into(self._memory, _ASKED, asked_ms)

    @property
    def state(self) -> tuple[WorkerState, int | None]:
        """What the pod is doing, and the drain request that this answers."""
        if self._memory[_DRAINING]:
            return WorkerState.DRAINING, None
        (asked,) = _MOMENT.unpack_from(self._memory, _ASKED)
        (drained,) = _MOMENT.unpack_from(self._memory, _DRAINED)
        if not asked:
            return WorkerState.RUNNING, None
        return WorkerState.DRAINED if drained == asked else WorkerState.DRAINING, asked

    def reached(self) -> None:
        """Note that Redis answered."""
        _REACHED.pack_into(self._memory, 0, time.monotonic())

    @property
    def silence(self) -> float:
        """The seconds since Redis last answered; infinite before it first did."""
        (moment,) = _REACHED.unpack_from(self._memory)
        return time.monotonic() - moment if moment else float("inf")
