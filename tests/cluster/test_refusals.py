"""Bad input gets one sentence, from the API server or in the status."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from pools import TestPool
from redis import Redis
from waiting import eventually

from cluster.console import ClusterError
from cluster.kubectl import kubectl

MakePool = Callable[..., TestPool]
REMINDERS = {"name": "a", "cron": "0 7 * * *", "task": "homework.jobs.record", "queue": "refused"}
FLOOR: dict[str, Any] = {"name": "a", "start": "0 7 * * *", "end": "0 8 * * *", "minReplicas": 4}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param({"pod": {}}, "there is no image: set pod.image", id="neither image nor app"),
        pytest.param({"pod": {}, "appRef": {"name": "A B"}}, "name of an OsnovciApp", id="no app"),
        pytest.param(
            {"replicas": 1, "scaling": {"maxReplicas": 2}},
            "remove scaling to fix the count",
            id="replicas and scaling at once",
        ),
        pytest.param(
            {"replicas": 1, "scaling": {"mode": "DryRun", "maxReplicas": 2}},
            'supported values: "Enforce", "Recommend"',
            id="no mode of scaling",
        ),
        pytest.param(
            {"scaling": {"maxReplicas": 2, "floors": [FLOOR]}},
            "a floor's minReplicas is above maxReplicas",
            id="a floor above the most",
        ),
        pytest.param(
            {"scaling": {"maxReplicas": 9, "floors": [FLOOR, FLOOR]}},
            "Duplicate value",
            id="two floors of a name",
        ),
        pytest.param(
            {"scaling": {"maxReplicas": 9, "floors": [FLOOR | {"end": FLOOR["start"]}]}},
            "start and end are the same moments",
            id="a floor without a length",
        ),
        pytest.param(
            {"scaling": {"maxReplicas": 9, "floors": [FLOOR | {"start": "at dawn"}]}},
            "must be five fields",
            id="a floor at no time",
        ),
        pytest.param(
            {"scaling": {"minReplicas": 3, "maxReplicas": 2}},
            "minReplicas is above maxReplicas",
            id="bounds crossed",
        ),
        pytest.param(
            {"pod": {"image": "x", "resources": {"requests": {"cpu": "lots"}}}},
            "must be a quantity of zero or more",
            id="no quantity",
        ),
        pytest.param(
            {"pod": {"image": "x", "resources": {"limits": {"memory": "-5Mi"}}}},
            "must be a quantity of zero or more",
            id="a negative quantity",
        ),
        pytest.param(
            {"pod": {"image": "x", "resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}},
            "a request is above its limit",
            id="a request above its limit",
        ),
        pytest.param({"pod": {"image": "a b"}}, "an image without spaces", id="no image"),
        pytest.param(
            {"pod": {"image": "x", "serviceAccountName": "My Account"}},
            "the name of a ServiceAccount",
            id="no service account",
        ),
        pytest.param({"concurrency": 65}, "is for isolation Thread alone", id="too many processes"),
        pytest.param({"tasks": []}, "spec.tasks", id="no tasks"),
        pytest.param(
            {"tasks": ["homework-jobs"]}, "the name of a Python module", id="no module's name"
        ),
        pytest.param(
            {"queues": [{"name": "e mail"}]}, "begin and end with a letter", id="a space in a queue"
        ),
        pytest.param(
            {"queues": [{"name": "a"}, {"name": "a"}]}, "Duplicate value", id="a queue twice"
        ),
        pytest.param(
            {"queues": [{"name": "a", "timeout": "5 minutes"}]},
            "such as 500ms, 5s, 3m or 1h30m",
            id="a duration in words",
        ),
        pytest.param(
            {"queues": [{"name": "a", "timeout": "9999999999h"}]},
            "at most five digits for each unit",
            id="a duration of a million years",
        ),
        pytest.param(
            {"queues": [{"name": "a", "timeot": "5m"}]}, "unknown field", id="a field misspelt"
        ),
        pytest.param(
            {"schedules": [REMINDERS | {"cron": "0 0 7 * * *"}]},
            "must be five fields, minute hour day-of-month month day-of-week",
            id="a schedule with seconds",
        ),
        pytest.param(
            {"schedules": [REMINDERS | {"queue": "other"}]},
            "a schedule names a queue that this pool has not",
            id="a schedule of another pool's queue",
        ),
        pytest.param(
            {"schedules": [REMINDERS | {"task": "os.system"}]},
            "a schedule's task is in no module of tasks",
            id="a schedule of a task that is not allowed",
        ),
        pytest.param(
            {"memoryLimit": "256Mi", "isolation": "Thread"},
            "memoryLimit needs processes",
            id="a limit of processes for threads",
        ),
        pytest.param({"memoryLimit": "1Mi"}, "at least 32Mi", id="too little memory"),
        pytest.param(
            {"queues": [{"name": "a", "rate": {"limit": 1, "window": "1ms"}}]},
            "window is below 100ms",
            id="a rate for no time",
        ),
        pytest.param(
            {"queues": [{"name": "a", "maxActive": 0}]}, "maxActive", id="a queue that runs nothing"
        ),
        pytest.param(
            {"pod": {"image": "x", "env": [{"name": "OSNOVCI_POD", "value": "mine"}]}},
            "set by the operator",
            id="a reserved variable",
        ),
    ],
)
def test_the_api_server_refuses(spec: dict[str, Any], sentence: str, redis: Redis) -> None:
    manifest = TestPool("refused", redis).manifest(**spec)
    with pytest.raises(ClusterError, match=sentence):
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))


def test_the_api_server_refuses_a_name_that_no_label_can_hold(redis: Redis) -> None:
    manifest = TestPool("a" * 64, redis).manifest(replicas=1, queues=[{"name": "a"}])
    with pytest.raises(ClusterError, match="longer than 63 characters"):
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest))


@pytest.mark.parametrize(
    ("volumes", "sentence"),
    [
        pytest.param([{"name": "a", "nonsense": {}}], "nonsense", id="a field nobody knows"),
        pytest.param(
            [{"name": "a", "emptyDir": {"sizeLimit": "lots"}}], "quantities", id="no quantity"
        ),
        pytest.param([{"name": "a"}, {"name": "a"}], "duplicate entries", id="a volume twice"),
    ],
)
def test_a_pod_that_the_api_server_refuses_is_a_condition(
    volumes: list[dict[str, Any]], sentence: str, pool: MakePool
) -> None:
    jobs = pool(replicas=1, pod={"image": "osnovci/homework:dev", "volumes": volumes})
    eventually(lambda: jobs.condition("Ready").get("reason") == "PodRefused")
    assert sentence in jobs.condition("Ready")["message"]
    good = json.dumps({"spec": {"pod": {"volumes": None}}})
    jobs.kubectl("patch", "qpool", jobs.name, "--type=merge", "-p", good)
    jobs.wait(ready=1)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        pytest.param(
            {"tasks": ["homework.nothing"]},
            "spec.tasks names the module homework.nothing, which this image cannot import",
            id="a module that the image has not",
        ),
        pytest.param(
            {"pod": {"image": "osnovci/nowhere:1"}}, "cannot start, ErrImage", id="no such image"
        ),
        pytest.param(
            {"pod": {"image": "osnovci/homework:dev", "nodeSelector": {"of": "none"}}},
            "cannot be scheduled: 0/",
            id="no node for it",
        ),
    ],
)
def test_a_pool_tells_why_its_workers_do_not_start(
    spec: dict[str, Any], sentence: str, pool: MakePool
) -> None:
    jobs = pool(replicas=1, **spec)

    def told() -> bool:
        ready = jobs.condition("Ready")
        return ready.get("reason") == "WorkersNotStarting" and sentence in ready["message"]

    eventually(told, within=150)


def test_a_queue_belongs_to_the_older_pool_until_that_is_gone(pool: MakePool) -> None:
    older = pool(replicas=0)
    eventually(lambda: older.condition("Ready"))
    # The API server counts ages in whole seconds.
    made = datetime.fromisoformat(older.get()["metadata"]["creationTimestamp"])
    eventually(lambda: datetime.now(UTC) - made > timedelta(seconds=1))
    younger = pool(replicas=1, queues=[{"name": older.queue}])
    eventually(lambda: younger.condition("Ready").get("reason") == "QueueTaken")
    assert older.name in younger.condition("Ready")["message"]
    assert not younger.pods()
    older.kubectl("delete", "qpool", older.name)
    younger.wait(ready=1)


def test_a_deployment_of_another_is_left_alone(redis: Redis) -> None:
    jobs = TestPool("left-alone", redis)
    create = ("create", "deployment", jobs.name, "--image=osnovci/redis:dev", "--replicas=0")
    jobs.kubectl(*create)
    try:
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(jobs.manifest(replicas=1)))
        eventually(lambda: jobs.condition("Ready").get("reason") == "NameTaken")
        image = jobs.kubectl("get", "deployment", jobs.name, "-o", "jsonpath={..image}")
        assert image == "osnovci/redis:dev"
        jobs.kubectl("delete", "deployment", jobs.name)
        jobs.kubectl("annotate", "qpool", jobs.name, "again=1")
        jobs.wait(ready=1)
    finally:
        jobs.kubectl("delete", "qpool,deployment", jobs.name, "--ignore-not-found")
