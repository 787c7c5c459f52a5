"""How many pods an OsnovciApp gets, and why. Pure: no I/O, time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from osnovci_operator.app.seen import Seen
from osnovci_operator.app.spec import UNSCALED_REPLICAS, Spec

NAME_TAKEN_RECHECK = timedelta(seconds=10)


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    NAME_TAKEN = "NameTaken"


@dataclass(frozen=True)
class Decision:
    """The count, the word for it, and the sentence with its numbers."""

    replicas: int
    reason: Reason
    message: str
    recheck: timedelta | None = None
    """When to look again though nothing changed."""

    @property
    def scales(self) -> bool:
        """Whether the count follows the load now."""
        return False

    @property
    def blocked(self) -> bool:
        """Whether nothing may be applied."""
        return self.reason is Reason.NAME_TAKEN


def decide(spec: Spec, seen: Seen) -> Decision:
    """Decide the count: the first policy that has an answer wins; the order is behaviour."""
    return next(decision for policy in POLICIES if (decision := policy(spec, seen)))


def name_taken(_: Spec, seen: Seen) -> Decision | None:
    """Touch nothing that is another's."""
    if not seen.strangers:
        return None
    message = (
        f"{seen.strangers[0]} exists and is not the app's: rename the app, or delete that object"
    )
    # What does not carry our label is not watched, so it is asked for again.
    return Decision(0, Reason.NAME_TAKEN, message, recheck=NAME_TAKEN_RECHECK)


def fixed(spec: Spec, _: Seen) -> Decision | None:
    """Take the count that the spec gives."""
    replicas = UNSCALED_REPLICAS if spec.replicas is None else spec.replicas
    how = "is not set and means" if spec.replicas is None else "fixes the count at"
    return Decision(replicas, Reason.FIXED, f"spec.replicas {how} {replicas}")


POLICIES: tuple[Callable[[Spec, Seen], Decision | None], ...] = (name_taken, fixed)
