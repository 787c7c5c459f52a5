"""An OsnovciApp is served, rolled out without a failed request, and rolled back by itself."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pools import TestPool
from redis import Redis
from waiting import eventually
from web_apps import BROKEN, NAMESPACE, TestApp, osnovci

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


def test_a_broken_revision_is_rolled_back_and_no_request_fails(app: MakeApp, redis: Redis) -> None:
    web = app("web-rolls")
    web.apply(health={"maxInFlight": 100})
    web.wait("Ready", "PodsReady")
    web.wait("Progressing", "RolledOut")
    with web.traffic() as traffic:
        eventually(lambda: "good-template" in json.dumps(web.get("deployment")["metadata"]))
        good = web.pods()
        (told,) = web.configs(redis).items()
        assert told[1]["max_in_flight"] == 100
        web.apply(program=BROKEN, health={"maxInFlight": 7})
        eventually(lambda: len(web.configs(redis)) == 2)
        tried = web.configs(redis)
        assert tried.pop(told[0]) == told[1]
        assert [each["max_in_flight"] for each in tried.values()] == [7]
        why = web.wait("Progressing", "RolledBack", within=90)["message"]
        assert "did not become ready within 20s" in why
        assert "no such table: homework" in why
        assert web.condition("Ready")["status"] == "False"
        eventually(lambda: web.pods() == good, within=60)
        # The same revision, so nothing else was ever published to the pods that serve.
        eventually(lambda: web.configs(redis) == dict([told]))
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


def test_a_migration_runs_once_before_a_revision_and_stops_it_where_it_fails(
    app: MakeApp, redis: Redis
) -> None:
    web, key = app("web-migrates"), "web-migrates:runs"
    redis.delete(key)

    def migration(ending: str) -> dict[str, Any]:
        """Count the run, see that no pod of the new revision is there yet, and end so."""
        program = (
            "import os, redis;"
            f"redis.Redis.from_url(os.environ['OSNOVCI_REDIS_URL']).rpush('{key}', os.environ['VERSION']);"
            f"{ending}"
        )
        return {"command": ["python", "-c", program], "timeout": "1m"}

    good = migration("pass")
    web.apply(migration=good)
    web.wait("Progressing", "RolledOut")
    assert redis.lrange(key, 0, -1) == ["1"]
    eventually(lambda: "good-template" in json.dumps(web.get("deployment")["metadata"]))
    pods, template = web.pods(), web.get("deployment")["spec"]["template"]
    web.apply(
        version="2",
        health={"maxInFlight": 7},
        migration=migration("raise SystemExit('no such column: due')"),
    )
    told = web.wait("Progressing", "MigrationFailed", within=90)
    assert "no such column: due" in told["message"]
    assert web.condition("Ready")["reason"] == "MigrationFailed"
    assert redis.lrange(key, 0, -1) == ["1", "2", "2", "2"]
    assert (web.pods(), web.get("deployment")["spec"]["template"]) == (pods, template)
    assert web.ask().split()[1] == "1"
    # Nor does it run again when its Job is gone and the spec's generation is another.
    for each in web.jobs():
        kubectl("-n", NAMESPACE, "delete", "job", each["metadata"]["name"])
    kubectl("-n", NAMESPACE, "scale", "oapp", web.name, "--replicas=1")
    web.wait("Progressing", "MigrationFailed")
    eventually(lambda: len(web.pods()) == 1)
    assert web.jobs() == []
    # Back to what was good, whose migration has succeeded; then on to another.
    web.apply(migration=good)
    web.wait("Progressing", "RolledOut")
    assert web.jobs() == []
    web.apply(version="3", migration=good)
    eventually(lambda: web.serves() and web.ask().split()[1] == "3", within=90)
    assert redis.lrange(key, 0, -1) == ["1", "2", "2", "2", "3"]
    redis.delete(key)


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
    eventually(lambda: web.serves() and web.ask().split()[1] == "3", within=90)


def test_a_person_looks_and_rolls_back(app: MakeApp) -> None:
    web = app("web-goes-back")
    web.apply(health={"maxInFlight": 100}, labels_of_pod={"part": "one"})
    web.wait("Ready", "PodsReady")
    eventually(lambda: web.get()["status"].get("goodRevision"))
    refused = osnovci("rollback", f"app/{web.name}")
    assert refused.returncode == 2
    assert "has no former revision" in refused.stderr
    first = web.get()["status"]["goodRevision"]
    web.apply(version="2", health={"maxInFlight": 7}, labels_of_pod={"part": "two"})
    eventually(lambda: web.get()["status"].get("goodRevision") not in {None, first}, within=90)
    told = osnovci("status", f"app/{web.name}")
    assert "which is good" in told.stdout
    assert told.stdout.startswith("ConfigEnforced is Unknown, NotReported")
    back = osnovci("rollback", f"app/{web.name}")
    assert (back.returncode, back.stderr) == (0, "")
    assert f"put back revision {first}" in back.stdout
    eventually(lambda: web.get()["status"].get("goodRevision") == first, within=90)
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
    eventually(lambda: web.get()["status"].get("goodRevision"), within=90)
    first = web.get()["status"]["goodRevision"]
    web.apply(version="2")
    eventually(lambda: web.get()["status"].get("goodRevision") not in {None, first}, within=90)

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
    jobs.wait(ready=1, within=120)
    assert (variables()["VERSION"], variables()["OWN"]) == ("1", "mine")
    web.apply(program=BROKEN, version="2")
    web.wait("Progressing", "RolledBack", within=90)
    assert variables()["VERSION"] == "1"
    web.apply(version="3")
    eventually(lambda: variables()["VERSION"] == "3", within=90)
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


def _is_gone(kind: str, name: str) -> bool:
    return not kubectl("-n", NAMESPACE, "get", kind, name, "--ignore-not-found")
