"""The labels and annotations that the operator's objects carry. Pure."""

from collections.abc import Mapping
from typing import Any

MANAGER = "osnovci-operator"
POOL = "osnovci.app/pool"
APP = "osnovci.app/app"
LOAD_BALANCER = "osnovci.app/load-balancer"

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""The annotation by which Kubernetes chooses among ready pods which to end: the lowest first."""

TEMPLATE_HASH = "pod-template-hash"
"""The label by which the pods of one template are told from those of another."""

FIRST_TO_GO = "-2147483647"

PROCESSES = "osnovci.app/processes"
"""An annotation: how many server processes an app's pods began with, or how many jobs workers that
use a database run at a time."""

RELEASE = "osnovci.app/release"
"""An annotation of an app's pods: which of its releases they are of."""

MIGRATION = "osnovci.app/migration"
"""A label of the pods of an app's migration, with the app's name; they have not the app's label."""

MOST_PROCESSES = 64
MOST_JOBS = 256
"""Of a worker, at a time."""


def release_of(metadata: Mapping[str, Any]) -> str:
    """Give the release that a pod, or a pod template, is of; empty where it is of none."""
    return (metadata.get("annotations") or {}).get(RELEASE, "")


def processes_of(metadata: Mapping[str, Any]) -> int:
    """Give with how many processes, or jobs, a pod or one of a pod template begins; 0: none are told."""
    text = (metadata.get("annotations") or {}).get(PROCESSES, "")
    return min(int(text), MOST_JOBS) if text.isdecimal() else 0


def pool_labels(pool: str) -> dict[str, str]:
    """Label what belongs to a pool; also the pool's selector."""
    return {POOL: pool}


def object_labels(pool: str) -> dict[str, str]:
    """Label an object made for a pool, as the wider Kubernetes tools expect it."""
    return _object_labels("osnovci-worker", pool) | pool_labels(pool)


def app_labels(app: str) -> dict[str, str]:
    """Label what belongs to an app; also the app's selector."""
    return {APP: app}


def app_object_labels(app: str) -> dict[str, str]:
    """Label an object made for an app."""
    return _object_labels("osnovci-app", app) | app_labels(app)


def load_balancer_labels(app: str) -> dict[str, str]:
    """Label the nginx pods of an app, and select them; they are none of the app's own."""
    return {LOAD_BALANCER: app}


def load_balancer_object_labels(app: str) -> dict[str, str]:
    """Label an nginx pod of an app as the wider Kubernetes tools expect it."""
    return _object_labels("osnovci-nginx", app) | load_balancer_labels(app)


def selector(labels: dict[str, str]) -> str:
    """Write labels as a selector in one line."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _object_labels(component: str, instance: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": MANAGER,
    }
