"""What an answer tells of limits."""

from limits import limit, window

from osnovci.limits import fields
from osnovci.limits.limit import Decision, State

NOW = 1_700_000_000.0
WINDOWS = [
    window(limit("global", max=100, window_ms=900_000)),
    window(limit("api", max=60)),
    window(limit("tried", is_tried=True)),
]


def test_an_answer_tells_of_the_nearest_limit_and_of_all_policies() -> None:
    decision = Decision(
        True, WINDOWS, [State(40, 500_000, 0), State(12, 30_500, 0), State(0, 9, 9)]
    )
    assert dict(fields.headers(decision, NOW)) == {
        b"x-ratelimit-limit": b"60",
        b"x-ratelimit-remaining": b"12",
        b"x-ratelimit-reset": b"2023-11-14T22:13:50.500Z",
        b"ratelimit-policy": b'"global";q=100;w=900, "api";q=60;w=60',
        b"ratelimit": b'"api";r=12;t=31',
    }


def test_a_denial_tells_of_the_longest_wait() -> None:
    decision = Decision(
        False, WINDOWS, [State(0, 90_000, 90_000), State(0, 30_500, 30_500), State(0, 9, 9)]
    )
    told = dict(fields.headers(decision, NOW))
    assert told[b"retry-after"] == b"90"
    assert told[b"ratelimit"] == b'"global";r=0;t=90'
    assert fields.body(decision, NOW) == {
        "error": "too many requests: at most 100 in 15m; try again in 1m30s",
        "reset": "2023-11-14T22:14:50.000Z",
    }


def test_limits_that_are_only_tried_are_not_told() -> None:
    assert fields.headers(Decision(True, WINDOWS[2:], [State(0, 9, 9)]), NOW) == []
