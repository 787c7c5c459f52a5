"""Which workers drain, and when the count is lowered."""

from dataclasses import replace
from typing import Any

import pytest
from builders import AWAY, reading, scaling, seen, spec, workers
from crews import BOUND, LONG_AGO, NOW, OVERDUE, beat, worker

from osnovci.contract import DrainRequest, WorkerState
from osnovci_operator.queuepool.crew import SILENT_MS, Crew, Worker
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.drain import AGAIN, plan

IDLE, BUSY, STARTS = worker("idle"), worker("busy", 2), worker("starts", None, ready=False)


@pytest.mark.parametrize(
    ("workers", "asked", "count", "expected"),
    [
        pytest.param([IDLE, BUSY], 2, 2, {}, id="nobody is asked where the count stays"),
        pytest.param([IDLE, BUSY], 2, 5, {"replicas": 5}, id="a rise is at once"),
        pytest.param(
            [BUSY, IDLE],
            2,
            1,
            {"replicas": 2, "asks": {"idle"}, "note": "1 idle worker drains"},
            id="an idle one is asked and not a busy one",
        ),
        pytest.param(
            [BUSY, IDLE, STARTS],
            3,
            2,
            {"replicas": 3, "asks": {"starts"}, "note": "1 starting worker drains"},
            id="one that starts costs least",
        ),
        pytest.param(
            [worker("two", 2), worker("one", 1), worker("three", 3)],
            3,
            1,
            {"replicas": 3, "asks": {"one", "two"}, "note": "2 busy workers drain"},
            id="where all are busy, the least busy",
        ),
        pytest.param(
            [worker("a", None), BUSY],
            2,
            1,
            {"replicas": 2, "asks": {"busy"}},
            id="a ready one of which nothing is known is asked last",
        ),
        pytest.param(
            [IDLE, BUSY],
            5,
            3,
            {"replicas": 3},
            id="pods that were not made yet are not missed",
        ),
        pytest.param(
            [IDLE, BUSY],
            5,
            1,
            {"replicas": 2, "asks": {"idle"}},
            id="and the others drain",
        ),
        pytest.param(
            [worker("idle", asked=LONG_AGO, done=True), BUSY],
            2,
            1,
            {"replicas": 2, "asks": {"idle"}, "marked": {"idle"}},
            id="who has confirmed is marked",
        ),
        pytest.param(
            [worker("idle", asked=LONG_AGO, done=True, marked=True), BUSY],
            2,
            1,
            {"replicas": 1, "asks": {"idle"}},
            id="when the mark is seen the count is lowered",
        ),
        pytest.param(
            [worker("idle", asked=LONG_AGO, done=True, marked=True), BUSY],
            1,
            1,
            {"replicas": 1, "asks": {"idle"}},
            id="one that Kubernetes is about to end stays drained",
        ),
        pytest.param(
            [
                worker("a", asked=LONG_AGO, done=True, marked=True),
                worker("b", 1, asked=LONG_AGO),
                worker("c", 2),
            ],
            3,
            1,
            {"replicas": 2, "asks": {"a", "b"}},
            id="as many go as have confirmed",
        ),
        pytest.param(
            [worker("idle", asked=NOW - 1, marked=True), BUSY],
            2,
            1,
            {"replicas": 2, "asks": {"idle"}},
            id="a mark without a confirmation removes nobody",
        ),
        pytest.param(
            [worker("idle", asked=LONG_AGO, done=True, marked=True), BUSY],
            2,
            2,
            {
                "replicas": 2,
                "withdrawn": {"idle"},
                "unmarked": {"idle"},
                "note": "1 worker that drained takes jobs again",
            },
            id="a rise withdraws the request instead of starting a pod",
        ),
        pytest.param(
            [worker("long", 1, asked=LONG_AGO), worker("idle")],
            2,
            1,
            {"replicas": 2, "asks": {"idle"}, "withdrawn": {"long"}},
            id="one that is still busy is given up for one that became idle",
        ),
        pytest.param(
            [worker("short", 1, asked=NOW - 1), worker("idle")],
            2,
            1,
            {"replicas": 2, "asks": {"short"}},
            id="but it has the time to answer first",
        ),
        pytest.param(
            [
                worker("idle", asked=LONG_AGO, done=True, marked=True),
                worker("other", marked=True),
                BUSY,
            ],
            3,
            2,
            {"replicas": 3, "asks": {"idle"}, "unmarked": {"other"}},
            id="nobody goes while another one bears the mark",
        ),
        pytest.param(
            [worker("idle", asked=LONG_AGO, done=True, marked=True), worker("b", 1, ready=False)],
            2,
            1,
            {"replicas": 2, "asks": {"idle"}},
            id="nobody goes while Kubernetes would end a worker that is not ready first",
        ),
        pytest.param(
            [worker("stuck", None, asked=NOW - SILENT_MS, ready=False, marked=True), BUSY],
            2,
            1,
            {"replicas": 1, "asks": {"stuck"}},
            id="one that is not ready and tells nothing needs no confirmation",
        ),
        pytest.param(
            [worker("late", None, asked=NOW - SILENT_MS + 1, ready=False, marked=True), BUSY],
            2,
            1,
            {"replicas": 2, "asks": {"late"}},
            id="but it has the time to report",
        ),
        pytest.param(
            [worker("mute", None, asked=NOW - SILENT_MS, marked=True)],
            1,
            0,
            {"replicas": 1, "asks": {"mute"}},
            id="a ready one has to confirm",
        ),
    ],
)
def test_a_step(workers: list[Worker], asked: int, count: int, expected: dict[str, Any]) -> None:
    found = plan(Crew(asked, tuple(workers), NOW), count, BOUND)
    assert found.replicas == expected.get("replicas", asked)
    assert found.requests.keys() == expected.get("asks", set())
    assert found.withdrawn == expected.get("withdrawn", set())
    assert found.marked == expected.get("marked", set())
    assert found.unmarked == expected.get("unmarked", set())
    assert found.recheck == (AGAIN if found.requests else None)
    if "note" in expected:
        assert found.note == expected["note"]


