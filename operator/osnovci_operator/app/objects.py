"""What an OsnovciApp owns as a whole: where it is, in which order it is applied, whose it is. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from osnovci.app_contract import AppDocument
from osnovci.app_revisions import GoodRevisions, revisions_name
from osnovci_operator.app import build, migration
from osnovci_operator.app.rollout import Course
from osnovci_operator.app.spec import App
from osnovci_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    INGRESS,
    JOB,
    QUEUE_POOL,
    SERVICE,
    SERVICE_ACCOUNT,
)
from osnovci_operator.resource import Key

CORE = frozenset({DEPLOYMENT, CONFIG_MAP, SERVICE_ACCOUNT, JOB})
"""What there is no pod without."""


def core(
    app: App, documents: Mapping[str, AppDocument], replicas: int, course: Course
) -> list[dict[str, Any]]:
    """Give the Deployment and what its pods need, in the order in which one needs another."""
    wanted = (
        build.service_account(app),
        build.document_map(app, documents),
        migration.job(app, build.template(app)) if course.migrates else None,
        build.deployment(app, replicas, course) if course.deploys else None,
    )
    return [manifest for manifest in wanted if manifest]


def around(
    app: App, documents: Mapping[str, AppDocument], good: GoodRevisions
) -> list[dict[str, Any]]:
    """Give what else the app owns: configs, good revisions, and what is in front of it."""
    wanted = (
        build.document_map(app, documents),
        build.revisions_map(app, good),
        build.service(app),
        build.disruption_budget(app),
        build.ingress(app),
    )
    return [manifest for manifest in wanted if manifest]


def places(app: App) -> list[Key]:
    """Name all that the app owns, or would."""
    name, namespace = app.identity.name, app.identity.namespace
    named = [Key(kind, namespace, name) for kind in (DEPLOYMENT, SERVICE, DISRUPTION_BUDGET)]
    named += [document_place(app), revisions_place(app)]
    if not app.spec.pod.service_account_name:
        named.append(Key(SERVICE_ACCOUNT, namespace, name))
    if app.spec.ingress:
        named.append(Key(INGRESS, namespace, name))
    return named


def document_place(app: App) -> Key:
    """Name the ConfigMap of the config document."""
    name = build.document_name(app.identity.name)
    return Key(CONFIG_MAP, app.identity.namespace, name)


def revisions_place(app: App) -> Key:
    """Name the ConfigMap of the good revisions."""
    return Key(CONFIG_MAP, app.identity.namespace, revisions_name(app.identity.name))


def good(body: dict[str, Any] | None) -> GoodRevisions:
    """Read the good revisions."""
    return GoodRevisions.parse((body or {}).get("data", {}))


def standing(body: dict[str, Any] | None) -> dict[str, AppDocument]:
    """Read the configs that pods start with, by release; what somebody else wrote there is none."""
    found: dict[str, AppDocument] = {}
    for release, text in (body or {}).get("data", {}).items():
        with suppress(ValidationError):
            found[release] = AppDocument.model_validate_json(text)
    return found


def pool_of(body: dict[str, Any]) -> str:
    """Name the QueuePool that an object belongs to; empty where it is none's."""
    owners = body["metadata"].get("ownerReferences", ())
    return next((each["name"] for each in owners if each["kind"] == QUEUE_POOL.name), "")


def place_of(manifest: dict[str, Any]) -> Key:
    """Name an object by its manifest."""
    metadata = manifest["metadata"]
    return Key(manifest["kind"], metadata["namespace"], metadata["name"])


def is_of(app: App, body: dict[str, Any]) -> bool:
    """Whether an object is the app's."""
    owners = body["metadata"].get("ownerReferences", ())
    return app.identity.uid in {each["uid"] for each in owners}
