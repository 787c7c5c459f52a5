"""What a limit is, what is asked of Redis about it, and what Redis answers. Pure: no I/O, no clock."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from osnovci.errors import OsnovciError
from osnovci.limit_contract import EXACT_MAX, MAX, NAME, WINDOW_MAX_MS, FailureMode, window_key
from osnovci.scripted import Argument, Called, Script

SCRIPT = Script.read("osnovci.limits", "check")

LOG_MAX = 128
"""Up to so many, every unit's moment is kept; beyond, runs of a sixtieth of the window."""

LOG_PLACES = 256
"""A log's number is its ms times this, and what remains."""

TICKS = 60

NARROW_WINDOW_MS = 10**7
"""Moments within a shorter window are told apart by 3 bytes, else by 4; check.lua counts its digits."""

SUBJECT_CHARACTERS = 64


class LimitError(OsnovciError):
    """A limit or a cost that cannot be; the message says what would be right."""


class Form(IntEnum):
    """How a window is kept, in the order in which check.lua wants them; it has the bytes."""

    LOG = 0
    TICKS = 1
    RING = 2


@dataclass(frozen=True)
class Limit:
    """At most `max` units of one subject within any window; see `LimitDocument`."""

    name: str
    max: int
    window_ms: int
    exact: bool = False
    failure_mode: FailureMode = FailureMode.OPEN
    policy: str = ""
    """Empty for a limit that an application charges by itself."""
    is_tried: bool = False
    """Of a policy in DryRun: it denies nothing."""
    label: str = ""
    """What answers call it, where that is not its name."""

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise LimitError(
                f"the limit's name is {self.name!r}; it has at most 63 letters, digits, '.', '_' and '-'"
            )
        most = EXACT_MAX if self.exact else MAX
        if not 1 <= self.max <= most:
            raise LimitError(f"limit {self.name}: max is {self.max}; it is from 1 to {most:,}")
        if not 1 <= self.window_ms <= WINDOW_MAX_MS:
            raise LimitError(
                f"limit {self.name}: window_ms is {self.window_ms}; it is from 1 to {WINDOW_MAX_MS:,}, "
                "which is 30 days"
            )

    @cached_property
    def form(self) -> Form:
        """How its windows are kept."""
        if self.max <= LOG_MAX:
            return Form.LOG
        return Form.RING if self.exact else Form.TICKS

    @cached_property
    def tag(self) -> str:
        """The form in the key, with whatever its bytes cannot be read without."""
        width = 3 if self.window_ms < NARROW_WINDOW_MS else 4
        match self.form:
            case Form.LOG:
                return f"units{width}"
            case Form.TICKS:
                return f"ticks{self.window_ms}"
            case Form.RING:
                return f"ring{self.max}.{width}"

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """What check.lua is told of it."""
        return -self.max if self.is_tried else self.max, self.window_ms

    @cached_property
    def tick_ms(self) -> int:
        """How long units are forgotten together: 1 ms where each goes at its own moment."""
        return math.ceil(self.window_ms / TICKS) if self.form == Form.TICKS else 1

    @cached_property
    def quoted(self) -> bytes:
        """What answers call it, as a string of structured fields; none has what would be escaped."""
        return b'"%s"' % (self.label or self.name).encode()

    @cached_property
    def field(self) -> bytes:
        """What answers tell of it, whatever is used."""
        return b"%s;q=%d;w=%d" % (self.quoted, self.max, math.ceil(self.window_ms / 1000))

    def window(self, namespace: str, app: str, subject: str) -> "Window":
        """Give the window of a subject."""
        name = f"{self.policy}/{self.name}"
        key = window_key(namespace, app, name, self.tag, short(subject))
        return Window(self, subject, key)


def short(subject: str) -> str:
    """Give what stands for a subject in a key: itself, or a digest of what is long or does not print."""
    if len(subject) <= SUBJECT_CHARACTERS and subject.isprintable():
        return subject
    return sha256(subject.encode(errors="surrogatepass")).hexdigest()[:32]


