"""An OsnovciApp is served, scaled, rolled back by hand, followed by workers, and kept within its database."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pools import TestPool
from redis import Redis
from waiting import eventually
from web_apps import BROKEN, IMPATIENT, NAMESPACE, READY_SECONDS, TestApp, osnovci

from cluster.kubectl import kubectl
from osnovci.app_contract import config_key

MakeApp = Callable[[str], TestApp]


def good_revision(web: TestApp) -> str | None:
    return web.get().get("status", {}).get("goodRevision")


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
    eventually(lambda: web.get()["status"]["readyReplicas"] == 3, within=READY_SECONDS)
    scale = json.loads(kubectl("get", "--raw", _scale_path(web)))
    assert scale["spec"]["replicas"] == scale["status"]["replicas"] == 3
    assert scale["status"]["selector"] == f"osnovci.app/app={web.name}"
    assert web.condition("ScalingActive")["reason"] == "FixedReplicas"
    web.apply(replicas=1)
    eventually(lambda: web.get()["status"]["replicas"] == 1, within=READY_SECONDS)
    eventually(lambda: _is_gone("ingress", web.name))
    assert web.get()["status"]["url"] == f"http://{web.name}.{NAMESPACE}.svc"


def test_a_migration_waits_for_that_of_an_earlier_revision(app: MakeApp) -> None:
    web, command = app("web-migrates-twice"), ["sleep", "300"]
    web.apply()
    web.wait("Progressing", "RolledOut")
    web.apply(version="2", migration={"command": command})
    web.wait("Progressing", "Migrating")
    (first,) = (each["metadata"]["name"] for each in web.jobs())
    web.apply(version="3", migration={"command": ["true"]})
    eventually(lambda: f"waits for Job {first}" in web.condition("Progressing")["message"])
    assert [each["metadata"]["name"] for each in web.jobs()] == [first]
    kubectl("-n", NAMESPACE, "delete", "job", first)
    eventually(lambda: web.serves() and web.ask().split()[1] == "3", within=READY_SECONDS)


def test_a_person_looks_and_rolls_back(app: MakeApp) -> None:
    web = app("web-goes-back")
    web.apply(health={"maxInFlight": 100}, labels_of_pod={"part": "one"})
    web.wait("Ready", "PodsReady")
    eventually(lambda: good_revision(web))
    refused = osnovci("rollback", f"app/{web.name}")
    assert refused.returncode == 2
    assert "has no former revision" in refused.stderr
    first = good_revision(web)
    web.apply(version="2", health={"maxInFlight": 7}, labels_of_pod={"part": "two"})
    eventually(lambda: good_revision(web) not in {None, first}, within=READY_SECONDS)
    told = osnovci("status", f"app/{web.name}")
    assert "which is good" in told.stdout
    assert told.stdout.startswith("ConfigEnforced is Unknown, NotReported")
    back = osnovci("rollback", f"app/{web.name}")
    assert (back.returncode, back.stderr) == (0, "")
    assert f"put back revision {first}" in back.stdout
    eventually(lambda: good_revision(web) == first, within=READY_SECONDS)
    spec = web.get()["spec"]
    assert spec["health"]["maxInFlight"] == 100
    assert spec["pod"]["labels"] == {"part": "one"}
    assert spec["replicas"] == 2
    # A pod of the other revision may still drain.
    eventually(lambda: web.ask().split()[1] == "1")
    gone = osnovci("status", "app/nobody")
    words = f"osnovci: there is no OsnovciApp nobody in namespace {NAMESPACE}; -n names another one"
    assert (gone.returncode, gone.stderr) == (2, f"{words}\n")


def test_what_somebody_else_writes_among_the_good_revisions_is_refused(app: MakeApp) -> None:
    web = app("web-forged")
    web.apply()
    first = eventually(lambda: good_revision(web), within=90)
    web.apply(version="2")
    eventually(lambda: good_revision(web) not in {None, first}, within=90)

    def kept() -> dict[str, str]:
        return web.get("configmap", f"{web.name}-revisions")["data"]

    eventually(lambda: first in kept().get("former", ""))
    true = kept()
    for place in ("former", "current"):
        forged = json.loads(true[place])
        forged["spec"]["pod"]["image"] = "evil:1"
        change = json.dumps({"data": {place: json.dumps(forged)}})
        kubectl("-n", NAMESPACE, "patch", "configmap", f"{web.name}-revisions", "-p", change)
        eventually(lambda: "evil" not in str(kept()))
    assert kept() == {"current": true["current"], "former": ""}
    uid = web.get()["metadata"]["uid"]
    about = f"--field-selector=involvedObject.uid={uid},reason=RevisionRefused"
    events = kubectl("-n", NAMESPACE, "get", "events", about, "-o", "json")
    notes = " ".join(each["message"] for each in json.loads(events)["items"])
    assert f"its revision `former` is not used: {first} was changed since" in notes
    refused = osnovci("rollback", f"app/{web.name}")
    assert "has no former revision" in refused.stderr
    assert web.get()["spec"]["pod"]["image"] == "osnovci/homework:dev"


def test_the_workers_of_a_pool_follow_the_good_revisions_of_an_app(
    app: MakeApp, pool: Callable[..., TestPool]
) -> None:
    web = app("web-followed")
    jobs = pool(appRef={"name": web.name}, pod={"env": [{"name": "OWN", "value": "mine"}]})

    def variables() -> dict[str, str]:
        """Give what a worker is told, by the Deployment."""
        found = json.loads(jobs.kubectl("get", "deployment", jobs.name, "-o", "json"))
        (worker,) = found["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each.get("value", "") for each in worker["env"]}

    eventually(lambda: jobs.condition("Ready").get("reason") == "AppNotFound")
    web.apply()
    jobs.wait(ready=1, within=READY_SECONDS)
    assert (variables()["VERSION"], variables()["OWN"]) == ("1", "mine")
    web.apply(program=BROKEN, version="2", rollout=IMPATIENT)
    web.wait("Progressing", "RolledBack")
    assert variables()["VERSION"] == "1"
    web.apply(version="3")
    eventually(lambda: variables()["VERSION"] == "3", within=READY_SECONDS)
    jobs.wait(ready=1)
    kubectl("-n", NAMESPACE, "delete", "oapp", web.name)
    eventually(lambda: jobs.condition("Ready").get("reason") == "AppNotFound")
    assert variables()["VERSION"] == "3"
    jobs.wait(ready=1)


@pytest.mark.usefixtures("without_the_example")
def test_apps_share_what_the_database_allows(app: MakeApp, redis: Redis) -> None:
    """The pods are of the standard library and open nothing; what they are told is looked at."""
    database = {"maxConnections": 12, "reservedConnections": 4, "connectionsPerProcess": 2}
    first, second = app("web-first"), app("web-second")

    def told(web: TestApp) -> int | None:
        """Give the size of the pools, if Redis, the ConfigMap and the status agree."""
        (release,) = web.releases()
        found: Any = redis.hgetall(config_key(NAMESPACE, web.name, release))
        mounted = web.documents()[release]
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


def _scale_path(of: TestApp) -> str:
    return f"/apis/osnovci.app/v1alpha1/namespaces/{NAMESPACE}/osnovciapps/{of.name}/scale"


def _is_gone(kind: str, name: str) -> bool:
    return not kubectl("-n", NAMESPACE, "get", kind, name, "--ignore-not-found")
