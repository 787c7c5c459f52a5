"""What the limiter's measurement calls beyond a limit, and fewer than an exact limiter lets through."""

from itertools import islice, pairwise

import pytest
from limits import limit

from benchmarks import limiter_server
from benchmarks.limiter_bursts import bursts, held

TWO = limit(max=2, window_ms=100)


def test_a_unit_is_beyond_where_as_many_as_the_limit_are_within_the_window() -> None:
    assert held(TWO, [0, 10, 99], [True, True, True]).beyond == 1
    assert held(TWO, [0, 10, 100], [True, True, True]).beyond == 0


def test_a_denial_is_unpromised_where_the_window_and_a_tick_have_room() -> None:
    assert held(TWO, [0, 10, 99], [True, True, False]).unpromised == 0
    assert held(TWO, [0, 10, 100], [True, True, False]).unpromised == 1
    ticks = limit(max=200, window_ms=6_000)
    for at, unpromised in ((6_098, 0), (6_099, 1)):
        assert held(ticks, [0] * 200 + [at], [True] * 200 + [False]).unpromised == unpromised


def test_the_share_is_of_what_an_exact_limiter_lets_through() -> None:
    moments = [0, 10, 99, 100, 250]
    assert held(TWO, moments, [True, True, False, True, True]).share == 1
    assert held(TWO, moments, [True, True, False, False, True]).share == pytest.approx(2 / 3)


def test_the_share_is_the_mean_of_the_last_window() -> None:
    moments = [0, 10, 100, 120, 150]
    # an exact one lets three through until 120, and then one more
    assert held(TWO, moments, [True, True, False, True, False]).share == pytest.approx(
        (50 * 1 + 20 * 2 / 3 + 30 * 3 / 4) / 100
    )


def test_traffic_runs_forward_and_is_the_same_each_time() -> None:
    moments = list(islice(bursts(TWO, 1), 500))
    assert moments == sorted(moments) == list(islice(bursts(TWO, 1), 500))
    requests = list(islice(limiter_server.traffic(), 500))
    assert requests == list(islice(limiter_server.traffic(), 500))
    assert all(one[0] < other[0] for one, other in pairwise(requests))
