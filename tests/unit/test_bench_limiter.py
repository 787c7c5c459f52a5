"""What the limiter's measurement calls beyond a limit, and fewer than an exact limiter lets through."""

from itertools import islice, pairwise

from limits import limit

from benchmarks import limiter_server
from benchmarks.limiter_bursts import bursts, held

TWO = limit(max=2, window_ms=100)


def test_a_unit_is_beyond_where_as_many_as_the_limit_are_within_the_window() -> None:
    assert held(TWO, [0, 10, 99], [True, True, True]).beyond == 1
    assert held(TWO, [0, 10, 100], [True, True, True]).beyond == 0


def test_the_share_is_of_what_an_exact_limiter_lets_through() -> None:
    moments = [0, 10, 99, 100, 250]
    assert held(TWO, moments, [True, True, False, True, True]).share == 1
    assert held(TWO, moments, [True, True, False, False, True]).share == 0.75


def test_traffic_runs_forward_and_is_the_same_each_time() -> None:
    moments = list(islice(bursts(TWO, 1), 500))
    assert moments == sorted(moments) == list(islice(bursts(TWO, 1), 500))
    requests = list(islice(limiter_server.traffic(), 500))
    assert requests == list(islice(limiter_server.traffic(), 500))
    assert all(one[0] < other[0] for one, other in pairwise(requests))
