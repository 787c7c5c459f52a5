"""What an OsnovciApp owns as a whole: where it is, in which order it is applied, whose it is. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from osnovci.app_contract import AppDocument
from osnovci.app_revisions import GoodRevision, GoodRevisions, revisions_name
from osnovci_operator.app import build, migration, nginx, way_in
from osnovci_operator.app.rollout import Course
from osnovci_operator.app.seen import Deployed
from osnovci_operator.app.spec import App, Spec
from osnovci_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    INGRESS,
    QUEUE_POOL,
    SERVICE,
    SERVICE_ACCOUNT,
)
from osnovci_operator.resource import Key


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
    app: App,
    documents: Mapping[str, AppDocument],
    good: GoodRevisions,
    balancer: Deployed | None,
    nginx_image: str,
) -> list[dict[str, Any]]:
    """Give what else the app owns: configs, good revisions, and what is in front of it."""
    wanted = (
        build.document_map(app, documents),
        build.revisions_map(app, good),
        build.service(app),
        build.disruption_budget(app),
        *nginx.objects(app, nginx_image),
        way_in.ingress(app, balancer),
        way_in.http_route(app, balancer),
    )
    return [manifest for manifest in wanted if manifest]


def places(app: App) -> list[Key]:
    """Name all that the app owns, or would."""
    unwanted = set(removable(app))
    if app.spec.pod.service_account_name:
        unwanted.add(Key(SERVICE_ACCOUNT, app.identity.namespace, app.identity.name))
    return [place for place in every_place(app.key) if place not in unwanted]


def removable(app: App) -> list[Key]:
    """Name what an app may have had that its spec no longer asks for, in the order of removal."""
    key, ingress, unwanted = app.key, app.spec.ingress, list[Key]()
    if not ingress:
        unwanted.append(Key(INGRESS, key.namespace, key.name))
    if not ingress or not ingress.gateway:
        unwanted.append(Key(HTTP_ROUTE, key.namespace, key.name))
    return unwanted if app.spec.load_balancer else [*unwanted, *nginx_places(key)]


def nginx_places(key: Key) -> list[Key]:
    """Name the objects of an app's nginx, its Deployment first."""
    named = (
        *((kind, nginx.nginx_name(key.name)) for kind in (DEPLOYMENT, SERVICE, DISRUPTION_BUDGET)),
        (SERVICE, nginx.pods_name(key.name)),
    )
    return [Key(kind, key.namespace, name) for kind, name in named]


def core_places(key: Key) -> list[Key]:
    """Name what there is no pod of an app without."""
    named = (
        (DEPLOYMENT, key.name),
        (SERVICE_ACCOUNT, key.name),
        (CONFIG_MAP, build.document_name(key.name)),
    )
    return [Key(kind, key.namespace, name) for kind, name in named]


def every_place(key: Key) -> list[Key]:
    """Name all that an app of this key may own."""
    front = (SERVICE, DISRUPTION_BUDGET, INGRESS, HTTP_ROUTE)
    own = (Key(kind, key.namespace, key.name) for kind in front)
    revisions = Key(CONFIG_MAP, key.namespace, revisions_name(key.name))
    return [*core_places(key), revisions, *own, *nginx_places(key)]


def document_place(app: App) -> Key:
    """Name the ConfigMap of the config document."""
    name = build.document_name(app.identity.name)
    return Key(CONFIG_MAP, app.identity.namespace, name)


def revisions_place(app: App) -> Key:
    """Name the ConfigMap of the good revisions."""
    return Key(CONFIG_MAP, app.identity.namespace, revisions_name(app.identity.name))


def good(app: App, body: dict[str, Any] | None, deployed: Deployed | None) -> GoodRevisions:
    """Read the good revisions, each as this operator would write it.

    An older one made other pods of the same spec, so it called it otherwise, and it did not know all
    fields: taken as it is, it would count as another revision.
    """
    notes = deployed.notes if deployed else {}
    kept = GoodRevisions.parse((body or {}).get("data", {}), notes)
    return replace(kept, current=_renewed(app, kept.current), former=_renewed(app, kept.former))


def _renewed(app: App, kept: GoodRevision | None) -> GoodRevision | None:
    if not kept:
        return None
    said = {field: value for field, value in kept.spec.items() if value is not None}
    try:
        return build.good_revision(replace(app, spec=Spec.model_validate(said)))
    except ValidationError:  # A field is no longer what it was; the API server judges it.
        return kept


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
