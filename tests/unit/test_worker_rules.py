"""What a queue says of jobs that say nothing themselves, and the order of a stop."""

import os
import signal
from collections.abc import Iterator

import pytest
from waiting import eventually

from osnovci.contract import RetryDocument
from osnovci.queues.drain import HURRY, HURRY_SECONDS, Drain
from osnovci.queues.processes import Process, die_with_parent
from osnovci.signals import Bell

THREE = RetryDocument(limit=3, initial_seconds=1, factor=2, max_seconds=60)


@pytest.mark.parametrize(
    ("retries", "waits"),
    [
        pytest.param(THREE, [1, 2, 4], id="the seed's three"),
        pytest.param(THREE.model_copy(update={"limit": 0}), [], id="none"),
        pytest.param(THREE.model_copy(update={"max_seconds": 3}), [1, 2, 3], id="bounded"),
        pytest.param(THREE.model_copy(update={"factor": 1}), [1, 1, 1], id="even"),
    ],
)
def test_waits(retries: RetryDocument, waits: list[float]) -> None:
    assert retries.waits_seconds() == waits


def signals(drain: Drain, moments: list[float]) -> list[tuple[float, signal.Signals]]:
    sent: list[tuple[float, signal.Signals]] = []
    for moment in moments:
        number, drain = drain.due(moment)
        if number:
            sent.append((moment, number))
    return sent


def test_a_stop_asks_then_hurries_then_forces() -> None:
    end = 30 + HURRY_SECONDS
    drain = Drain.begin(now=0, grace=30)
    assert signals(drain, [0, 1, 29, 30, 31, end, end + 1]) == [
        (0, signal.SIGTERM),
        (30, HURRY),
        (end, signal.SIGKILL),
    ]


def test_a_hurried_stop_ends_the_grace() -> None:
    _, drain = Drain.begin(now=0, grace=30).due(0)
    drain = drain.hurried(now=5)
    assert signals(drain, [5, 6, 5 + HURRY_SECONDS]) == [
        (5, HURRY),
        (5 + HURRY_SECONDS, signal.SIGKILL),
    ]
    _, drain = drain.due(5)
    assert drain.hurried(now=6) == drain


def test_a_process_whose_parent_died_before_it_could_ask_for_its_end_leaves() -> None:
    pid = os.fork()
    if not pid:
        die_with_parent(parent=0)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


@pytest.fixture
def bell() -> Iterator[Bell]:
    """Hears what a first process does, as long as the test runs."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    bell = Bell()
    bell.listen()
    yield bell
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    bell.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, HURRY])
def test_a_process_that_was_only_just_forked_hears_a_stop(bell: Bell, number: int) -> None:
    process = Process("one", signal.pause, in_child=bell.close)
    process.start_if_due(now=0)
    assert process.pid
    process.signal(number)
    try:
        _, status = eventually(lambda: pair if (pair := ended(process.pid))[0] else None)
    except TimeoutError:
        process.signal(signal.SIGKILL)
        raise
    assert os.waitstatus_to_exitcode(status) == -number


def ended(pid: int | None) -> tuple[int, int]:
    assert pid
    return os.waitpid(pid, os.WNOHANG)
