"""A QueuePool that follows an app: what its workers run, what holds it, and who is woken."""

from typing import Any

import pytest
from apps import APP, app_body
from builders import NAMESPACE, key, pool_body, seen, workers

from osnovci.app_contract import ENV_DATABASE
from osnovci.app_revisions import GoodRevision, GoodRevisions, revisions_name
from osnovci.database.settings import DatabaseSettings
from osnovci_operator.labels import APP as LABEL
from osnovci_operator.labels import PROCESSES
from osnovci_operator.queuepool.build import deployment
from osnovci_operator.queuepool.decide import Reason, ScalingState, decide
from osnovci_operator.queuepool.seen import FollowedApp, kept_of
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

OF_APP: dict[str, Any] = {
    "image": "homework:2",
    "command": ["serve"],
    "args": ["homework.web:app"],
    "env": [{"name": "A", "value": "of the app"}, {"name": "B", "value": "of the app"}],
    "envFrom": [{"secretRef": {"name": "mail"}}],
    "volumes": [{"name": "data", "emptyDir": {}}],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "imagePullSecrets": [{"name": "pull"}],
    "labels": {"part": "web"},
    "resources": {"limits": {"memory": "1Gi"}},
}
GOOD = GoodRevisions(GoodRevision(name="a", spec={"pod": OF_APP, "database": {}}))
FOLLOWED = FollowedApp.of(GOOD)


def pool(pod: dict[str, Any] | None = None, app: str = APP) -> Pool:
    body = pool_body()
    body["spec"] |= {"appRef": {"name": app}, "pod": pod or {}}
    return Pool.parse(body)


def template(pod: dict[str, Any] | None = None, app: FollowedApp | None = FOLLOWED) -> Any:
    return deployment(pool(pod), 1, app)["spec"]["template"]


def variables(container: Any) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_workers_have_the_image_environment_and_volumes_of_the_app_and_not_its_command() -> None:
    built = template()
    (worker,) = built["spec"]["containers"]
    assert worker["image"] == "homework:2"
    assert worker["command"] == ["osnovci", "worker"]
    assert "args" not in worker
    assert "resources" not in worker
    assert worker["envFrom"] == OF_APP["envFrom"]
    assert worker["volumeMounts"][1:] == OF_APP["volumeMounts"]
    assert built["spec"]["volumes"][1:] == OF_APP["volumes"]
    assert built["spec"]["imagePullSecrets"] == OF_APP["imagePullSecrets"]
    assert "part" not in built["metadata"]["labels"]
    assert variables(worker).keys() >= {"A", "B", "DATABASE_URL", "OSNOVCI_POOL"}


def test_what_the_pool_says_goes_first() -> None:
    own = {
        "image": "worker:1",
        "args": ["--burst"],
        "env": [{"name": "A", "value": "mine"}, {"name": "DATABASE_URL", "value": "mine"}],
        "resources": {"limits": {"memory": "2Gi"}},
    }
    (worker,) = template(own)["spec"]["containers"]
    assert worker["image"] == "worker:1"
    assert worker["args"] == ["--burst"]
    assert worker["resources"] == {"limits": {"memory": "2Gi"}}
    found = variables(worker)
    assert (found["A"], found["B"], found["DATABASE_URL"]) == ("mine", "of the app", "mine")
    assert len(worker["env"]) == len(found)


