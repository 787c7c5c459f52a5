"""The way from outside to an app: Ingress, HTTPRoute, address, and whether its nginx is there. Pure.

While no nginx pod is ready the way leads straight to the app's pods, so an nginx that does not
start, or has not yet, keeps nobody out.
"""

from dataclasses import replace
from typing import Any

from osnovci.words import counted
from osnovci_operator.app.build import metadata
from osnovci_operator.app.nginx import nginx_name
from osnovci_operator.app.seen import Deployed
from osnovci_operator.app.spec import App
from osnovci_operator.conditions import Condition
from osnovci_operator.labels import load_balancer_labels, selector


def service_name(app: App, nginx: Deployed | None) -> str:
    """Name the Service that the way in leads to."""
    balanced = app.spec.load_balancer and nginx and nginx.ready
    return nginx_name(app.identity.name) if balanced else app.identity.name


def url(app: App, nginx: Deployed | None) -> str:
    """Give where the app answers: its host, or else its Service inside the cluster."""
    wanted = app.spec.ingress
    if not wanted:
        return f"http://{service_name(app, nginx)}.{app.identity.namespace}.svc"
    return f"{'https' if wanted.tls_secret_name else 'http'}://{wanted.host}"


def ingress(app: App, nginx: Deployed | None) -> dict[str, Any] | None:
    """Build the Ingress, if the app has one."""
    wanted = app.spec.ingress
    if not wanted:
        return None
    backend = {"service": {"name": service_name(app, nginx), "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec: dict[str, Any] = {"rules": [{"host": wanted.host, "http": {"paths": [path]}}]}
    if wanted.class_name:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls_secret_name:
        spec["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret_name}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(app),
        "spec": spec,
    }


def http_route(app: App, nginx: Deployed | None) -> dict[str, Any] | None:
    """Build the HTTPRoute, if the app has a Gateway."""
    wanted = app.spec.ingress
    if not wanted or not wanted.gateway:
        return None
    parent = {"name": wanted.gateway.name}
    if wanted.gateway.namespace:
        parent["namespace"] = wanted.gateway.namespace
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(app),
        "spec": {
            "parentRefs": [parent],
            "hostnames": [wanted.host],
            "rules": [{"backendRefs": [{"name": service_name(app, nginx), "port": 80}]}],
        },
    }


def with_nginx(ready: Condition, app: App, nginx: Deployed | None) -> Condition:
    """Say of a condition Ready that is True whether the app's nginx is there as well."""
    if not app.spec.load_balancer or not ready.status:
        return ready
    asked, count = app.spec.load_balancer.replicas, nginx.ready if nginx else 0
    if count >= asked:
        return ready
    message = f"{ready.message}; {count} of {counted(asked, 'nginx pod')} ready"
    if nginx and nginx.trouble:
        message += f": {nginx.trouble}"
    if count:
        return replace(ready, message=message)
    message += ", so what comes in goes straight to the app's pods; look at those of " + selector(
        load_balancer_labels(app.identity.name)
    )
    return Condition("Ready", False, "LoadBalancerNotReady", message)