class Window(NamedTuple):
    """What one subject has used of one limit."""

    limit: Limit
    subject: str
    key: str


class State(NamedTuple):
    """How a window is after a decision."""

    remaining: int
    reset_ms: int
    """Until the next unit is free; 0 where none is used."""
    retry_ms: int
    """Until the cost would be let through; 0 where it is."""


class Decision(NamedTuple):
    """The answer to a question; `states` are those of its windows, in their order."""

    allowed: bool
    windows: Sequence[Window]
    states: Sequence[State]
    at_ms: int = 0
    """When Redis charged a limit with a log alone, by its clock; 0 else."""

    @property
    def retry_ms(self) -> int:
        """How long until all limits in force would let it through; 0 where they do."""
        return max((s.retry_ms for w, s in self._pairs() if not w.limit.is_tried), default=0)

    @property
    def nearest(self) -> tuple[Window, State] | None:
        """The window in force that denies for longest, or else has the least remaining."""
        nearest: tuple[Window, State] | None = None
        retry_ms = remaining = 0
        for window, state in zip(self.windows, self.states, strict=True):
            if window.limit.is_tried:
                continue
            closer = state.retry_ms > retry_ms or (
                state.retry_ms == retry_ms and state.remaining < remaining
            )
            if nearest is None or closer:
                nearest, retry_ms, remaining = (window, state), state.retry_ms, state.remaining
        return nearest

    @property
    def full(self) -> list[Window]:
        """The windows without room, also of limits that are only tried."""
        return [window for window, state in self._pairs() if state.retry_ms]

    def _pairs(self) -> Iterable[tuple[Window, State]]:
        return zip(self.windows, self.states, strict=True)


class Question(NamedTuple):
    """Whether a cost fits into all of some windows, which are in the order of their forms."""

    windows: Sequence[Window]
    cost: int = 1
    counts: bool = True
    """Charge it where it does; otherwise only look."""

    @classmethod
    def of(cls, windows: Iterable[Window], cost: int = 1, *, counts: bool = True) -> "Question":
        """Ask; raises LimitError where the cost can never fit."""
        ordered = sorted(windows, key=lambda window: window.limit.form)
        for window in ordered:
            if not 1 <= cost <= window.limit.max:
                raise LimitError(
                    f"limit {window.limit.name}: the cost is {cost}; it is from 1 to its max, "
                    f"{window.limit.max}"
                )
        return cls(ordered, cost, counts)

    @property
    def call(self) -> Called:
        """Ask Redis."""
        keys = (window.key for window in self.windows)
        return SCRIPT.call([len(self.windows), *keys, *self.arguments()])

    def arguments(self) -> list[Argument]:
        """Give what check.lua is told beside the keys."""
        windows = self.windows
        forms = [window.limit.form for window in windows]
        others, rings = len(forms) - forms.count(Form.LOG), forms.count(Form.RING)
        cost = self.cost if self.counts else -self.cost
        arguments: list[Argument] = [cost, others, rings]
        for window in windows:
            arguments += window.limit.arguments
        return arguments

    def parse(self, reply: Any) -> Decision:
        """Read Redis's answer."""
        numbers: Iterator[int] = iter(reply)
        states: list[State] = []
        for window in self.windows:
            if window.limit.form == Form.LOG:
                reset_ms, remaining = divmod(next(numbers), LOG_PLACES)
            else:
                remaining, reset_ms = next(numbers), next(numbers)
            states.append(State(remaining, reset_ms, 0))
        if len(states) == 1 and self.windows[0].limit.form == Form.LOG:
            retries, at_ms = [next(numbers)], next(numbers)
        else:
            retries, at_ms = list(numbers), 0  # and zeros that stand for no window
        if not any(retries):
            return Decision(True, self.windows, states, at_ms)
        allowed = True
        for n, (window, ms) in enumerate(zip(self.windows, retries, strict=False)):
            states[n] = states[n]._replace(retry_ms=ms)
            allowed = allowed and (not ms or window.limit.is_tried)
        return Decision(allowed, self.windows, states, at_ms)
