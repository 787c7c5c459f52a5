"""What one reconcile of an OsnovciApp knows before it decides. Pure: frozen values only."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from osnovci.app_contract import AppDocument
from osnovci.app_revisions import GoodRevisions
from osnovci.limit_contract import PolicyDocument
from osnovci_operator.app.budget import Sharer
from osnovci_operator.app.migration import Run
from osnovci_operator.app.reports import Reports
from osnovci_operator.backend import Unreadable
from osnovci_operator.labels import TEMPLATE_HASH, processes_of, release_of
from osnovci_operator.resource import Key

REVISION_NUMBER = "deployment.kubernetes.io/revision"
APPLIED_AT = "osnovci.app/revision-applied-at"
"""When the revision was applied that a Deployment has."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Pace:
    """How many pods come before others go, and go before others come, while a revision changes."""

    surge: int = 0
    unavailable: int = 0

    @property
    def extra(self) -> int:
        """The most pods beyond the count at a time: new ones, and old ones that have not ended."""
        return 2 * self.surge + self.unavailable


@dataclass(frozen=True)
class Deployed:
    """The app's Deployment and its ReplicaSets, as the API server has them."""

    asked: int
    existing: int
    updated: int
    ready: int
    settled: bool
    """Its controller has seen the newest spec."""
    complete: bool
    """All pods that are asked for, and at least one, are of the newest revision and available."""
    rolled_out: bool
    """All were once, and all that are there still are of it, whatever has befallen one since."""
    stalled: bool
    """The newest revision made no progress for as long as the rollout's deadline."""
    judged_at: datetime
    """Before that moment, what Kubernetes says of a stall is of a revision before."""
    trouble: str | None = None
    """What keeps its pods from being made or replaced."""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Its annotations."""
    template_hash: str = ""
    """The name that Kubernetes gave the newest pod template; empty where it has none yet."""
    templates: Mapping[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """The pod templates that are kept, by that name."""
    template: dict[str, Any] = field(default_factory=dict[str, Any])
    """The newest pod template."""
    releases: frozenset[str] = frozenset()
    """Of the pod templates that there are pods of, or may be."""
    processes: int = 1
    """Of each pod of the newest template."""
    pace: Pace = Pace()

    @classmethod
    def parse(
        cls, deployment: dict[str, Any], replica_sets: Iterable[dict[str, Any]], now: datetime
    ) -> "Deployed":
        """Read a Deployment with the ReplicaSets that it owns, as they are now."""
        metadata, spec = deployment["metadata"], deployment["spec"]
        status = deployment.get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", ())}
        progress = conditions.get("Progressing", {}).get("reason")
        failure = conditions.get("ReplicaFailure", {})
        settled = status.get("observedGeneration", 0) >= metadata["generation"]
        asked, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
        counts = {asked, updated, status.get("replicas", 0)}
        rolled_out = settled and progress == "NewReplicaSetAvailable" and len(counts) == 1
        owned = [each for each in replica_sets if _is_owned(each, metadata["uid"])]
        notes = metadata.get("annotations", {})
        number = notes.get(REVISION_NUMBER)
        judged_at = min(_applied_at(notes), now) + _deadline(spec)
        return cls(
            asked=asked,
            existing=status.get("replicas", 0),
            updated=updated,
            ready=status.get("readyReplicas", 0),
            settled=settled,
            complete=rolled_out and status.get("availableReplicas", 0) == asked > 0,
            rolled_out=rolled_out,
            stalled=settled and progress == "ProgressDeadlineExceeded" and now >= judged_at,
            judged_at=judged_at,
            trouble=_paused(metadata["name"], spec)
            or (failure.get("message") if failure.get("status") == "True" else None),
            notes=notes,
            template_hash=next(
                (_hash(each) for each in owned if _number(each) == number and number), ""
            ),
            templates={_hash(each): _template(each) for each in owned},
            template=_template(deployment),
            releases=frozenset(_releases([deployment, *filter(_has_pods, owned)])),
            processes=processes_of(spec["template"]["metadata"]),
            pace=_pace(spec),
        )


@dataclass(frozen=True)
class Neighbour:
    """Another app that uses the database."""

    sharer: Sharer
    reports: Reports | None


@dataclass(frozen=True)
class Stranger:
    """An object of a name that the app needs, which is not the app's."""

    place: Key
    pool: str = ""
    """The QueuePool whose it is, if it is one's."""


