"""Conditions: what is true of an object, why, and since when. Pure: time is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from osnovci_operator.resource import Model

MESSAGE_MAX = 1024


class ConditionStatus(Model):
    """One condition, as in every Kubernetes API."""

    type: str
    """What the condition is about."""
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    reason: str
    """Why, in one CamelCase word; docs/operations.md lists them."""
    message: str
    """Why, in a sentence with its figures."""
    observed_generation: int = 0
    """The generation of the spec that this was said of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""


Conditions = Annotated[
    list[ConditionStatus],
    Field(
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        }
    ),
]


@dataclass(frozen=True)
class Condition:
    """One statement about an object; `status` None means Unknown."""

    type: str
    status: bool | None
    reason: str
    message: str


def merge(
    previous: Iterable[Any], conditions: Iterable[Condition], generation: int, now: datetime
) -> list[Any]:
    """Write conditions as the API has them; a transition time moves only when the status does."""
    known = {each.get("type"): each for each in previous}
    return [_write(known.get(each.type), each, generation, now) for each in conditions]


def invalid(message: str, previous: Any, generation: int, now: datetime) -> dict[str, Any]:
    """Write the status of an object whose spec cannot be read: nothing else is touched."""
    before = previous.get("conditions", ())
    merged = merge(before, [Condition("Ready", False, "InvalidSpec", message)], generation, now)
    others = [each for each in before if each["type"] != "Ready"]
    return {**previous, "observedGeneration": generation, "conditions": [*merged, *others]}


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes does, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(before: Any, condition: Condition, generation: int, now: datetime) -> Any:
    status = {True: "True", False: "False", None: "Unknown"}[condition.status]
    since = timestamp(now)
    if before and before.get("status") == status:
        since = before.get("lastTransitionTime", since)
    return {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        "message": condition.message[:MESSAGE_MAX],
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }
