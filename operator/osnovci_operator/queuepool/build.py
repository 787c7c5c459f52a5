"""The objects a QueuePool owns. Pure: a pool in, manifests out."""

from datetime import timedelta
from typing import Any

from osnovci import contract
from osnovci_operator import database, pods
from osnovci_operator.labels import PROCESSES, object_labels, pool_labels
from osnovci_operator.pods import PodSection
from osnovci_operator.queuepool.seen import FollowedApp
from osnovci_operator.queuepool.spec import GRACE_MARGIN, Pool, Spec

COMMAND = ["osnovci", "worker"]
PACED = {
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
}
"""One worker at a time is replaced where their connections are counted."""


def deployment(pool: Pool, replicas: int, app: FollowedApp | None = None) -> dict[str, Any]:
    """Build the Deployment of the pool's workers, who may follow an app."""
    name, spec = pool.identity.name, pool.spec
    labels, section = object_labels(name), pod_section(spec, app)
    environment = _environment(pool)
    if app and app.database:
        told = database.of_a_worker(app.database, spec.concurrency, spec.isolation)
        variables = [database.settings_variable(told), *database.variables()]
        named = {each.name for each in section.env}
        environment += [each for each in variables if each["name"] not in named]
        notes = {**section.annotations, PROCESSES: str(spec.concurrency)}
        section = section.model_copy(update={"annotations": notes})
    worker = pods.container(section, name="worker", command=COMMAND, env=environment) | _probes()
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": pool.identity.namespace,
            "labels": labels,
            "ownerReferences": [pool.reference],
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            **(PACED if app and app.database else {}),
            "selector": {"matchLabels": pool_labels(name)},
            "template": pods.template(
                section,
                labels=labels,
                grace_seconds=round(grace(spec).total_seconds()),
                containers=[worker],
            ),
        },
    }


def pod_section(spec: Spec, app: FollowedApp | None) -> PodSection:
    """Give the pods: as the spec says, over what the followed app has."""
    if app and app.pod:
        return pods.following(spec.pod, app.pod)
    # Without an app there is an image: the API server has seen to it.
    return PodSection.model_validate(dict(spec.pod))


def grace(spec: Spec) -> timedelta:
    """Give how long a worker may take to end what it runs; it leaves as soon as that is done."""
    return spec.longest_timeout + GRACE_MARGIN


def _environment(pool: Pool) -> list[Any]:
    name = pool.identity.name
    # In a variable's value the kubelet would replace $(NAME) and halve $$.
    document = pool.spec.document(name).model_dump_json().replace("$", r"\u0024")
    return [
        {"name": contract.ENV_NAMESPACE, "value": pool.identity.namespace},
        {"name": contract.ENV_POD, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": contract.ENV_POOL, "value": document},
        {
            "name": contract.ENV_REDIS_URL,
            "valueFrom": {"secretKeyRef": {"name": contract.REDIS_SECRET, "key": "url"}},
        },
    ]


def _probes() -> dict[str, Any]:
    """Ready gates rollouts only; alive restarts a worker that makes no progress for a minute."""
    return {
        "ports": [{"name": "probes", "containerPort": contract.PROBE_PORT}],
        "startupProbe": _probe("/alive", periodSeconds=1, failureThreshold=60),
        "readinessProbe": _probe("/ready", periodSeconds=2, failureThreshold=3),
        "livenessProbe": _probe("/alive", periodSeconds=10, failureThreshold=6),
    }


def _probe(path: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "probes"}, "timeoutSeconds": 5, **timing}
