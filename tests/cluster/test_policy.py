"""A RateLimitPolicy is in force on each pod of its app, changed, merged with others, and taken back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rate_limits import API, REPORTING, TestPolicy
from redis import Redis
from waiting import eventually
from web_apps import NAMESPACE, READY_SECONDS, TestApp

from cluster.console import ClusterError
from cluster.kubectl import kubectl
from osnovci.app_contract import config_key
from osnovci.limit_contract import denials_key, top_key

MakePolicy = Callable[[str, TestApp], TestPolicy]


@pytest.fixture
def web(request: pytest.FixtureRequest) -> Iterator[TestApp]:
    """Name an app; it is deleted with the test."""
    made = TestApp(request.node.name.replace("_", "-").removeprefix("test-")[:40].strip("-"))
    yield made
    kubectl("-n", NAMESPACE, "delete", "oapp", made.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def policy() -> Iterator[MakePolicy]:
    """Name policies; they are deleted with the test."""
    made: list[TestPolicy] = []

    def make(name: str, app: TestApp) -> TestPolicy:
        made.append(TestPolicy(f"{app.name}-{name}", app.name))
        return made[-1]

    yield make
    for each in made:
        each.delete()


def limits(redis: Redis, app: TestApp) -> dict[str, list[tuple[str, int]]]:
    """Give the limits that the app's pods are told, by policy."""
    (release,) = app.releases()
    found: Any = redis.hget(config_key(NAMESPACE, app.name, release), "document")
    return {
        each["name"]: [(limit["name"], limit["max"]) for limit in each["limits"]]
        for each in json.loads(found)["policies"]
    }


def test_a_policy_is_in_force(web: TestApp, policy: MakePolicy, redis: Redis) -> None:
    web.apply(program=REPORTING, replicas=3)
    web.wait("ConfigEnforced", "Enforced")
    eventually(lambda: web.get()["status"]["readyReplicas"] == 3, within=READY_SECONDS)
    before = web.pods()
    rlp = policy("limits", web)
    rlp.apply()
    told = rlp.wait("Programmed", "Programmed")
    assert told["message"] == "in force on 3 ready pods"
    status = rlp.get()["status"]
    assert (status["enforcedPods"], status["targetPods"]) == (3, 3)
    assert limits(redis, web) == {rlp.name: [("api", 60)]}
    web.wait("RateLimitPolicyAffected", "PolicyAffected")
    assert rlp.name in web.condition("RateLimitPolicyAffected")["message"]

    redis.hset(denials_key(NAMESPACE, web.name), f"{rlp.name}/denied", "41")
    redis.zadd(top_key(NAMESPACE, web.name, rlp.name), {"api 192.0.2.7": 40})
    eventually(lambda: rlp.get()["status"]["denied"] == 41)
    assert rlp.get()["status"]["top"] == [{"limit": "api", "key": "192.0.2.7", "denied": 40}]
    row = kubectl("-n", NAMESPACE, "get", "rlp", rlp.name, "--no-headers").split()
    assert row[:-1] == [rlp.name, web.name, "Accepted", "Programmed", "3", "41"]

    rlp.apply(mode="DryRun", limits=[API | {"max": 5}])
    assert "DryRun" in rlp.wait("Programmed", "Programmed")["message"]
    assert limits(redis, web) == {rlp.name: [("api", 5)]}
    rlp.delete()
    eventually(lambda: limits(redis, web) == {})
    eventually(lambda: not web.condition("RateLimitPolicyAffected"))
    eventually(lambda: not redis.exists(denials_key(NAMESPACE, web.name)))
    assert web.pods() == before


def test_a_policy_finds_its_app(web: TestApp, policy: MakePolicy) -> None:
    rlp = policy("limits", web)
    rlp.apply()
    told = rlp.wait("Accepted", "TargetNotFound")
    assert told["message"] == f"there is no OsnovciApp {web.name} in the namespace {NAMESPACE}"
    eventually(lambda: events(rlp, "TargetNotFound") == [told["message"]])
    web.apply(program=REPORTING, replicas=1)
    rlp.wait("Accepted", "Accepted")
    eventually(lambda: events(rlp, "Recovered"))
    rlp.wait("Programmed", "Programmed")
    kubectl("-n", NAMESPACE, "delete", "oapp", web.name)
    rlp.wait("Programmed", "TargetNotFound")