def test_a_confirmation_counts_for_its_own_request() -> None:
    old = replace(worker("a", asked=LONG_AGO), beat=beat("a", 0, WorkerState.DRAINED, LONG_AGO - 5))
    assert not old.drained(NOW)
    assert worker("a", asked=LONG_AGO, done=True).drained(NOW)
    assert not worker("a", 1, asked=LONG_AGO, done=True).drained(NOW)


def test_nobody_goes_while_a_decision_holds() -> None:
    crew = Crew(3, (worker("idle", asked=LONG_AGO, done=True, marked=True), BUSY), NOW)
    found = plan(crew, 1, BOUND, holds=True)
    assert (found.replicas, found.requests.keys()) == (3, {"idle"})


def test_who_does_not_drain_in_time_is_asked_again_and_said_so() -> None:
    found = plan(Crew(1, (worker("late", 1, asked=OVERDUE),), NOW), 0, BOUND)
    assert found.requests == {"late": DrainRequest(asked_ms=NOW, times=2)}
    again = plan(Crew(1, (worker("late", 1, asked=NOW, times=2),), NOW), 0, BOUND)
    assert again.message == (
        "1 worker to drain, 1 not yet done; late did not drain within 5m, asked 2 times"
    )


def test_who_is_in_the_way_is_named() -> None:
    crew = Crew(2, (worker("idle", asked=LONG_AGO, done=True), worker("b", 1, ready=False)), NOW)
    assert plan(crew, 1, BOUND).message == (
        "1 worker to drain, 0 not yet done; none is removed before b, which is not ready, becomes so"
    )


def test_the_count_is_that_of_the_workers_that_stay() -> None:
    leaving = worker("a", asked=LONG_AGO, done=True, marked=True)
    drains, stays = worker("b", 1, asked=LONG_AGO), worker("c", 2)
    assert Crew(3, (leaving, drains, stays), NOW).staying == 1
    assert Crew(2, (leaving, drains, stays), NOW).staying == 1
    assert Crew(2, (drains, stays), NOW).staying == 1
    assert Crew(5, (drains, stays), NOW).staying == 4
    assert Crew(4).staying == 4


def test_workers_that_drain_are_not_among_those_asked_for() -> None:
    """So a lost state goes on from the count that was decided, and a rise is one over that."""
    crew = Crew(4, tuple(worker(name, asked=LONG_AGO) for name in ("a", "b")), NOW)
    observed = seen(workers=workers(asked=4), reading=reading(active=4), crew=crew)
    following, _ = decide(spec(scaling=scaling()), observed, ScalingState())
    assert (observed.asked, following.replicas) == (4 - 2, 2)
    held, _ = decide(
        spec(scaling=scaling()), seen(workers=workers(asked=4), reading=AWAY), ScalingState()
    )
    assert held.replicas == 4


def test_a_decision_says_more_where_there_is_more_to_say() -> None:
    decision, _ = decide(spec(replicas=2), seen(), ScalingState())
    assert decision.adding("") == decision
    assert decision.adding("1 worker to drain").message == f"{decision.message}; 1 worker to drain"


def test_a_pod_that_a_rollout_adds_is_not_taken_for_one_that_goes() -> None:
    """Kubernetes ends another in its place; who drained was asked for the decision already."""
    leaving = worker("a", asked=LONG_AGO, done=True, marked=True)
    old = (leaving, worker("b", 1), worker("c", 1))
    added = worker("new", rolled=True)
    rolling = Crew(3, (*old, added), NOW)
    assert (rolling.released, rolling.staying) == (0, 2)
    assert plan(rolling, 2, BOUND).requests.keys() == {"a"}
    lowered = Crew(2, (*old, added), NOW)
    assert (lowered.released, lowered.staying) == (1, 2)


def test_while_a_rollout_is_stuck_an_old_worker_drains_and_then_nobody() -> None:
    stuck = worker("new", None, ready=False, rolled=True)
    begun = plan(Crew(2, (worker("a"), worker("b", 1), stuck), NOW), 1, BOUND)
    assert begun.requests.keys() == {"a"}
    drained = worker("new", None, ready=False, rolled=True, asked=OVERDUE, marked=True)
    rest = plan(Crew(1, (worker("b", 1), drained), NOW), 1, BOUND)
    assert (rest.requests, rest.message, rest.recheck) == ({}, "", None)
    assert (rest.withdrawn, rest.unmarked) == ({"new"}, {"new"})


def test_who_does_not_answer_keeps_no_idle_one() -> None:
    silent, idle, busy = worker("a", asked=LONG_AGO), worker("b"), worker("c", 1)
    found = plan(Crew(3, (silent, idle, busy), NOW), 2, BOUND)
    assert (found.requests.keys(), found.withdrawn) == ({"b"}, {"a"})
    assert plan(Crew(2, (silent, busy), NOW), 1, BOUND).requests.keys() == {"a"}
