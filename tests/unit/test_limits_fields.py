"""What an answer tells of limits."""

from hypothesis import given
from hypothesis import strategies as st
from limits import limit, window

from osnovci.limits import fields
from osnovci.limits.limit import Decision, Form, Limit, Question, State

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


KINDS = [
    limit("log", max=7),
    limit("ticks", max=1000),
    limit("ring", max=1000, exact=True),
    limit("tried-log", max=7, is_tried=True),
    limit("tried", max=1000, is_tried=True),
]


@given(
    chosen=st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
    said=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 10**7)), min_size=5, max_size=5),
    full=st.none() | st.integers(0, 4),
)
def test_the_short_way_to_read_an_answer_tells_what_the_long_one_does(
    chosen: list[Limit], said: list[tuple[int, int]], full: int | None
) -> None:
    question = Question.of(window(each) for each in chosen)
    reply: list[int] = []
    for each, (remaining, reset_ms) in zip(question.windows, said, strict=False):
        is_log = each.limit.form == Form.LOG
        reply += [reset_ms * 256 + remaining] if is_log else [remaining, reset_ms]
    reply += [0] * (3 - len(reply))
    if full is not None:
        ends = len(question.windows) * 2 - sum(w.limit.form == Form.LOG for w in question.windows)
        waits = [5 if n == full % len(chosen) else 0 for n in range(len(chosen))]
        reply[ends:] = [*waits, 0] if reply == [reply[0], 0, 0] else waits
    told = fields.Passed([each.limit for each in question.windows]).headers(reply, NOW)
    if full is None:
        assert told is not None
        assert list(told) == fields.headers(question.parse(reply), NOW)
    else:
        assert told is None
