"""What is told of an object: its status, and an event when trouble begins or ends.

The same for every kind. A status is written only when it differs from the last one; a change of
figures alone waits, a change of a verdict does not.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from osnovci_operator.errors import NotFoundError
from osnovci_operator.events import Events
from osnovci_operator.kube import Kube
from osnovci_operator.resource import Identity, Key

FIGURES_EVERY = timedelta(seconds=2)
"""Figures alone are reported no more often."""

COUNTS = (
    "observedGeneration",
    "desiredReplicas",
    "readyReplicas",
    "updatedReplicas",
    "replicas",
    "enforcedPods",
    "targetPods",
)
"""Fields that are a verdict, as conditions are."""

FOLLOWING = frozenset({"ScalingActive", "ScalingLimited"})
"""Conditions that follow the load from second to second: they wait as figures do, unless a count
changes with them."""

NORMAL = frozenset(
    {
        "RollingOut",
        "Migrating",
        "WorkersStarting",
        "PodsStarting",
        "NoneNeeded",
        "WorkersReady",
        "PodsReady",
        "Accepted",
    }
)
"""Reasons of the headline that are no trouble."""


@dataclass
class _Last:
    uid: str
    status: dict[str, Any]
    at: datetime | None = None


class Reporter:
    """Writes statuses, and remembers the last one of each object: the cache may lag behind it."""

    def __init__(self, kube: Kube, events: Events, headline: str = "Ready") -> None:
        self._kube = kube
        self._events = events
        self._headline = headline
        """The condition whose trouble is told by an event."""
        self._last: dict[Key, _Last] = {}

    def last(self, key: Key, uid: str, cached: dict[str, Any]) -> dict[str, Any]:
        """Give the status that was reported last; of an object not known yet, the cached one."""
        known = self._last.get(key)
        if not known or known.uid != uid:
            known = self._last[key] = _Last(uid, cached)
        return known.status

    def forget(self, key: Key) -> None:
        """Let go of an object that is no more."""
        self._last.pop(key, None)

    async def report(
        self, key: Key, about: Identity, written: dict[str, Any], now: datetime
    ) -> timedelta | None:
        """Write a status that follows on `last`; if that has to wait, give how long at most."""
        last = self._last[key]
        if written == last.status:
            return None
        urgent = _verdict(written) != _verdict(last.status)
        if not urgent and last.at and now - last.at < FIGURES_EVERY:
            return FIGURES_EVERY
        try:
            await self._kube.report(key.kind, key.namespace, key.name, written)
        except NotFoundError:
            return None
        before, last.status, last.at = last.status, written, now
        await self._announce(key.kind, about, before, written)
        return None

    async def _announce(self, kind: str, about: Identity, before: Any, after: Any) -> None:
        """Tell of trouble that began or ended; that workers come and go is told by scaling."""
        was, now = (_condition(self._headline, of) for of in (before, after))
        if now["reason"] not in NORMAL and now["reason"] != was.get("reason"):
            await self._events.record(kind, about, now["reason"], now["message"], warning=True)
        elif now["reason"] in NORMAL and was.get("reason", "") not in NORMAL | {""}:
            note = f"no longer {was['reason']}: {now['message']}"
            await self._events.record(kind, about, "Recovered", note)


def _condition(kind: str, of: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in of.get("conditions", ()) if each["type"] == kind), {})


def _verdict(of: dict[str, Any]) -> Any:
    """Give what must be reported at once: counts, and each condition's status and reason."""
    each = [
        (c["type"], c["status"], c["reason"])
        for c in of.get("conditions", ())
        if c["type"] not in FOLLOWING
    ]
    return each, [of.get(field) for field in COUNTS]
