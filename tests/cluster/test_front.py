"""What is in front of an OsnovciApp: nginx, while all is replaced behind it, and a Gateway's route."""

from collections.abc import Iterator
from typing import Any

import pytest
from waiting import eventually
from web_apps import NAMESPACE, READY_SECONDS, TestApp

from cluster import tools
from cluster.console import ClusterError
from cluster.kubectl import kubectl

NGINX_POD = "osnovci.app/load-balancer"
ROUTES = "httproutes.gateway.networking.k8s.io"


@pytest.fixture
def balanced() -> Iterator[TestApp]:
    web = TestApp("web-front", service="web-front-nginx")
    yield web
    kubectl("-n", NAMESPACE, "delete", "oapp", web.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def routed() -> Iterator[TestApp]:
    """An app on a cluster that has no Gateway API yet, and has none afterwards."""
    web = TestApp("web-routed")
    yield web
    kubectl("-n", NAMESPACE, "delete", "oapp", web.name, "--ignore-not-found", "--wait=false")
    kubectl("delete", "crd", ROUTES, "--ignore-not-found")


def delete(pod: str) -> None:
    kubectl("-n", NAMESPACE, "delete", "pod", pod, "--wait=false")


def url(web: TestApp) -> str:
    return web.get()["status"]["url"]


def test_no_request_fails_while_what_is_behind_nginx_and_nginx_itself_are_replaced(
    balanced: TestApp,
) -> None:
    web = balanced
    web.apply()
    web.wait("Progressing", "RolledOut")
    web.apply(loadBalancer={})
    eventually(lambda: url(web) == f"http://{web.service}.{NAMESPACE}.svc")
    web.wait("Ready", "PodsReady")
    with web.traffic() as traffic:
        first = web.pods()
        web.apply(version="2", loadBalancer={})
        web.wait("Progressing", "RolledOut")
        eventually(lambda: web.ask().split()[1] == "2")
        eventually(lambda: not first & web.pods(), within=READY_SECONDS)
        balancers = web.pods(NGINX_POD)
        assert len(balancers) == 2
        web.apply(version="2", loadBalancer={"sticky": True})
        eventually(lambda: not balancers & web.pods(NGINX_POD), within=READY_SECONDS)
        web.wait("Ready", "PodsReady")
        gone = {next(iter(web.pods())), next(iter(web.pods(NGINX_POD)))}
        for pod in gone:
            delete(pod)
        eventually(lambda: len(web.pods() - gone) == 2, within=READY_SECONDS)
        eventually(lambda: len(web.pods(NGINX_POD) - gone) == 2, within=READY_SECONDS)
        web.wait("Ready", "PodsReady")
    assert traffic.answered > 100
    assert traffic.failed == 0, traffic.error
    web.apply(version="2")
    eventually(lambda: url(web) == f"http://{web.name}.{NAMESPACE}.svc")
    left = ("deployment,service,poddisruptionbudget", "-l", f"osnovci.app/app={web.name}")
    names = ("-o", "jsonpath={.items[*].metadata.name}")
    eventually(lambda: set(kubectl("-n", NAMESPACE, "get", *left, *names).split()) == {web.name})


def test_an_nginx_that_does_not_start_keeps_nobody_out(balanced: TestApp) -> None:
    web = balanced
    quota = f"nginx-of-{web.name}"
    web.apply(ingress={"host": "front.example"})
    web.wait("Ready", "PodsReady")
    kubectl("-n", NAMESPACE, "create", "quota", quota, "--hard=pods=1")
    try:
        web.apply(ingress={"host": "front.example"}, loadBalancer={})
        told = web.wait("Ready", "LoadBalancerNotReady")
        eventually(lambda: "exceeded quota" in web.condition("Ready")["message"])
        assert "0 of 2 nginx pods ready" in told["message"]
        assert _backend(web) == web.name
    finally:
        kubectl("-n", NAMESPACE, "delete", "quota", quota)
    # The Deployment's controller tries again after longer and longer waits.
    web.apply(ingress={"host": "front.example"}, loadBalancer={"replicas": 1})
    web.wait("Ready", "PodsReady")
    eventually(lambda: _backend(web) == web.service)


def _backend(web: TestApp) -> str:
    (rule,) = web.get("ingress")["spec"]["rules"]
    return rule["http"]["paths"][0]["backend"]["service"]["name"]


def test_a_route_comes_with_the_gateway_api_and_goes_with_the_gateway(routed: TestApp) -> None:
    web, asked = routed, {"host": "web.example", "gateway": {"name": "public"}}
    web.apply(ingress=asked)
    told = web.wait("Ready", "ObjectRefused")
    assert "the cluster has no HTTPRoute of gateway.networking.k8s.io/v1" in told["message"]
    assert web.get("ingress")["spec"]["rules"][0]["host"] == "web.example"
    kubectl("apply", "--server-side", "-f", tools.http_route_crd())
    kubectl("wait", "--for=condition=Established", "crd", ROUTES)
    web.wait("Ready", "PodsReady")
    route = web.get(ROUTES)["spec"]
    assert (route["hostnames"], route["parentRefs"][0]["name"]) == (["web.example"], "public")
    (backend,) = route["rules"][0]["backendRefs"]
    assert (backend["name"], backend["port"]) == (web.name, 80)
    web.apply(ingress={"host": "web.example"})
    eventually(lambda: not kubectl("-n", NAMESPACE, "get", ROUTES, "-o", "name"))
    assert web.get("ingress")


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        pytest.param("web", {"loadBalancer": {"replicas": 0}}, "should be greater", id="none"),
        pytest.param("w" * 58, {"loadBalancer": {}}, "too long for an app", id="a long name"),
        pytest.param(
            "web",
            {"ingress": {"host": "a.app", "gateway": {"name": "A B"}}},
            "must be the name of a Gateway",
            id="a gateway's name",
        ),
        pytest.param(
            "web",
            {"ingress": {"host": "a.app", "gateway": {"name": "a", "namespace": "A.B"}}},
            "must be the name of a namespace",
            id="its namespace",
        ),
    ],
)
def test_a_front_that_cannot_be_is_refused(name: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        TestApp(name).apply(**spec)
