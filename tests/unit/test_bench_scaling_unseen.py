"""The traces that nobody tunes on: one of each kind, the same for a seed, loads that a pool can carry.

No policy is replayed here: whoever sees what one does on them can no longer write blindly.
"""

from functools import cache

import pytest

from benchmarks import scaling_traces, scaling_unseen, scaling_unseen_second
from benchmarks.scaling_traces import LAST_ARRIVAL, LENGTH, SEEDS, Case

TUNED_ON = scaling_traces.CASES
FIRST, SECOND = scaling_unseen.CASES, scaling_unseen_second.CASES

each_case = pytest.mark.parametrize("case", [*FIRST, *SECOND], ids=lambda case: case.name)
each_set = pytest.mark.parametrize("cases", [FIRST, SECOND], ids=["first", "second"])
each_seed = pytest.mark.parametrize("seed", SEEDS)

Jobs = tuple[tuple[float, float], ...]


@cache
def jobs_of(case: Case, seed: int) -> Jobs:
    return case.trace(seed).jobs


def kind(case: Case) -> str:
    return case.name.partition(":")[0]


@each_set
def test_there_is_one_of_each_kind_that_is_known(cases: tuple[Case, ...]) -> None:
    kinds = sorted(kind(case) for case in cases)
    assert kinds == sorted(case.name for case in TUNED_ON)


def test_none_is_called_as_another() -> None:
    assert len({case.name for case in (*TUNED_ON, *FIRST, *SECOND)}) == 42


def test_each_of_a_kind_asks_for_another_wait_and_other_slots() -> None:
    for known in TUNED_ON:
        cases = [case for case in (*TUNED_ON, *FIRST, *SECOND) if kind(case) == known.name]
        assert all(10 <= case.wait <= 60 for case in cases)
        assert len({case.wait for case in cases}) == len({case.slots for case in cases}) == 3


@each_case
def test_a_seed_makes_the_same_trace_again_and_another_seed_another(case: Case) -> None:
    assert case.trace(1).jobs == jobs_of(case, 1)
    assert jobs_of(case, 1) != jobs_of(case, 2)


@each_case
@each_seed
def test_jobs_come_in_order_and_early_enough_to_end(case: Case, seed: int) -> None:
    jobs = jobs_of(case, seed)
    arrivals = [at for at, _ in jobs]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 0
    assert arrivals[-1] < LAST_ARRIVAL
    assert all(0 < service < LENGTH - LAST_ARRIVAL for _, service in jobs)


@each_case
@each_seed
def test_the_load_is_one_that_50_workers_carry(case: Case, seed: int) -> None:
    jobs = jobs_of(case, seed)
    assert 10 <= len(jobs) <= 15_000
    assert busiest(jobs, minutes=10) / case.slots <= 30


def busiest(jobs: Jobs, minutes: int) -> float:
    """Give the mean of busy slots that the work which comes in the busiest minutes asks for."""
    span = minutes * 60
    work = [0.0] * (int(LENGTH) // span)
    for at, service in jobs:
        work[int(at) // span] += service
    return max(work) / span


@each_case
def test_faults_happen_while_jobs_come_and_in_order(case: Case) -> None:
    moments = [moment for gap in case.blackouts for moment in (gap.begin, gap.end)]
    for of in (moments, list(case.kills)):
        assert of == sorted(of)
        assert all(0 < moment < LAST_ARRIVAL for moment in of)


@each_set
def test_only_the_kinds_of_faults_have_any(cases: tuple[Case, ...]) -> None:
    assert [kind(case) for case in cases if case.blackouts] == ["missing and false readings"]
    assert [kind(case) for case in cases if case.kills] == ["pods killed"]
