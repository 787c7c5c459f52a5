"""Jobs that came and went, from what queues hold: whatever happens, the account adds up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osnovci_operator.queuepool.flow import Flow, Runnable


def queue(
    *,
    name: str = "email",
    waiting: int = 0,
    active: int = 0,
    departed: int = 0,
    hidden: int = 0,
) -> Runnable:
    """Give a queue of which `hidden` jobs wait and may not run."""
    return Runnable(name, waiting, active, 0, waiting + active + hidden, departed, 0.0)


Looks = list[tuple[Runnable, ...]]


def after(looks: Looks) -> tuple[int, int, int]:
    flow = Flow()
    for look in looks:
        flow = flow.after(look)
    return flow.arrivals, flow.departures, flow.withdrawn


@pytest.mark.parametrize(
    ("looks", "counted"),
    [
        pytest.param([(queue(waiting=3, departed=90),)], (3, 0, 0), id="the first look"),
        pytest.param([(queue(),), (queue(waiting=3),)], (3, 0, 0), id="jobs come"),
        pytest.param(
            [(queue(waiting=3),), (queue(waiting=1, active=2),)], (3, 0, 0), id="jobs begin"
        ),
        pytest.param(
            [(queue(active=2),), (queue(active=2, departed=7),)],
            (9, 7, 0),
            id="jobs came and went between two looks",
        ),
        pytest.param(
            [(queue(waiting=5, active=1),), (queue(active=1, hidden=5),)],
            (6, 0, 5),
            id="a queue is paused",
        ),
        pytest.param(
            [(queue(active=1, hidden=5),), (queue(waiting=5, active=1),)],
            (6, 0, 0),
            id="a queue goes on",
        ),
        pytest.param(
            [(queue(), queue(name="report", waiting=4)), (queue(),)],
            (4, 0, 4),
            id="a queue is taken out of the pool",
        ),
        pytest.param(
            [(queue(),), (queue(), queue(name="report", waiting=4, departed=50))],
            (4, 0, 0),
            id="a queue is added",
        ),
        pytest.param([(queue(waiting=9),), (queue(),)], (0, 0, 0), id="jobs vanish"),
        pytest.param(
            [(queue(waiting=9),), (queue(),), (queue(waiting=9),)],
            (9, 0, 0),
            id="jobs were misread for a while",
        ),
        pytest.param(
            [(queue(active=2, departed=90),), (queue(),)], (0, 0, 0), id="Redis lost its data"
        ),
    ],
)
def test_what_came_and_went(looks: Looks, counted: tuple[int, int, int]) -> None:
    assert after(looks) == counted


EVENTS = st.lists(
    st.sampled_from(["come", "begin", "end", "again", "pause", "resume"]), max_size=60
)


@given(EVENTS, st.integers(1, 7))
def test_however_seldom_it_is_looked_at_the_account_adds_up(events: list[str], every: int) -> None:
    """A queue as it is, and one of two minds about whether it may run."""
    waiting = active = departed = 0
    paused = False
    flow = Flow().after([queue()])
    for number, event in enumerate([*events, "look"]):
        waiting += event == "come"
        paused = (paused or event == "pause") and event != "resume"
        if event == "begin" and waiting:
            waiting, active = waiting - 1, active + 1
        if event in {"end", "again"} and active:
            active, departed = active - 1, departed + 1
            waiting += event == "again"
        if event == "look" or number % every == 0:
            seen = queue(waiting=waiting, active=active, departed=departed)
            if paused:
                seen = replace(seen, waiting=0)
            flow = flow.after([seen])
            assert flow.arrivals - flow.departures - flow.withdrawn == seen.jobs
            assert flow.departures == departed
