"""How an app's Deployment is read."""

from typing import Any

import pytest
from apps import APP
from builders import NOON

from osnovci_operator.app.seen import Deployed


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": APP,
            "uid": "d-1",
            "generation": 2,
            "creationTimestamp": NOON.isoformat(),
            "annotations": {"deployment.kubernetes.io/revision": "2"},
        },
        "spec": {"replicas": 3, "template": replica_set("2", "new")["spec"]["template"]},
        "status": {"observedGeneration": 2, **status},
    }


def replica_set(number: str, name: str, *, owner: str = "d-1", replicas: int = 1) -> dict[str, Any]:
    template = {
        "metadata": {
            "creationTimestamp": None,
            "labels": {"a": "b", "pod-template-hash": name},
            "annotations": {"osnovci.app/release": f"release-{number}"},
        },
        "spec": {"number": number},
    }
    return {
        "metadata": {
            "labels": {"pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": number},
            "ownerReferences": [{"uid": owner}],
        },
        "spec": {"template": template, "replicas": replicas},
    }


def test_a_deployment_is_read_with_its_replica_sets() -> None:
    sets = [replica_set("1", "old"), replica_set("2", "new"), replica_set("2", "x", owner="d-0")]
    read = Deployed.parse(deployment(), sets, NOON)
    assert read.template_hash == "new"
    annotations = {"osnovci.app/release": "release-1"}
    expected = {
        "metadata": {"labels": {"a": "b"}, "annotations": annotations},
        "spec": {"number": "1"},
    }
    assert read.templates["old"] == expected
    assert set(read.templates) == {"old", "new"}
    assert read.template == read.templates["new"]
    assert read.releases == {"release-1", "release-2"}


def test_a_release_without_pods_is_none() -> None:
    read = Deployed.parse(deployment(), [replica_set("1", "old", replicas=0)], NOON)
    assert read.releases == {"release-2"}


@pytest.mark.parametrize(
    ("counts", "reason", "complete", "stalled"),
    [
        pytest.param((3, 3, 3), "NewReplicaSetAvailable", True, False, id="all are available"),
        pytest.param((3, 3, 2), "NewReplicaSetAvailable", False, False, id="one is not"),
        pytest.param((4, 3, 4), "NewReplicaSetAvailable", False, False, id="one is old"),
        pytest.param((4, 1, 3), "ProgressDeadlineExceeded", False, True, id="past the deadline"),
    ],
)
def test_a_rollout_is_complete_or_stalled(
    counts: tuple[int, int, int],
    reason: str,
    complete: bool,  # noqa: FBT001  # a column of the table
    stalled: bool,  # noqa: FBT001
) -> None:
    existing, updated, available = counts
    body = deployment(
        replicas=existing,
        updatedReplicas=updated,
        availableReplicas=available,
        conditions=[{"type": "Progressing", "status": "True", "reason": reason}],
    )
    read = Deployed.parse(body, [], NOON)
    assert (read.complete, read.stalled) == (complete, stalled)
    body["status"]["observedGeneration"] = 1
    unsettled = Deployed.parse(body, [], NOON)
    assert not unsettled.complete
    assert not unsettled.stalled


def test_a_rollout_that_somebody_holds_is_told() -> None:
    body = deployment()
    assert Deployed.parse(body, [], NOON).trouble is None
    body["spec"]["paused"] = True
    resume = f"`kubectl rollout resume deployment/{APP}` lets it go on"
    assert Deployed.parse(body, [], NOON).trouble == f"somebody paused it: {resume}"
