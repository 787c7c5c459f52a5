"""The nginx in front of an app's pods: its objects. Pure: an app in, manifests out.

Its pods do not carry the app's label, by which the app's own pods are found and counted. The
config is in the pod template, so a change of it is a rollout like any other, a new pod first.
"""

from typing import Any

from osnovci_operator.app.build import disruption_budget, metadata, service
from osnovci_operator.app.nginx_config import (
    DRAINING,
    PORT,
    PROBE_PORT,
    READY,
    START,
    config,
)
from osnovci_operator.app.spec import App
from osnovci_operator.labels import app_labels, load_balancer_labels, load_balancer_object_labels
from osnovci_operator.pods import CONTAINER_SECURITY, POD_SECURITY, WRITABLE
from osnovci_operator.resource import whole_seconds


def nginx_name(app: str) -> str:
    """Name the nginx of an app: its Deployment, Service and PodDisruptionBudget."""
    return f"{app}-nginx"


def pods_name(app: str) -> str:
    """Name the headless Service by which nginx finds the app's pods."""
    return f"{app}-pods"


def objects(app: App, image: str) -> list[dict[str, Any]]:
    """Build the nginx of an app with a load balancer, and nothing for one without."""
    if not app.spec.load_balancer:
        return []
    name, pods = nginx_name(app.identity.name), load_balancer_labels(app.identity.name)
    return [
        _pods(app),
        _deployment(app, image),
        service(app, name=name, pods=pods),
        disruption_budget(app, name=name, pods=pods),
    ]


def _pods(app: App) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app, name=pods_name(app.identity.name)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": False,
            "selector": app_labels(app.identity.name),
            "ports": [{"name": "http", "port": app.spec.port, "targetPort": "http"}],
        },
    }


def _deployment(app: App, image: str) -> dict[str, Any]:
    assert app.spec.load_balancer
    labels = load_balancer_labels(app.identity.name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app, name=nginx_name(app.identity.name)),
        "spec": {
            "replicas": app.spec.load_balancer.replicas,
            "revisionHistoryLimit": 2,
            "minReadySeconds": 2,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": load_balancer_object_labels(app.identity.name)},
                "spec": _pod(app, image),
            },
        },
    }


def _pod(app: App, image: str) -> dict[str, Any]:
    shutdown, pull_secrets = app.spec.shutdown, app.spec.pod.image_pull_secrets
    drain = whole_seconds(shutdown.drain)
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [_container(app, image, drain)],
        "terminationGracePeriodSeconds": drain + whole_seconds(shutdown.grace),
        "securityContext": POD_SECURITY,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": load_balancer_labels(app.identity.name)},
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return spec | ({"imagePullSecrets": pull_secrets} if pull_secrets else {})


def _container(app: App, image: str, drain_seconds: int) -> dict[str, Any]:
    assert app.spec.load_balancer
    text = config(
        pods=pods_name(app.identity.name),
        namespace=app.identity.namespace,
        sticky=app.spec.load_balancer.sticky,
        # A second before the pod is killed: open connections are closed, not cut.
        grace_seconds=max(1, whole_seconds(app.spec.shutdown.grace) - 1),
    )
    # Meanwhile everybody learns that the pod leaves; then the image's STOPSIGNAL, SIGQUIT, lets
    # nginx answer what it has begun.
    drain = f"touch {WRITABLE}/{DRAINING}; sleep {drain_seconds}"
    return {
        "name": "nginx",
        "image": image,
        "command": ["sh", "-c", START, "nginx", "/etc/resolv.conf", WRITABLE],
        "env": [{"name": "NGINX_CONFIG", "value": text}],
        "ports": [
            {"name": "http", "containerPort": PORT},
            {"name": "probe", "containerPort": PROBE_PORT},
        ],
        "resources": {
            "requests": {"cpu": "50m", "memory": "32Mi"},
            "limits": {"memory": "256Mi"},
        },
        # The first answer after the upstream's names were looked up: it takes milliseconds.
        "readinessProbe": _probe(initialDelaySeconds=1, periodSeconds=2, failureThreshold=2),
        "livenessProbe": _probe(periodSeconds=10, failureThreshold=3),
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", drain]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": WRITABLE}],
        "securityContext": CONTAINER_SECURITY,
    }


def _probe(**timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": READY, "port": "probe"}, "timeoutSeconds": 2, **timing}
