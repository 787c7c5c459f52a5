"""The objects a QueuePool owns. Pure: a pool in, manifests out."""

from datetime import timedelta
from typing import Any

from osnovci import contract
from osnovci_operator import pods
from osnovci_operator.labels import object_labels, pool_labels
from osnovci_operator.queuepool.spec import GRACE_MARGIN, Pool, Spec

COMMAND = ["osnovci", "worker"]


def deployment(pool: Pool, replicas: int) -> dict[str, Any]:
    """Build the Deployment of the pool's workers."""
    name, spec = pool.identity.name, pool.spec
    labels = object_labels(name)
    worker = (
        pods.container(spec.pod, name="worker", command=COMMAND, env=_environment(pool)) | _probes()
    )
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
            "selector": {"matchLabels": pool_labels(name)},
            "template": pods.template(
                spec.pod,
                labels=labels,
                grace_seconds=round(grace(spec).total_seconds()),
                containers=[worker],
            ),
        },
    }


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
