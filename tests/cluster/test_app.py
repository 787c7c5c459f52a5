"""An OsnovciApp is served, rolled out without a failed request, and rolled back by itself."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from waiting import eventually
from web_apps import BROKEN, NAMESPACE, TestApp

from cluster.console import ClusterError
from cluster.kubectl import kubectl
from osnovci.app_contract import config_key

MakeApp = Callable[[str], TestApp]


@pytest.fixture
def app() -> Iterator[MakeApp]:
    """Name apps; they are deleted with the test."""
    made: list[TestApp] = []

    def make(name: str) -> TestApp:
        made.append(TestApp(name))
        return made[-1]

    yield make
    for each in made:
        kubectl("-n", NAMESPACE, "delete", "oapp", each.name, "--ignore-not-found", "--wait=false")


def test_an_app_serves_and_is_scaled(app: MakeApp) -> None:
    web = app("web-serves")
    web.apply(ingress={"host": "web.example"})
    web.wait("Ready", "PodsReady")
    web.wait("Progressing", "RolledOut")
    eventually(web.serves)
    assert web.ask().split()[0] in web.pods()
    assert web.get()["status"]["url"] == "http://web.example"
    assert web.get("ingress")["spec"]["rules"][0]["host"] == "web.example"
    assert web.get("poddisruptionbudget")["spec"]["maxUnavailable"] == 1
    assert web.get("serviceaccount")["automountServiceAccountToken"] is False
    kubectl("-n", NAMESPACE, "scale", "oapp", web.name, "--replicas=3")
    eventually(lambda: web.get()["status"]["readyReplicas"] == 3, within=60)
    web.apply(replicas=1)
    eventually(lambda: web.get()["status"]["replicas"] == 1, within=60)
    eventually(lambda: _is_gone("ingress", web.name))
    assert web.get()["status"]["url"] == f"http://{web.name}.{NAMESPACE}.svc"


def test_a_broken_revision_is_rolled_back_and_no_request_fails(app: MakeApp) -> None:
    web = app("web-rolls")
    web.apply(health={"maxInFlight": 100})
    web.wait("Ready", "PodsReady")
    web.wait("Progressing", "RolledOut")
    with web.traffic() as traffic:
        eventually(lambda: "good-template" in json.dumps(web.get("deployment")["metadata"]))
        good = web.pods()
        web.apply(program=BROKEN, health={"maxInFlight": 7})
        told = web.wait("Progressing", "RolledBack", within=90)
        assert "did not become ready within 20s" in told["message"]
        assert "no such table: homework" in told["message"]
        assert web.condition("Ready")["status"] == "False"
        eventually(lambda: web.pods() == good, within=60)
        document = web.get("configmap", f"{web.name}-document")["data"]["document"]
        assert json.loads(document)["health"]["max_in_flight"] == 100
        # A change of the count alone does not try it again.
        kubectl("-n", NAMESPACE, "scale", "oapp", web.name, "--replicas=3")
        eventually(lambda: web.get()["status"]["readyReplicas"] == 3, within=60)
        assert web.wait("Ready", "RolledBack")
        assert good < web.pods()
        web.apply(version="2", replicas=3)
        web.wait("Ready", "PodsReady")
        eventually(lambda: web.ask().split()[1] == "2")
        eventually(lambda: not good & web.pods(), within=60)
    assert traffic.answered > 100
    assert traffic.failed == 0, traffic.error


@pytest.mark.usefixtures("without_the_example")
def test_apps_share_what_the_database_allows(app: MakeApp, redis: Redis) -> None:
    """The pods are of the standard library and open nothing; what they are told is looked at."""
    database = {"maxConnections": 12, "reservedConnections": 4, "connectionsPerProcess": 2}
    first, second = app("web-first"), app("web-second")

    def told(web: TestApp) -> int | None:
        """Give the size of the pools, if Redis, the ConfigMap and the status agree."""
        found: Any = redis.hgetall(config_key(NAMESPACE, web.name))
        mounted = web.get("configmap", f"{web.name}-document")["data"]["document"]
        agree = found.get("document") == mounted
        agree = agree and web.get()["status"].get("configRevision") == int(found["revision"])
        return json.loads(mounted)["database"]["connections_per_process"] if agree else None

    first.apply(database=database)
    first.wait("DatabaseBudget", "WithinBudget")
    eventually(lambda: told(first) == 2)
    second.apply(database=database)
    second.wait("DatabaseBudget", "PoolsShrunk")
    first.wait("DatabaseBudget", "PoolsShrunk")
    eventually(lambda: told(first) == told(second) == 1)
    second.apply(database=database, replicas=30)
    capped = second.wait("DatabaseBudget", "ReplicasCapped")
    assert "2 of 30 pods" in capped["message"]
    kubectl("-n", NAMESPACE, "delete", "oapp", second.name)
    first.wait("DatabaseBudget", "WithinBudget")
    eventually(lambda: told(first) == 2)


def test_what_is_anothers_is_not_touched(app: MakeApp) -> None:
    web = app("web-taken")
    create = ("-n", NAMESPACE, "create", "service", "clusterip", web.name, "--tcp=80:80")
    kubectl(*create)
    try:
        web.apply()
        told = web.wait("Ready", "NameTaken")
        assert f"Service {web.name} exists" in told["message"]
        assert "ownerReferences" not in web.get("service")["metadata"]
    finally:
        kubectl("-n", NAMESPACE, "delete", "service", web.name)
    web.wait("Ready", "PodsReady")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"rollout": {"maxSurge": 0}}, "maxSurge and maxUnavailable are both 0"),
        ({"rollout": {"minReady": "5m"}}, "minReady is not below deadline"),
        ({"shutdown": {"drain": "30s"}}, "drain is not below grace"),
        ({"health": {"memoryWarnPercent": 99}}, "memoryWarnPercent is above memoryMaxPercent"),
        ({"ingress": {"host": "No Host"}}, "must be a host name"),
        ({"ingress": {"host": "10.0.0.1"}}, "no address"),
        ({"ingress": {"host": "a" * 64 + ".app"}}, "must be a host name"),
        ({"ingress": {"host": "a.app", "tlsSecretName": "A B"}}, "must be the name of a Secret"),
        ({"ingress": {"host": "a.app", "className": "A B"}}, "name of an IngressClass"),
        ({"scaling": {"maxReplicas": 4}}, "replicas and scaling exclude each other"),
        ({"database": {"reservedConnections": 100}}, "reservedConnections leaves nothing"),
    ],
    ids=[
        "rollout",
        "min-ready",
        "shutdown",
        "health",
        "ingress",
        "address",
        "label",
        "tls",
        "class",
        "scaling",
        "database",
    ],
)
def test_a_spec_that_cannot_be_is_refused(app: MakeApp, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        app("web-refused").apply(**spec)


def test_a_name_that_no_service_may_have_is_refused(app: MakeApp) -> None:
    with pytest.raises(ClusterError, match="becomes the name of a Service"):
        app("3-webs").apply()


def _is_gone(kind: str, name: str) -> bool:
    return not kubectl("-n", NAMESPACE, "get", kind, name, "--ignore-not-found")
