"""What pods tell: who is ready, who starts, who leaves, and how long starts took."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import NOON, child_body, key, pool_body

from osnovci.contract import DrainRequest
from osnovci_operator.labels import DELETION_COST, FIRST_TO_GO, TEMPLATE_HASH
from osnovci_operator.pod_life import LONGEST_UNSEEN, MEASURED, Pods, horizon
from osnovci_operator.queuepool.crew import Crew, Worker
from osnovci_operator.store import Store

SECOND = timedelta(seconds=1)


def pod(
    name: str = "one",
    *,
    created: datetime = NOON,
    ready_after: int | None = None,
    leaving: bool = False,
    restarts: int = 0,
) -> dict[str, Any]:
    body = child_body(kind="Pod", name=name)
    body["metadata"]["creationTimestamp"] = created.isoformat()
    if leaving:
        body["metadata"]["deletionTimestamp"] = NOON.isoformat()
    ready: dict[str, Any] = {"type": "Ready", "status": "False"}
    if ready_after is not None:
        since = created + ready_after * SECOND
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": since.isoformat()}
    containers = [{"restartCount": restarts, "ready": True}]
    return body | {"status": {"conditions": [ready], "containerStatuses": containers}}


def store(*bodies: dict[str, Any]) -> Store:
    made = Store()
    for body in bodies:
        made.put(body)
    return made


def test_a_pod_is_ready_or_starts_or_leaves() -> None:
    made = store(
        pod("one", ready_after=3),
        pod("two", created=NOON + SECOND),
        pod("three"),
        pod("four", ready_after=3, leaving=True),
        pod("five", leaving=True),
    )
    found = made.workers(key())
    assert (found.ready, found.starting) == (1, (NOON, NOON + SECOND))
    assert made.leaving(key()) == {"four", "five"}


def test_a_pod_that_drains_is_no_worker_that_takes_jobs() -> None:
    marked = pod("one", ready_after=3)
    marked["metadata"]["annotations"] = {DELETION_COST: FIRST_TO_GO}
    made = store(marked, pod("two", ready_after=3), pod("three"))
    found = made.workers(key(), frozenset({"one", "three"}))
    assert found == Pods(ready=1, startup=3 * SECOND, startup_mean=3 * SECOND)
    assert [name for name, life in made.lives(key()).items() if life.first_to_go] == ["one"]


def test_a_crew_is_those_that_were_not_told_to_end() -> None:
    made = store(pod("one", ready_after=3), pod("two"), pod("three", leaving=True))
    request = DrainRequest(asked_ms=5)
    crew = Crew.of(2, made.lives(key()), {}, {"two": request, "gone": request}, 9)
    assert crew == Crew(2, (Worker("one"), Worker("two", ready=False, request=request)), 9)


def test_a_rollout_brings_in_the_template_of_the_youngest_pod() -> None:
    old, new = pod("old"), pod("new", created=NOON + SECOND)
    for each in (old, new):
        each["metadata"]["labels"][TEMPLATE_HASH] = each["metadata"]["name"]
    rolling = Crew.of(1, store(old, new).lives(key()), {}, {}, 9)
    assert {each.pod: each.rolled for each in rolling.workers} == {"old": False, "new": True}
    old["metadata"]["deletionTimestamp"] = NOON.isoformat()
    (left,) = Crew.of(1, store(old, new).lives(key()), {}, {}, 9).workers
    assert not left.rolled


def test_a_pod_of_no_known_age_starts_last() -> None:
    bare = child_body(kind="Pod", name="bare")
    assert store(bare, pod()).workers(key()).starting == (NOON, None)


@pytest.mark.parametrize(
    ("bodies", "seconds"),
    [
        pytest.param([pod()], None, id="it has not started yet"),
        pytest.param([pod(), pod(ready_after=7)], 7, id="it became ready"),
        pytest.param([pod(ready_after=7)], 7, id="it was ready when it was first seen"),
        pytest.param(
            [pod(ready_after=1000)], None, id="it was ready, but may have become so again"
        ),
        pytest.param([pod(), pod(ready_after=1000)], 1000, id="a long start that was watched"),
        pytest.param(
            [pod(), pod(ready_after=7), pod(), pod(ready_after=90)],
            7,
            id="one that becomes ready again has not started again",
        ),
        pytest.param(
            [pod(), pod(ready_after=300, restarts=2)], None, id="a crash says nothing of others"
        ),
        pytest.param(
            [pod("one", ready_after=9), pod("two", ready_after=4)], 9, id="the longest counts"
        ),
        pytest.param(
            [pod("slow", ready_after=60)]
            + [pod(f"pod-{number}", ready_after=4) for number in range(MEASURED)],
            4,
            id="of the last ones only",
        ),
    ],
)
def test_how_long_a_start_takes(bodies: list[dict[str, Any]], seconds: int | None) -> None:
    assert LONGEST_UNSEEN < 1000 * SECOND
    expected = None if seconds is None else seconds * SECOND
    assert store(*bodies).workers(key()).startup == expected


def test_the_mean_of_the_last_starts_is_told_beside_the_longest() -> None:
    found = store(pod("one", ready_after=9), pod("two", ready_after=4)).workers(key())
    assert found.startup_mean == 6.5 * SECOND
    assert store(pod()).workers(key()).startup_mean is None


def test_starts_are_forgotten_with_their_pool() -> None:
    made = store(pool_body(), pod(ready_after=7))
    made.remove(pool_body())
    assert made.startup(key()) is None


def test_a_job_is_due_soon_when_a_worker_could_not_start_sooner() -> None:
    assert horizon(30 * SECOND) == 32 * SECOND
    assert horizon(None) == 22 * SECOND


def test_nothing_is_known_of_a_pool_without_pods() -> None:
    assert store().workers(key()) == Pods()
