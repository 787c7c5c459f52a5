"""Test objects of an OsnovciApp: what matters to a test is named, everything else has a default."""

from collections.abc import Mapping
from typing import Any

from builders import NAMESPACE, NOON

from osnovci_operator.app import build
from osnovci_operator.app.rollout import Revision
from osnovci_operator.app.seen import Deployed, Seen
from osnovci_operator.app.spec import App
from osnovci_operator.resource import GROUP, VERSION

APP = "homework"
TEMPLATE_HASH = "5d4f8c"


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


def revision(of: App) -> Revision:
    return Revision(build.template(of), of.spec.document(APP))


def deployed(
    *,
    asked: int = 3,
    existing: int | None = None,
    updated: int | None = None,
    ready: int | None = None,
    settled: bool = True,
    complete: bool = True,
    stalled: bool = False,
    trouble: str | None = None,
    notes: Mapping[str, str] | None = None,
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
        stalled=stalled,
        trouble=trouble,
        notes=notes or {},
        template_hash=template_hash,
        templates=templates or {},
    )


def seen(
    *, deployed: Deployed | None = None, strangers: tuple[str, ...] = (), trouble: str | None = None
) -> Seen:
    return Seen(NOON, deployed, strangers, trouble)
