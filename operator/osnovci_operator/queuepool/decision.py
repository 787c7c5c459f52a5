"""A decision on a pool's count, and the words for it. Pure: frozen values only."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from osnovci.decision_contract import DecisionDocument, DecisionFigures
from osnovci_operator.queuepool.spec import Spec


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    QUEUE_TAKEN = "QueueTaken"
    NAME_TAKEN = "NameTaken"
    APP_NOT_FOUND = "AppNotFound"
    APP_NOT_GOOD = "AppNotGood"
    BACKEND_UNREADABLE = "BackendUnreadable"
    JOBS_VANISHED = "JobsVanished"
    RECOMMENDING = "Recommending"
    BACKLOG = "Backlog"
    ARRIVAL_RATE = "ArrivalRate"
    JOBS_RUNNING = "JobsRunning"
    BURST_EXPECTED = "BurstExpected"
    COOLING_DOWN = "CoolingDown"
    IDLE = "Idle"
    FLOOR = "ScheduledFloor"


HELD = frozenset(
    {
        Reason.FIXED,
        Reason.QUEUE_TAKEN,
        Reason.NAME_TAKEN,
        Reason.APP_NOT_FOUND,
        Reason.APP_NOT_GOOD,
        Reason.BACKEND_UNREADABLE,
        Reason.JOBS_VANISHED,
        Reason.RECOMMENDING,
    }
)
"""The count does not follow the backlog."""


BLOCKED = frozenset(
    {Reason.QUEUE_TAKEN, Reason.NAME_TAKEN, Reason.APP_NOT_FOUND, Reason.APP_NOT_GOOD}
)
"""Nothing may be applied."""


class Bound(StrEnum):
    """The bound that kept the count from what the backlog asked for."""

    TOO_MANY = "TooManyReplicas"
    TOO_FEW = "TooFewReplicas"
    DATABASE = "ReplicasCapped"


@dataclass(frozen=True)
class Decision:
    """The count, the word for it, and the sentence with its numbers."""

    replicas: int
    reason: Reason
    message: str
    bound: Bound | None = None
    bound_message: str = ""
    recheck: timedelta | None = None
    """When to look again though nothing changed."""
    figures: DecisionFigures | None = None
    """The numbers behind it, where it follows the backlog."""
    expected_wait: timedelta | None = None
    """What a job that arrives now would wait; None where that is not known."""
    recommended: int | None = None
    """The count that would be, where it is only told."""

    @property
    def desired(self) -> int:
        """The count that the backlog asks for, applied or told."""
        return self.replicas if self.recommended is None else self.recommended

    def adding(self, said: str) -> "Decision":
        """Give the same decision, with one more thing said."""
        return replace(self, message=f"{self.message}; {said}") if said else self

    @property
    def scales(self) -> bool:
        """Whether the count follows the backlog now."""
        return self.reason not in HELD

    @property
    def holds(self) -> bool:
        """Whether nobody is to be removed, for want of a good reading."""
        return self.reason in {Reason.BACKEND_UNREADABLE, Reason.JOBS_VANISHED}

    def only_holds(self, asked: int) -> bool:
        """Whether it is no change of the count that was asked for, and so nothing to announce."""
        return self.holds and self.replicas <= asked

    @property
    def blocked(self) -> bool:
        """Whether nothing may be applied."""
        return self.reason in BLOCKED

    def document(self, spec: Spec, now: datetime, before: int) -> DecisionDocument:
        """Give what is kept of it, to be explained; `before` is the count until now."""
        return DecisionDocument(
            at_ms=round(now.timestamp() * 1000),
            before=before,
            replicas=self.replicas,
            recommended=self.recommended,
            reason=self.reason,
            message=self.message,
            queues=tuple(queue.name for queue in spec.queues),
            figures=self.figures,
        )
