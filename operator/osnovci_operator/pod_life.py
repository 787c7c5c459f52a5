"""Which of a pool's pods take jobs, start or leave, and how long starts took. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from osnovci.scaling.plan import BEGINNING
from osnovci.scaling.policy import TUNED
from osnovci_operator.labels import (
    DELETION_COST,
    FIRST_TO_GO,
    TEMPLATE_HASH,
    processes_of,
    release_of,
)
from osnovci_operator.pod_trouble import trouble
from osnovci_operator.resource import Key

MEASURED = 20
"""So many start-ups of a pool are remembered."""

LONGEST_UNSEEN = timedelta(minutes=2)
"""A pod that was ready when it was first seen may have become so again: then its start is unknown."""


@dataclass(frozen=True)
class PodLife:
    """Where one pod is in its life."""

    created: datetime | None
    ready_since: datetime | None
    """None while it is not ready."""
    leaving: bool
    restarted: bool
    """A container of it ended and began again, so that its start says nothing of others'."""
    trouble: str | None
    """What keeps it from becoming ready, in a sentence."""
    started: bool
    """It was ready at some time."""
    first_to_go: bool
    """Its deletion cost tells Kubernetes to end it before others."""
    processes: int = 0
    """The server processes that it began with, or the jobs that it runs at a time, where it is told."""
    template: str = ""
    """What the pods of one template have in common."""
    release: str = ""
    """The release that an app's pod is of."""

    @classmethod
    def parse(cls, body: dict[str, Any], before: "PodLife | None") -> "PodLife":
        """Read a pod; `before` is what was known of it."""
        metadata, status = body["metadata"], body.get("status", {})
        created = _moment(metadata.get("creationTimestamp"))
        since = next(
            (
                _moment(each.get("lastTransitionTime")) or created
                for each in status.get("conditions", ())
                if each["type"] == "Ready" and each["status"] == "True"
            ),
            None,
        )
        notes = metadata.get("annotations") or {}
        restarts = (each.get("restartCount", 0) for each in status.get("containerStatuses", ()))
        return cls(
            created=created,
            ready_since=since,
            leaving="deletionTimestamp" in metadata,
            restarted=any(restarts),
            trouble=trouble(body),
            started=since is not None or (before is not None and before.started),
            first_to_go=notes.get(DELETION_COST) == FIRST_TO_GO,
            processes=processes_of(metadata),
            release=release_of(metadata),
            template=(metadata.get("labels") or {}).get(TEMPLATE_HASH, ""),
        )

    def startup(self, before: "PodLife | None") -> timedelta | None:
        """Give how long the start took that ended now; None where none did, or nobody knows."""
        if (
            not self.ready_since
            or not self.created
            or self.restarted
            or (before and before.started)
        ):
            return None
        length = self.ready_since - self.created
        return None if before is None and length > LONGEST_UNSEEN else length


def trouble_of(pods: Mapping[str, PodLife]) -> str | None:
    """Say what keeps the youngest of those pods from becoming ready that are kept; None of none.

    An older one may be of a spec that was mended since.
    """
    ill = (life for _, life in sorted(pods.items()) if life.trouble)
    youngest = max(ill, key=lambda life: (life.created is not None, life.created), default=None)
    return youngest.trouble if youngest else None


@dataclass(frozen=True)
class Pods:
    """A pool's pods that take jobs or are about to, and what their starts took."""

    ready: int = 0
    starting: tuple[datetime | None, ...] = ()
    """When each was created, the oldest first."""
    startup: timedelta | None = None
    """The longest of the last starts."""
    startup_mean: timedelta | None = None
    """The mean of the last starts."""

    @classmethod
    def of(
        cls,
        lives: Iterable[PodLife],
        startup: timedelta | None = None,
        startup_mean: timedelta | None = None,
    ) -> "Pods":
        """Sum up the pods of a pool."""
        staying = [life for life in lives if not life.leaving]
        starting = [life.created for life in staying if not life.ready_since]
        starting.sort(key=lambda created: (created is None, created))
        return cls(
            ready=len(staying) - len(starting),
            starting=tuple(starting),
            startup=startup,
            startup_mean=startup_mean,
        )


def horizon(startup: timedelta | None) -> timedelta:
    """Give how soon a scheduled job is due for which a worker is to be asked for now."""
    known = timedelta(seconds=TUNED.startup_prior) if startup is None else startup
    return known + timedelta(seconds=BEGINNING)


class Startups:
    """How long the last starts of each pool's pods took."""

    def __init__(self) -> None:
        self._last: dict[Key, deque[timedelta]] = {}
        self._longest: dict[Key, timedelta] = {}
        self._mean: dict[Key, timedelta] = {}

    def add(self, pool: Key, length: timedelta) -> None:
        """Remember one."""
        last = self._last.setdefault(pool, deque(maxlen=MEASURED))
        last.append(max(length, timedelta()))
        self._longest[pool] = max(last)
        self._mean[pool] = sum(last, timedelta()) / len(last)

    def longest(self, pool: Key) -> timedelta | None:
        """Give the longest of those of a pool; None before the first."""
        return self._longest.get(pool)

    def mean(self, pool: Key) -> timedelta | None:
        """Give the mean of those of a pool; None before the first."""
        return self._mean.get(pool)

    def forget(self, pool: Key) -> None:
        """Let go of a pool that is no more."""
        self._last.pop(pool, None)
        self._longest.pop(pool, None)
        self._mean.pop(pool, None)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
