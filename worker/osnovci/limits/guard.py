"""What is decided around Redis: who is known to be denied, whether to ask, what is done where it fails.

No I/O and no clock: time comes in, in seconds of a clock that never runs back.
"""

import logging
from typing import ClassVar, NamedTuple

from osnovci.breaker import OPEN_SECONDS, Breaker
from osnovci.errors import OsnovciError
from osnovci.limit_contract import FailureMode, LimiterState
from osnovci.limits.denials import Denials
from osnovci.limits.limit import Decision, Limit, Question, State, Window
from osnovci.limits.local import LocalWindows
from osnovci.refusals import OF_ONE_KEY, Refusals, code_of
from osnovci.scripted import is_refusal

BLOCKED_MAX = 10_000

OWN_KNOWN_SECONDS = 1.0
"""An application resets its own limits in one process, and nobody tells the others: they ask so soon."""

log = logging.getLogger(__name__)


class LimiterAwayError(OsnovciError):
    """Redis cannot be asked, and a limit is one that then turns requests away."""

    retry_ms: ClassVar[int] = round(OPEN_SECONDS * 1000)


class Blocked(NamedTuple):
    """A window of which no unit is free: nothing frees one sooner, but a reset."""

    limit: Limit
    free_at: float
    known_until: float
    """Redis is asked again from then on."""


class Guard:
    """One process's decisions on all questions."""

    def __init__(self, processes: int = 1, breaker: Breaker | None = None) -> None:
        """Take the breaker of who else asks this Redis."""
        self.denials = Denials()
        self._breaker = breaker or Breaker()
        self._refusals = Refusals("what limits and sessions need")
        self._is_told_away = False
        self.is_refused = False
        """Redis answered the last question, and refused it."""
        self._local = LocalWindows(processes)
        self._blocked: dict[str, Blocked] = {}
        """By key."""
        self._asked_at = self._forgot_at = float("-inf")

    def known(
        self, question: Question, now: float, *, has_session: bool = False
    ) -> Decision | None:
        """Decide where Redis would only say the same, or is not to be asked; None to ask it.

        A question with a session waits longer. Raises LimiterAwayError.
        """
        self._asked_at = now
        if self._blocked and question.counts and (blocked := self._blocked_by(question, now)):
            return self._noted(blocked)
        if not self._breaker.has_failed or self._breaker.lets_ask(now, has_session=has_session):
            return None
        return self._without_redis(question, now)

    def answered(self, question: Question, decision: Decision, asked_at: float) -> Decision:
        """Note Redis's decision; a moment of its is at or after the same distance from `asked_at`."""
        self.reached()
        # What was asked before a reset or new policies may be an answer to what was.
        is_of_now = asked_at > self._forgot_at
        if is_of_now and not decision.allowed and question.cost == 1:
            for window, state in zip(decision.windows, decision.states, strict=True):
                if state.retry_ms and not window.limit.is_tried:
                    self._block(window, asked_at, state.retry_ms / 1000)
        return self._noted(decision) if question.counts else decision

    def reached(self) -> None:
        """Note that Redis answers; all there is to note where it lets a request through."""
        if self._breaker.has_failed:
            self._breaker.succeeded()
        self.is_refused = False
        if self._is_told_away:
            self._is_told_away = False
            log.info("rate limits are counted in Redis again")

    @property
    def may_answer_sessions(self) -> bool:
        """Whether Redis, which gave limits no answer, may have one for who waits longer."""
        return not self.is_refused and not self._breaker.fails_sessions

    def failed(
        self,
        question: Question,
        error: Exception,
        asked_at: float,
        now: float,
        *,
        has_session: bool = False,
    ) -> Decision:
        """Decide without Redis, which was asked in vain, or has refused.

        Raises LimiterAwayError.
        """
        self.is_refused = is_refused = is_refusal(error)
        # What one key holds says nothing of the questions of others.
        if not is_refused or code_of(error) != OF_ONE_KEY:
            self._breaker.failed(asked_at, now, has_session=has_session)
        if is_refused:
            self._refusals.tell(error)
        elif not self._is_told_away:
            self._is_told_away = True
            # That of a timeout of asyncio is empty.
            why = str(error) or type(error).__name__
            log.warning(
                "Redis cannot be asked for rate limits, failure modes are in force: %s", why
            )
        return self._without_redis(question, now)

    def alone(self, question: Question, now: float) -> Decision:
        """Decide by what this process has counted itself."""
        decision = self._local.ask(question, int(now * 1000))
        return self._noted(decision) if question.counts else decision

    def state(self, now: float) -> LimiterState:
        """Tell where requests are counted."""
        return LimiterState.FALLBACK if self._breaker.is_away(now) else LimiterState.REDIS

    def forget(self, window: Window | None = None) -> None:
        """Ask Redis anew about a window that was reset, or about all."""
        self._forgot_at = self._asked_at
        if window:
            self._blocked.pop(window.key, None)
            self._local.forget(window)
        else:
            self._blocked.clear()

    def take_back(self, window: Window, cost: int, *, is_here: bool) -> None:
        """Hear that units are free again; those that this process charged itself are here."""
        if is_here:
            self._local.take_back(window, cost)
        self._forgot_at = self._asked_at
        self._blocked.pop(window.key, None)

    def _without_redis(self, question: Question, now: float) -> Decision:
        for window in question.windows:
            limit = window.limit
            if limit.failure_mode == FailureMode.CLOSED and not limit.is_tried:
                raise LimiterAwayError(
                    f"requests cannot be counted at present, and limit {limit.name} lets none "
                    "through uncounted; try again in a second"
                )
        return self.alone(question, now)

    def _blocked_by(self, question: Question, now: float) -> Decision | None:
        for window in question.windows:
            blocked = self._blocked.get(window.key)
            # Limits of one name share their windows, and may still allow more, or for less long.
            if blocked is None or blocked.limit != window.limit:
                continue
            if now < blocked.known_until:
                left_ms = int((blocked.free_at - now) * 1000) + 1
                return Decision(False, (window,), (State(0, left_ms, left_ms),))
            del self._blocked[window.key]
        return None

    def _block(self, window: Window, asked_at: float, wait: float) -> None:
        known = wait if window.limit.policy else min(wait, OWN_KNOWN_SECONDS)
        self._blocked[window.key] = Blocked(window.limit, asked_at + wait, asked_at + known)
        if len(self._blocked) > BLOCKED_MAX:
            del self._blocked[next(iter(self._blocked))]

    def _noted(self, decision: Decision) -> Decision:
        """Count who was denied, or would be by a policy in DryRun."""
        for window, state in zip(decision.windows, decision.states, strict=True):
            if state.retry_ms and window.limit.is_tried == decision.allowed:
                self.denials.note(window)
        return decision
