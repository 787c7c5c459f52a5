"""A HorizontalPodAutoscaler owns the count of a pool, or of an app, through its scale subresource."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from pools import NAMESPACE, TestPool
from waiting import eventually
from web_apps import TestApp, condition_of

from cluster.console import ClusterError
from cluster.kubectl import kubectl

METRICS_SECONDS = 240.0
"""metrics-server scrapes every 15 s, and the HPA looks every 15 s."""


@dataclass(frozen=True)
class Autoscaler:
    """An HPA that asks for a pod for each 8 MiB that the pods of its target use."""

    of: TestPool | TestApp

    def apply(self, most: int) -> None:
        """Let it ask for so many at most."""
        kind = "QueuePool" if isinstance(self.of, TestPool) else "OsnovciApp"
        memory = {"name": "memory", "target": {"type": "AverageValue", "averageValue": "8Mi"}}
        manifest = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": self.of.name, "namespace": NAMESPACE},
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "osnovci.app/v1alpha1",
                    "kind": kind,
                    "name": self.of.name,
                },
                "minReplicas": 1,
                "maxReplicas": most,
                "metrics": [{"type": "Resource", "resource": memory}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            },
        }
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))

    def conditions(self) -> dict[str, dict[str, Any]]:
        found = kubectl("-n", NAMESPACE, "get", "hpa", self.of.name, "-o", "json")
        conditions = json.loads(found).get("status", {}).get("conditions", [])
        return {each["type"]: each for each in conditions}

    def stands_aside(self) -> bool:
        """Whether it cannot read a count, and says so."""
        return self.conditions().get("AbleToScale", {}).get("reason") == "FailedGetScale"

    def scales(self) -> bool:
        """Whether it can read the count and the pods' metrics, and write the count."""
        told = self.conditions()
        return all(told[each]["status"] == "True" for each in ("AbleToScale", "ScalingActive"))

    def delete(self) -> None:
        kubectl("-n", NAMESPACE, "delete", "hpa", self.of.name, "--ignore-not-found")


@pytest.fixture
def hpa() -> Iterator[Callable[[TestPool | TestApp], Autoscaler]]:
    """Make HPAs of up to three pods; they are deleted with the test, and before their targets."""
    made: list[Autoscaler] = []

    def make(of: TestPool | TestApp) -> Autoscaler:
        made.append(Autoscaler(of))
        made[-1].apply(3)
        return made[-1]

    yield make
    for each in made:
        each.delete()


def asked(of: TestPool | TestApp) -> int | None:
    """Give the count that the spec has."""
    return of.get()["spec"].get("replicas")


def has(of: TestPool | TestApp, count: int) -> bool:
    """Whether there are so many pods, by the status, and because the spec fixes the count."""
    found = of.get()
    condition_of(found, "ScalingActive", "FixedReplicas")
    told = [found["status"][field] for field in ("desiredReplicas", "replicas", "readyReplicas")]
    return told == [count] * 3


def test_an_hpa_scales_up_and_down_by_what_the_pods_use(
    pool: Callable[..., TestPool],
    app: Callable[[str], TestApp],
    hpa: Callable[[TestPool | TestApp], Autoscaler],
) -> None:
    jobs, web = pool(replicas=1), app("web-autoscaled")
    web.apply(replicas=1)
    followed, following = app("web-follows"), pool(scaling={"minReplicas": 0, "maxReplicas": 2})
    followed.apply(scaling={"minReplicas": 1, "maxReplicas": 2})
    owners, others = [hpa(jobs), hpa(web)], [hpa(following), hpa(followed)]
    for each in owners:
        eventually(lambda e=each: asked(e.of) == 3, within=METRICS_SECONDS)
        eventually(lambda e=each: has(e.of, 3), within=METRICS_SECONDS)
        eventually(each.scales, within=METRICS_SECONDS)
        each.apply(2)
    for each in owners:
        eventually(lambda e=each: asked(e.of) == 2, within=METRICS_SECONDS)
        eventually(lambda e=each: has(e.of, 2), within=METRICS_SECONDS)
    # Where the count follows what is seen, the two do not fight: the HPA stands aside and says so.
    for each in others:
        eventually(each.stands_aside)
        assert asked(each.of) is None
    scale = ("-n", NAMESPACE, "scale", "oapp", followed.name, "--replicas=2")
    with pytest.raises(ClusterError, match="replicas and scaling exclude each other"):
        kubectl(*scale)
