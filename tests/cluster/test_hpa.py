"""A HorizontalPodAutoscaler owns a pool's count through its scale subresource."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from pools import NAMESPACE, TestPool
from waiting import eventually

from cluster.kubectl import kubectl

MakePool = Callable[..., TestPool]
METRICS_SECONDS = 120.0
"""metrics-server scrapes every 15 s, and the HPA looks every 15 s."""


@pytest.fixture
def hpa() -> Iterator[Callable[..., "Autoscaler"]]:
    """Make HPAs; they are deleted with the test."""
    made: list[Autoscaler] = []

    def make(pool: TestPool, **spec: object) -> Autoscaler:
        each = Autoscaler(pool)
        made.append(each)
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(each.manifest(**spec)))
        return each

    yield make
    for each in made:
        kubectl("-n", NAMESPACE, "delete", "hpa", each.pool.name, "--wait=false")


class Autoscaler:
    """An HPA of a pool that asks for a worker for each 8 MiB that its workers use."""

    def __init__(self, pool: TestPool) -> None:
        self.pool = pool

    def manifest(self, **spec: object) -> dict[str, Any]:
        memory = {"name": "memory", "target": {"type": "AverageValue", "averageValue": "8Mi"}}
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": self.pool.name, "namespace": NAMESPACE},
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "osnovci.app/v1alpha1",
                    "kind": "QueuePool",
                    "name": self.pool.name,
                },
                "minReplicas": 1,
                "metrics": [{"type": "Resource", "resource": memory}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
                **spec,
            },
        }

    def patch(self, **spec: object) -> None:
        change = json.dumps({"spec": spec})
        self.pool.kubectl("patch", "hpa", self.pool.name, "--type=merge", "-p", change)

    def condition(self, kind: str) -> dict[str, Any]:
        text = self.pool.kubectl("get", "hpa", self.pool.name, "-o", "json")
        conditions = json.loads(text).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})


def test_an_hpa_scales_a_pool_up_and_down_by_what_its_workers_use(
    pool: MakePool, hpa: Callable[..., Autoscaler]
) -> None:
    jobs, following = pool(replicas=1), pool(scaling={"minReplicas": 0, "maxReplicas": 2})
    owner, other = hpa(jobs, maxReplicas=3), hpa(following, maxReplicas=3)
    eventually(lambda: jobs.get()["spec"]["replicas"] == 3, within=METRICS_SECONDS)
    jobs.wait(ready=3)
    assert owner.condition("AbleToScale")["status"] == "True"
    assert jobs.condition("ScalingActive")["reason"] == "FixedReplicas"
    owner.patch(maxReplicas=2)
    eventually(lambda: jobs.get()["spec"]["replicas"] == 2, within=60)
    jobs.wait(ready=2)
    # Where the pool follows its backlog, the two do not fight: the HPA stands aside and says so.
    assert other.condition("AbleToScale")["reason"] == "FailedGetScale"
    assert "replicas" not in following.get()["spec"]