def test_policies_of_one_app_are_merged(web: TestApp, policy: MakePolicy, redis: Redis) -> None:
    web.apply(program=REPORTING, replicas=1)
    older, younger = policy("a", web), policy("b", web)
    older.apply()
    older.wait("Programmed", "Programmed")
    younger.apply(limits=[API | {"max": 1}, API | {"name": "upload"}])
    told = younger.wait("Programmed", "PartiallyProgrammed")
    assert f"policy {older.name} is older and has a limit api" in told["message"]
    assert limits(redis, web) == {older.name: [("api", 60)], younger.name: [("upload", 60)]}
    younger.apply()
    younger.wait("Accepted", "Conflicted")
    younger.wait("Programmed", "Overridden")
    older.delete()
    younger.wait("Programmed", "Programmed")
    assert limits(redis, web) == {younger.name: [("api", 60)]}


def events(of: TestPolicy, reason: str) -> list[str]:
    """Give what the events of a policy say, of one reason; one of its name before it had others."""
    uid = of.get()["metadata"]["uid"]
    selector = f"--field-selector=involvedObject.uid={uid},reason={reason}"
    found = kubectl("-n", NAMESPACE, "get", "events", selector, "-o", "json")
    return [each["message"] for each in json.loads(found)["items"]]


def limit(**more: object) -> dict[str, object]:
    return {"limits": [API | more]}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param({"limits": []}, "spec.limits", id="no limit"),
        pytest.param(
            {"limits": [API | {"name": f"l{n}"} for n in range(33)]}, "at most 32", id="too many"
        ),
        pytest.param({"limits": [API, API]}, "uplicate", id="two of a name"),
        pytest.param(limit(name="Log In"), "all in lower case", id="no name"),
        pytest.param(limit(max=0), "greater than or equal to 1", id="nothing is let through"),
        pytest.param(limit(window="500ms"), "window is below 1s or above 720h", id="too short"),
        pytest.param(limit(window="721h"), "window is below 1s or above 720h", id="too long"),
        pytest.param(limit(window="15 minutes"), "such as 500ms, 5s, 3m or 1h30m", id="in words"),
        pytest.param(limit(per="Session"), 'supported values: "IP", "User"', id="per nothing"),
        pytest.param(limit(match=[{"path": "api"}]), "must begin with /", id="no path"),
        pytest.param(limit(match=[{"path": "/api?x=1"}]), "must begin with /", id="a query"),
        pytest.param(
            limit(match=[{"path": "/api//x"}]), "must begin with /", id="an empty segment"
        ),
        pytest.param(limit(match=[{"path": "/api/../x"}]), "/./ or /../", id="a segment of dots"),
        pytest.param(limit(match=[{"path": "/api/.."}]), "/./ or /../", id="dots at the end"),
        pytest.param(limit(match=[{"path": "/api%2Fx"}]), "#, %, //", id="not decoded"),
        pytest.param(limit(match=[{"methods": ["post"]}]), "supported values", id="no method"),
        pytest.param(
            limit(max=200_000, exact=True), "exact is for a max of at most 100000", id="too exact"
        ),
        pytest.param(limit(failureMode="Local"), 'values: "Open", "Closed"', id="no failure mode"),
        pytest.param({"mode": "Shadow"}, 'values: "Enforce", "DryRun"', id="no mode"),
        pytest.param({"exempt": ["10.0.0.1"]}, "must be a network", id="an address"),
        pytest.param({"exempt": ["10.0.0.1/8"]}, "must be a network", id="bits beyond its length"),
        pytest.param({"exempt": ["10.0.0.0/33"]}, "must be a network", id="no network"),
        pytest.param(
            {"targetRef": {"kind": "Deployment", "name": "web"}},
            'supported values: "OsnovciApp"',
            id="another kind",
        ),
        pytest.param(
            {"targetRef": {"group": "apps", "name": "web"}},
            'supported values: "osnovci.app"',
            id="another group",
        ),
        pytest.param({"targetRef": {}}, "spec.targetRef.name", id="no target"),
        pytest.param(
            {"targetRef": {"name": "Web"}}, "must be the name of an OsnovciApp", id="no app's name"
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ClusterError) as raised:
        TestPolicy("refused", "web").apply(**spec)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("exempt", [["10.0.0.0/8", "192.0.2.7/32"], ["2001:db8::/32", "::1/128"]])
def test_networks_of_both_families_are_taken(exempt: list[str]) -> None:
    rlp = TestPolicy("networks", "nowhere")
    try:
        rlp.apply(exempt=exempt)
    finally:
        rlp.delete()


def test_a_proxy_that_is_no_network_is_refused(web: TestApp) -> None:
    with pytest.raises(ClusterError, match="must be a network"):
        web.apply(trustedProxies=["10.0.0.7/8"])
