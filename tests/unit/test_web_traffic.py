"""Counts of requests, and the figures of a stretch of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osnovci.web.traffic import BOUNDS, GROWTH, Figures, Traffic, Window, between


def served(traffic: Traffic, *seconds: float, status: int = 200) -> Traffic:
    for each in seconds:
        traffic.in_flight += 1
        traffic.ended(status, each)
    return traffic


def test_nothing_is_nothing() -> None:
    counts = Traffic().counts()
    assert between(counts, counts, 1) == Figures(0, 0, 0, None)


def test_figures_are_those_of_the_time_between() -> None:
    traffic = served(Traffic(), *[5.0] * 100, status=500)
    before = traffic.counts()
    served(traffic, *[0.01] * 18)
    served(traffic, 0.01, status=404)
    served(traffic, 0.01, status=500)
    found = between(before, traffic.counts(), 4)
    assert (found.requests_per_second, found.error_rate) == (5, 0.05)
    assert found.p95_seconds == pytest.approx(0.01, rel=GROWTH - 1)
    assert traffic.in_flight == 0


def test_what_was_turned_away_is_an_error_and_has_no_latency() -> None:
    traffic = Traffic()
    before = traffic.counts()
    traffic.turned_away()
    served(traffic, 0.1)
    found = between(before, traffic.counts(), 2)
    assert (found.requests_per_second, found.shed_per_second, found.error_rate) == (1, 0.5, 0.5)
    assert found.p95_seconds == pytest.approx(0.1, rel=GROWTH - 1)


def test_what_takes_longer_than_all_bounds_counts_as_the_last() -> None:
    traffic = Traffic()
    before = traffic.counts()
    found = between(before, served(traffic, 1000.0).counts(), 1)
    assert found.p95_seconds == round(BOUNDS[-1], 6)
    assert BOUNDS[-1] > 60


@given(st.lists(st.floats(0.0005, 60), min_size=1, max_size=200))
def test_the_percentile_is_exact_to_a_tenth(seconds: list[float]) -> None:
    traffic = Traffic()
    before = traffic.counts()
    found = between(before, served(traffic, *seconds).counts(), 1).p95_seconds
    exact = sorted(seconds)[-(-len(seconds) * 95 // 100) - 1]
    assert found is not None
    assert exact * 0.999 <= found <= exact * GROWTH * 1.001


def test_the_window_is_ten_seconds_long() -> None:
    traffic = Traffic()
    window = Window(0, traffic.counts())
    served(traffic, *[0.1] * 10)
    assert window.figures(1, traffic.counts()).requests_per_second == 10
    assert window.figures(10, traffic.counts()).requests_per_second == 1
    assert window.figures(11, traffic.counts()).requests_per_second == 0
    served(traffic, 0.1)
    assert window.figures(20, traffic.counts()).requests_per_second == 0.1
