"""Test objects of an OsnovciApp: what matters to a test is named, everything else has a default."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from builders import NAMESPACE, NOON

from osnovci.app_contract import AppDocument, AppHeartbeat, AppState, Refusal, checksum
from osnovci_operator.app.decide import Decision, decide
from osnovci_operator.app.migration import Run
from osnovci_operator.app.reports import Configs, Reports
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Deployed, Neighbour, Seen, Stranger
from osnovci_operator.app.spec import App
from osnovci_operator.backend import Unreadable
from osnovci_operator.resource import GROUP, VERSION

APP = "homework"
TEMPLATE_HASH = "5d4f8c"
RELEASE = "0123456789"
POD = "homework-5d4f8c-x2x8z"


def app_body(**spec: Any) -> dict[str, Any]:
    """Give an OsnovciApp as a watch does."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "OsnovciApp",
        "metadata": {
            "name": APP,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{APP}",
            "generation": 3,
            "creationTimestamp": NOON.isoformat(),
        },
        "spec": {"pod": {"image": "homework:1"}, **spec},
        "status": {},
    }


def app(**spec: Any) -> App:
    return App.parse(app_body(**spec))


DOCUMENT = app().spec.document(APP)


def deployed(
    *,
    asked: int = 3,
    existing: int | None = None,
    updated: int | None = None,
    ready: int | None = None,
    settled: bool = True,
    complete: bool = True,
    rolled_out: bool | None = None,
    stalled: bool = False,
    trouble: str | None = None,
    notes: Mapping[str, str] | None = None,
    judged_at: datetime = NOON,
    template_hash: str = TEMPLATE_HASH,
    templates: Mapping[str, dict[str, Any]] | None = None,
) -> Deployed:
    """Give a Deployment that has come to rest at what was asked, but for what is named."""
    return Deployed(
        asked=asked,
        existing=asked if existing is None else existing,
        updated=asked if updated is None else updated,
        ready=asked if ready is None else ready,
        settled=settled,
        complete=complete,
        rolled_out=complete if rolled_out is None else rolled_out,
        stalled=stalled,
        judged_at=judged_at,
        trouble=trouble,
        notes=notes or {},
        template_hash=template_hash,
        templates=templates or {},
        template=(templates or {}).get(template_hash, {"metadata": {}}),
    )


def beat(
    *,
    pod: str = POD,
    process: int = 0,
    document: AppDocument = DOCUMENT,
    refused: Refusal | None = None,
    **figures: Any,
) -> AppHeartbeat:
    """Give the heartbeat of a process that runs a document."""
    plain = {"state": AppState.RUNNING, "at_ms": 0, "config_revision": 1, "in_flight": 0}
    return AppHeartbeat.model_validate(
        {
            "app": APP,
            "pod": pod,
            "process": process,
            "requests_per_second": 0,
            "error_rate": 0,
            "config_checksum": checksum(document.model_dump_json()),
            "refused": refused,
            **plain,
            **figures,
        }
    )


def reports(*beats: AppHeartbeat, document: AppDocument = DOCUMENT, revision: int = 1) -> Reports:
    """Give what was read, with a document that is published."""
    by_pod: dict[str, tuple[AppHeartbeat, ...]] = {}
    for each in beats:
        by_pod[each.pod] = (*by_pod.get(each.pod, ()), each)
    return Reports(Configs(RELEASE, {RELEASE: document}), revision, by_pod)


PUBLISHED = reports()


def seen(
    *,
    now: datetime = NOON,
    deployed: Deployed | None = None,
    strangers: tuple[Stranger, ...] = (),
    trouble: str | None = None,
    reports: Reports | Unreadable | None = PUBLISHED,
    ready_pods: frozenset[str] = frozenset({POD}),
    new_pods: frozenset[str] | None = None,
    pods: tuple[int, int] | None = None,
    neighbours: tuple[Neighbour, ...] = (),
    migration: Run | None = None,
) -> Seen:
    """Give what was seen; unless reports are named, the config is published and no pod reports."""
    return Seen(
        now=now,
        deployed=deployed,
        strangers=strangers,
        trouble=trouble,
        reports=reports,
        pods=pods or (deployed.existing if deployed else 0, 0),
        neighbours=neighbours,
        ready_pods=ready_pods,
        new_pods=ready_pods if new_pods is None else new_pods,
        migration=migration,
    )


def decided(of: App, given: Seen, state: ScalingState | None = None) -> Decision:
    """Decide the count of an app of which nothing is remembered, unless it is named."""
    return decide(APP, of.spec, given, state or ScalingState())[0]
