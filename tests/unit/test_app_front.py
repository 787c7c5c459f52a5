"""What is in front of an app: nginx, Ingress, HTTPRoute, and where they lead to."""

from dataclasses import replace
from typing import Any

import pytest
from apps import app, deployed
from builders import NAMESPACE

from osnovci_operator.app import nginx, objects, way_in
from osnovci_operator.app.seen import Deployed
from osnovci_operator.app.spec import App
from osnovci_operator.conditions import Condition
from osnovci_operator.labels import app_labels

INGRESS = {"host": "osnovci.app", "gateway": {"name": "public"}}
BALANCED = app(ingress=INGRESS, loadBalancer={})
READY = Condition("Ready", True, "PodsReady", "3 of 3 pods ready")
STRAIGHT = (
    ", so what comes in goes straight to the app's pods; look at those of "
    "osnovci.app/load-balancer=homework"
)


def leads_to(of: App, balancer: Deployed | None) -> set[str]:
    """Name the Services that the way in leads to, by each of its objects."""
    ingress, route = way_in.ingress(of, balancer), way_in.http_route(of, balancer)
    assert ingress
    assert route
    (rule,) = ingress["spec"]["rules"]
    (routed,) = route["spec"]["rules"]
    return {
        rule["http"]["paths"][0]["backend"]["service"]["name"],
        routed["backendRefs"][0]["name"],
    }


@pytest.mark.parametrize(
    ("of", "balancer", "service"),
    [
        pytest.param(BALANCED, deployed(asked=2), "homework-nginx", id="nginx is ready"),
        pytest.param(BALANCED, deployed(asked=2, ready=1), "homework-nginx", id="one is"),
        pytest.param(BALANCED, deployed(asked=2, ready=0), "homework", id="none is"),
        pytest.param(BALANCED, None, "homework", id="none is there yet"),
        pytest.param(app(ingress=INGRESS), deployed(asked=2), "homework", id="nginx is to go"),
    ],
)
def test_the_way_in_leads_to_nginx_while_it_is_ready(
    of: App, balancer: Deployed | None, service: str
) -> None:
    assert leads_to(of, balancer) == {service}
    assert way_in.url(of, balancer) == "http://osnovci.app"
    inside = of.spec.model_copy(update={"ingress": None})
    within = replace(of, spec=inside)
    assert way_in.url(within, balancer) == f"http://{service}.{NAMESPACE}.svc"


@pytest.mark.parametrize(
    ("ready", "balancer", "said"),
    [
        pytest.param(
            READY, deployed(asked=2), "True PodsReady: 3 of 3 pods ready", id="all are ready"
        ),
        pytest.param(
            READY,
            deployed(asked=2, ready=1),
            "True PodsReady: 3 of 3 pods ready; 1 of 2 nginx pods ready",
            id="one is",
        ),
        pytest.param(
            READY,
            deployed(asked=2, ready=0, trouble="exceeded quota"),
            "False LoadBalancerNotReady: 3 of 3 pods ready; 0 of 2 nginx pods ready: "
            f"exceeded quota{STRAIGHT}",
            id="none is",
        ),
        pytest.param(
            Condition("Ready", False, "PodsStarting", "0 of 3 pods ready"),
            deployed(asked=2, ready=0),
            "False PodsStarting: 0 of 3 pods ready",
            id="the app's own trouble goes before",
        ),
    ],
)
def test_ready_says_whether_nginx_is_there(ready: Condition, balancer: Deployed, said: str) -> None:
    told = way_in.with_nginx(ready, BALANCED, balancer)
    assert f"{told.status} {told.reason}: {told.message}" == said
    assert way_in.with_nginx(ready, app(), None) == ready


def test_what_is_no_longer_asked_for_is_removed_and_nothing_else() -> None:
    everything = set(objects.every_place(BALANCED.key))
    assert objects.removable(BALANCED) == []
    assert set(objects.places(BALANCED)) == everything
    plain = objects.removable(app())
    assert {(place.kind, place.name) for place in plain} == {
        ("Ingress", "homework"),
        ("HTTPRoute", "homework"),
        ("Deployment", "homework-nginx"),
        ("PodDisruptionBudget", "homework-nginx"),
        ("Service", "homework-nginx"),
        ("Service", "homework-pods"),
    }
    assert set(objects.places(app())) == everything - set(plain)


def pod_template(of: App) -> dict[str, Any]:
    built = nginx.objects(of, "nginx:1")
    (deployment,) = (each["spec"] for each in built if each["kind"] == "Deployment")
    return deployment["template"]


def test_an_nginx_pod_is_none_of_the_apps_own() -> None:
    labels = pod_template(BALANCED)["metadata"]["labels"]
    assert not app_labels("homework").items() & labels.items()


def test_an_nginx_pod_fits_the_restricted_profile() -> None:
    spec = pod_template(BALANCED)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_count_of_nginx_pods_rolls_none_and_a_change_of_config_all() -> None:
    template = pod_template(BALANCED)
    assert pod_template(app(loadBalancer={"replicas": 5})) == template
    assert pod_template(app(loadBalancer={"sticky": True})) != template
    assert pod_template(app(loadBalancer={}, port=4000)) == template