@pytest.mark.parametrize(("isolation", "connections"), [("Process", 1), ("Fork", 1), ("Thread", 3)])
def test_workers_are_told_how_the_app_uses_its_database(isolation: str, connections: int) -> None:
    """A connection for each job, and the app's timeouts."""
    spec = {"pod": OF_APP, "database": {"connectTimeout": "2s", "connectionsPerProcess": 9}}
    body = pool_body()
    body["spec"] |= {"appRef": {"name": APP}, "isolation": isolation, "concurrency": 3}
    app = FollowedApp.of(GoodRevisions(GoodRevision(name="a", spec=spec)))
    built = deployment(Pool.parse(body), 1, app)["spec"]
    (worker,) = built["template"]["spec"]["containers"]
    told = DatabaseSettings.parse(variables(worker))
    assert told == DatabaseSettings(connections_per_process=connections, connect_timeout_seconds=2)
    assert built["template"]["metadata"]["annotations"][PROCESSES] == "3"
    # One at a time is replaced, since their connections are counted.
    assert built["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_an_app_without_a_database_gives_none() -> None:
    without = FollowedApp.of(GoodRevisions(GoodRevision(name="a", spec={"pod": OF_APP})))
    (worker,) = template(app=without)["spec"]["containers"]
    assert not variables(worker).keys() & {"DATABASE_URL", ENV_DATABASE}


@pytest.mark.parametrize(
    ("kept", "reason", "words"),
    [
        (None, Reason.APP_NOT_FOUND, f"there is no OsnovciApp {APP}: make it, or correct appRef"),
        (GoodRevisions(), Reason.APP_NOT_GOOD, f"no revision of OsnovciApp {APP} was good yet"),
        *(
            (
                GoodRevisions(GoodRevision(name="a", spec=spec)),
                Reason.APP_NOT_GOOD,
                f"no revision of OsnovciApp {APP} was good yet",
            )
            for spec in ({"pod": {"image": 3}}, {"pod": {"image": "x"}, "database": "large"})
        ),
    ],
    ids=["no app", "not good yet", "nonsense", "nonsense of a database"],
)
def test_without_a_good_revision_workers_stay_as_they_are(
    kept: GoodRevisions | None, reason: Reason, words: str
) -> None:
    given = seen(workers=workers(asked=3), app=FollowedApp.of(kept))
    decision, _ = decide(pool().spec, given, ScalingState())
    assert (decision.replicas, decision.reason, decision.blocked) == (3, reason, True)
    assert decision.message.startswith(words)


def test_with_one_the_count_is_decided() -> None:
    decision, _ = decide(pool().spec, seen(app=FOLLOWED), ScalingState())
    assert decision.reason is Reason.FIXED


def revisions_map(version: str = "1") -> dict[str, Any]:
    metadata = {
        "name": revisions_name(APP),
        "namespace": NAMESPACE,
        "uid": "c",
        "resourceVersion": version,
        "labels": {LABEL: APP},
    }
    return {"kind": "ConfigMap", "metadata": metadata, "data": GOOD.data()}


def owned(body: dict[str, Any]) -> dict[str, Any]:
    body["metadata"]["ownerReferences"] = [{"uid": "app"}]
    return body


def test_only_the_apps_own_config_map_says_what_workers_run() -> None:
    vouching = {"metadata": {"annotations": GOOD.notes({})}}
    body = revisions_map()
    assert kept_of("app", None, owned(vouching)) == GoodRevisions()
    assert kept_of("app", body, owned(vouching)) == GoodRevisions()
    assert kept_of("app", owned(body), owned(vouching)) == GOOD
    # Of an app of the name that was deleted, until Kubernetes has taken it away.
    assert kept_of("newer app", body, vouching) == GoodRevisions()


def test_what_the_apps_deployment_does_not_vouch_for_reaches_no_worker() -> None:
    body = owned(revisions_map())
    vouching = {"metadata": {"annotations": GOOD.notes({})}}
    assert kept_of("app", body, None) == GoodRevisions()
    assert kept_of("app", body, vouching) == GoodRevisions()  # It is somebody else's.
    forged = GoodRevisions(GoodRevision(name="a", spec={"pod": {"image": "evil:1"}}))
    body["data"] = forged.data()
    kept = kept_of("app", body, owned(vouching))
    given = seen(workers=workers(asked=3), app=FollowedApp.of(kept))
    decision, _ = decide(pool().spec, given, ScalingState())
    assert (decision.replicas, decision.reason) == (3, Reason.APP_NOT_GOOD)
    assert decision.message == (
        f"ConfigMap {APP}-revisions is not as the operator left it: its revision `current` is not "
        "used: a was changed since the operator found it good; until then the workers stay as they "
        "are"
    )


def test_who_follows_an_app_is_woken_by_what_is_its_concern() -> None:
    store = Store()
    body = pool_body()
    body["spec"]["appRef"] = {"name": APP}
    store.put(body)
    app = Key("OsnovciApp", NAMESPACE, APP)
    assert store.put(app_body()) == {app, key()}
    assert store.put(revisions_map()) == {app, key()}
    pod = {"name": "p", "namespace": NAMESPACE, "uid": "p", "labels": {LABEL: APP}}
    assert store.put({"kind": "Pod", "metadata": pod}) == {app}
    assert store.remove(revisions_map()) == {app, key()}
    assert store.remove(app_body()) == {app, key()}
    store.remove(body)
    assert store.put(app_body()) == {app}


def test_an_app_of_another_name_wakes_nobody() -> None:
    store = Store()
    body = pool_body()
    body["spec"]["appRef"] = {"name": "another"}
    store.put(body)
    app = Key("OsnovciApp", NAMESPACE, APP)
    assert store.put(app_body()) == {app}
