"""The objects an OsnovciApp owns. Pure: an app in, manifests out; None is not wanted."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from osnovci import contract
from osnovci.app_contract import (
    ALIVE_PATH,
    ENV_APP,
    ENV_RELEASE,
    ENV_SERVER_ID,
    READY_PATH,
    AppDocument,
)
from osnovci.app_revisions import GoodRevision, GoodRevisions, revisions_name
from osnovci.session_contract import ENV_SESSION_KEYS, SESSIONS_SECRET
from osnovci_operator import database, pods
from osnovci_operator.app.migration import digest
from osnovci_operator.app.rollout import Course, Revision
from osnovci_operator.app.seen import Pace
from osnovci_operator.app.spec import App
from osnovci_operator.labels import PROCESSES, RELEASE, app_labels, app_object_labels
from osnovci_operator.resource import whole_seconds

COMMAND = ["osnovci", "serve"]
KEPT_REVISIONS = 5
STARTUP_SECONDS = 40
"""The seed's: so long an app may take to start."""


def document_name(app: str) -> str:
    """Name the ConfigMap of an app's config documents, each under its release."""
    return f"{app}-document"


def template(app: App) -> dict[str, Any]:
    """Build the pod template, which tells its pods the release that they are of."""
    content = json.dumps(_template(app, release=""), sort_keys=True)
    return _template(app, release=sha256(content.encode()).hexdigest()[:10])


def revision(app: App) -> Revision:
    """Build the revision that the spec asks for."""
    built, run = template(app), app.spec.migration
    document = app.spec.document(app.identity.name)
    return Revision(built, document, digest(built, run) if run else "")


def good_revision(app: App) -> GoodRevision:
    """Give what is kept of that revision when it is good."""
    return GoodRevision(name=revision(app).name, spec=app.spec.revision())


def _template(app: App, *, release: str) -> dict[str, Any]:
    spec, name = app.spec, app.identity.name
    section = spec.pod.model_copy(
        update={
            "service_account_name": spec.pod.service_account_name or name,
            # The rest of the document is hot; this counts when a pod starts, so a change rolls them.
            "annotations": {
                **spec.pod.annotations,
                PROCESSES: str(spec.processes),
                RELEASE: release,
            },
        }
    )
    named = {each.name for each in section.env}
    environment = [each for each in _environment(app, release) if each["name"] not in named]
    web = pods.container(section, name="app", command=COMMAND, env=environment)
    return pods.template(
        section,
        labels=app_object_labels(name),
        grace_seconds=whole_seconds(spec.shutdown.grace),
        containers=[web | _probes(spec.port)],
    )


def deployment(app: App, replicas: int, course: Course) -> dict[str, Any]:
    """Build the Deployment: surge first, given up after the deadline."""
    rollout = app.spec.rollout
    minimum = whole_seconds(rollout.min_ready)
    pace = Pace(rollout.max_surge, rollout.max_unavailable)
    if course.pace:
        pace = min(pace, course.pace, key=lambda each: each.extra)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app, annotations=course.notes),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": KEPT_REVISIONS,
            "minReadySeconds": minimum,
            "progressDeadlineSeconds": max(whole_seconds(rollout.deadline), minimum + 1),
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": pace.surge,
                    "maxUnavailable": pace.unavailable,
                },
            },
            "selector": {"matchLabels": app_labels(app.identity.name)},
            "template": course.revision.template,
        },
    }


def document_map(app: App, documents: Mapping[str, AppDocument]) -> dict[str, Any]:
    """Build the ConfigMap with the documents that pods start with; a change of it rolls none."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(app, name=document_name(app.identity.name)),
        "data": {release: each.model_dump_json() for release, each in documents.items()},
    }


def revisions_map(app: App, good: GoodRevisions) -> dict[str, Any] | None:
    """Build the ConfigMap that keeps the good revisions, once there is one."""
    if not good.current:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(app, name=revisions_name(app.identity.name)),
        "data": good.data(),
    }


def service_account(app: App) -> dict[str, Any] | None:
    """Build the identity of the pods, which may do nothing, unless they have one of their own."""
    if app.spec.pod.service_account_name:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(app),
        "automountServiceAccountToken": False,
    }


def service(app: App, *, name: str = "", pods: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Build the Service in front of the app's pods, or of others under a name of their own."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app, name=name),
        "spec": {
            "selector": pods or app_labels(app.identity.name),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "appProtocol": "http"}],
        },
    }


def disruption_budget(
    app: App, *, name: str = "", pods: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Build the PodDisruptionBudget: a drain of nodes takes one of these pods at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(app, name=name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": pods or app_labels(app.identity.name)},
            # A pod that is not ready serves nobody, and must not hold up a drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def metadata(
    app: App, *, name: str = "", annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write the metadata of an object of the app; unless another is given, it has the app's name."""
    written: dict[str, Any] = {
        "name": name or app.identity.name,
        "namespace": app.identity.namespace,
        "labels": app_object_labels(app.identity.name),
        "ownerReferences": [app.reference],
    }
    if annotations:
        written["annotations"] = dict(annotations)
    return written


def _environment(app: App, release: str) -> list[dict[str, Any]]:
    """Tell a pod who and where it is; a variable of the same name in `pod.env` goes before ours."""
    pod_name = {"fieldRef": {"fieldPath": "metadata.name"}}
    environment: list[dict[str, Any]] = [
        {"name": contract.ENV_NAMESPACE, "value": app.identity.namespace},
        {"name": contract.ENV_POD, "valueFrom": pod_name},
        {"name": ENV_SERVER_ID, "valueFrom": pod_name},
        {
            "name": ENV_APP,
            "valueFrom": {
                "configMapKeyRef": {"name": document_name(app.identity.name), "key": release}
            },
        },
        {"name": ENV_RELEASE, "value": release},
        pods.secret_variable(contract.ENV_REDIS_URL, contract.REDIS_SECRET, "url"),
        # Who uses sessions is told by the pod what is missing.
        pods.secret_variable(ENV_SESSION_KEYS, SESSIONS_SECRET, "keys", optional=True),
    ]
    if app.spec.database:
        environment += database.variables()
    return environment


def _probes(port: int) -> dict[str, Any]:
    """The seed's figures, but that ready is asked for often: it decides whether requests come."""
    return {
        "ports": [{"name": "http", "containerPort": port}],
        # An answer that waits for the start is none: 40 tries are 40 seconds.
        "startupProbe": _probe(
            ALIVE_PATH, periodSeconds=1, failureThreshold=STARTUP_SECONDS, timeoutSeconds=1
        ),
        "readinessProbe": _probe(READY_PATH, periodSeconds=5, failureThreshold=3),
        "livenessProbe": _probe(ALIVE_PATH, periodSeconds=30, failureThreshold=3),
    }


def _probe(path: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5, **timing}
