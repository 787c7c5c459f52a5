"""The cluster that `make up` brought up, for tests that use it as a user would.

Each test makes pools of its own names and queues, so they do not see each other. A test fails,
too, when the operator logs an error during it that the test did not announce.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import yaml
from operator_log import OPERATOR, errors_since, restarts
from pools import NAMESPACE, TestPool
from redis import Redis
from web_apps import TestApp

from cluster.deploy import EXAMPLE
from cluster.kubectl import kubectl


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Fail, and do not skip, where there is no cluster."""
    ready = kubectl("-n", OPERATOR, "get", "deployment", "osnovci-operator", "-o", "json")
    assert json.loads(ready)["status"].get("readyReplicas"), "run `make up` first"


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis(port=16379, decode_responses=True) as client:
        yield client


@pytest.fixture
def pool(request: pytest.FixtureRequest, redis: Redis) -> Iterator[Callable[..., TestPool]]:
    """Make pools; they are deleted with the test."""
    made: list[TestPool] = []

    def make(**spec: object) -> TestPool:
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
        each = TestPool(f"{name}-{len(made)}", redis)
        made.append(each)
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(each.manifest(**spec)))
        return each

    yield make
    for each in made:
        kubectl("-n", NAMESPACE, "delete", "qpool", each.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def app() -> Iterator[Callable[[str], TestApp]]:
    """Name apps; they are deleted with the test."""
    made: list[TestApp] = []

    def make(name: str) -> TestApp:
        made.append(TestApp(name))
        return made[-1]

    yield make
    for each in made:
        kubectl("-n", NAMESPACE, "delete", "oapp", each.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def without_the_example() -> Iterator[None]:
    """Take the example's app away, which would share what the namespace's database allows."""
    kubectl("-n", NAMESPACE, "delete", "oapp", "homework")
    pods = ("pods", "-l", "osnovci.app/app=homework")
    kubectl("-n", NAMESPACE, "wait", "--for=delete", *pods, "--timeout=180s")
    yield
    kubectl("-n", NAMESPACE, "apply", "--server-side", "-f", EXAMPLE / "deploy" / "app.yaml")
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "oapp/homework", "--timeout=240s")


@pytest.fixture(scope="session")
def replicas(cluster: None) -> dict[str, int]:
    """Give how often each replica of the operator was started anew, as the last test left them."""
    del cluster
    return restarts()


@pytest.fixture(autouse=True)
def no_unexpected_errors(
    request: pytest.FixtureRequest, replicas: dict[str, int]
) -> Iterator[None]:
    """Read the operator's log after each test, and whether a replica ended by itself."""
    since, before = datetime.now(UTC), dict(replicas)
    yield
    after = restarts()
    replicas.clear()
    replicas.update(after)
    marker = request.node.get_closest_marker("causes_errors")
    expected = re.compile(marker.args[0]) if marker else None
    found = [
        line for line in errors_since(since, after) if not (expected and expected.search(line))
    ]
    assert not found, "the operator logged errors: " + "\n".join(found)
    again = [pod for pod, count in after.items() if count > before.get(pod, 0)]
    assert not again, f"replicas of the operator ended and were started anew: {again}"