@dataclass(frozen=True)
class Seen:
    """All that was observed, at one moment."""

    now: datetime
    deployed: Deployed | None
    """None: there is no Deployment yet."""
    strangers: tuple[Stranger, ...] = ()
    """Objects of the names that the app needs which are not the app's."""
    nginx: Deployed | None = None
    """The Deployment of the nginx in front of the app; None: there is none."""
    standing: Mapping[str, AppDocument] = field(default_factory=dict[str, AppDocument])
    """The configs that pods start with, by release."""
    releases: frozenset[str] = frozenset()
    """Those that there are pods of, or may be."""
    trouble: str | None = None
    """What keeps one of those pods of the app from becoming ready that are of the newest release."""
    reports: Reports | Unreadable | None = None
    """What the pods report; None: Redis was not read yet."""
    pods: tuple[int, int] = (0, 0)
    """How many pods stay, and how many leave."""
    processes: int = 0
    """The most server processes that one of the pods began with."""
    neighbours: tuple[Neighbour, ...] = ()
    """The other apps of the namespace that use its database."""
    policies: tuple[PolicyDocument, ...] = ()
    """The rate limits that are in force on the app."""
    ready_pods: frozenset[str] = frozenset()
    """The names of the pods that take requests, without those that leave."""
    new_pods: frozenset[str] = frozenset()
    """Those of the release that the Deployment has, without those that leave."""
    good: GoodRevisions = field(default_factory=GoodRevisions)
    """The revisions that were good, as they are kept."""
    migration: Run | None = None
    """The migration of the revision that the spec asks for; None: it has none."""

    def judges(self, reports: Reports) -> frozenset[str]:
        """Name the pods whose word on the new config counts: of its release, and up."""
        return self.new_pods & (self.ready_pods | reports.beats.keys())


def _paused(name: str, spec: Mapping[str, Any]) -> str | None:
    """Say that somebody holds the rollout, which is theirs to do: Kubernetes sets no deadline then."""
    if not spec.get("paused"):
        return None
    return f"somebody paused it: `kubectl rollout resume deployment/{name}` lets it go on"


def _is_owned(body: dict[str, Any], uid: str) -> bool:
    return uid in {each["uid"] for each in body["metadata"].get("ownerReferences", ())}


def _has_pods(replica_set: dict[str, Any]) -> bool:
    counts = (
        replica_set["spec"].get("replicas", 1),
        replica_set.get("status", {}).get("replicas", 0),
    )
    return any(counts)


def _releases(bodies: Iterable[dict[str, Any]]) -> Iterable[str]:
    return (release_of(each["spec"]["template"]["metadata"]) for each in bodies)


def _applied_at(notes: Mapping[str, str]) -> datetime:
    """Tell since when the revision is applied.

    Where a template comes back whose ReplicaSet was kept, Kubernetes leaves the verdict on the
    revision before as it is until there is progress.
    """
    with suppress(ValueError, OverflowError, KeyError):
        return datetime.fromisoformat(notes[APPLIED_AT]).astimezone(UTC)
    return LONG_AGO


def _deadline(spec: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=spec.get("progressDeadlineSeconds", 0))


def _pace(spec: dict[str, Any]) -> Pace:
    """Read it from a Deployment; where somebody wrote a percentage there, it is not ours."""
    found = spec.get("strategy", {}).get("rollingUpdate", {})
    counts = (found.get(each) for each in ("maxSurge", "maxUnavailable"))
    return Pace(*(each if isinstance(each, int) else 0 for each in counts))


def _number(replica_set: dict[str, Any]) -> str | None:
    return replica_set["metadata"].get("annotations", {}).get(REVISION_NUMBER)


def _hash(replica_set: dict[str, Any]) -> str:
    return replica_set["metadata"]["labels"].get(TEMPLATE_HASH, "")


def _template(body: dict[str, Any]) -> dict[str, Any]:
    """Give the pod template of a ReplicaSet or Deployment as the Deployment had it."""
    template = body["spec"]["template"]
    metadata = {
        key: value for key, value in template["metadata"].items() if key != "creationTimestamp"
    }
    labels = {key: value for key, value in metadata["labels"].items() if key != TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}
