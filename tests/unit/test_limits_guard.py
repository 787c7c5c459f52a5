"""What is decided around Redis: remembered denials, the breaker, failure modes, statistics."""

import pytest
from limits import limit, window
from redis.exceptions import ResponseError

from osnovci.breaker import Breaker
from osnovci.limit_contract import FailureMode, LimiterState
from osnovci.limits import guard
from osnovci.limits.denials import SUBJECTS_MAX, Denials
from osnovci.limits.guard import Guard, LimiterAwayError
from osnovci.limits.limit import Decision, Question, State, Window
from osnovci.limits.local import LocalWindows

AWAY = OSError("no Redis")
ASKED = Question.of([window(limit(max=2))])


def denied(question: Question, retry_ms: int) -> Decision:
    return Decision(False, question.windows, [State(0, retry_ms, retry_ms)])


def test_who_is_denied_is_not_asked_about_until_it_is_free() -> None:
    found = Guard()
    found.answered(ASKED, denied(ASKED, 500), asked_at=10.0)
    again = found.known(ASKED, 10.25)
    assert again
    assert not again.allowed
    assert again.retry_ms == 251  # never too early
    assert found.known(ASKED, 10.5) is None
    assert found.denials.sums == {"limits/denied": 2}


def test_a_denial_of_a_greater_cost_tells_nothing_of_a_smaller_one() -> None:
    found, greater = Guard(), Question.of(ASKED.windows, 2)
    found.answered(greater, denied(greater, 500), asked_at=10.0)
    assert found.known(ASKED, 10.1) is None


def test_a_reset_or_new_policies_are_asked_about_at_once() -> None:
    found = Guard()
    for forgotten in (None, ASKED.windows[0]):
        found.answered(ASKED, denied(ASKED, 500), asked_at=10.0)
        found.forget(forgotten)
        assert found.known(ASKED, 10.1) is None


@pytest.mark.parametrize("forgotten", [None, ASKED.windows[0]])
def test_a_denial_asked_for_before_something_was_forgotten_is_not_remembered(
    forgotten: Window | None,
) -> None:
    found = Guard()
    assert found.known(ASKED, 10.0) is None
    found.forget(forgotten)
    assert not found.answered(ASKED, denied(ASKED, 500), asked_at=10.0).allowed
    assert found.known(ASKED, 10.1) is None
    found.answered(ASKED, denied(ASKED, 500), asked_at=10.1)
    assert found.known(ASKED, 10.2)


def test_a_denial_tells_nothing_of_another_limit_of_the_same_name() -> None:
    found, greater = Guard(), Question.of([window(limit(max=3))])
    assert greater.windows[0].key == ASKED.windows[0].key
    found.answered(ASKED, denied(ASKED, 500), asked_at=10.0)
    assert found.known(greater, 10.1) is None
    assert found.known(ASKED, 10.1)


def test_a_denial_of_a_tried_limit_is_counted_and_not_remembered() -> None:
    found, tried = Guard(), Question.of([window(limit(is_tried=True))])
    found.answered(tried, Decision(True, tried.windows, [State(0, 500, 500)]), asked_at=10.0)
    assert found.known(tried, 10.1) is None
    assert found.denials.sums == {"limits/wouldDeny": 1}


def test_a_denial_of_an_applications_own_limit_is_remembered_for_a_second() -> None:
    found, own = Guard(), Question.of([window(limit(policy=""))])
    found.answered(own, denied(own, 60_000), asked_at=10.0)
    again = found.known(own, 10.5)
    assert again
    assert again.retry_ms == 59_501
    assert found.known(own, 11.0) is None


def test_remembered_denials_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BLOCKED_MAX", 3)
    found = Guard()
    asked = [Question.of([window(limit(), f"user {n}")]) for n in range(5)]
    for each in asked:
        found.answered(each, denied(each, 500), asked_at=10.0)
    assert [found.known(each, 10.1) is None for each in asked] == [True, True, False, False, False]


def test_after_three_failures_redis_is_asked_once_a_second() -> None:
    found = Guard()
    for now in (0.95, 1.05, 1.15):
        assert found.known(ASKED, now) is None
        found.failed(ASKED, AWAY, now, now + 0.05)
    assert found.known(ASKED, 1.3) is not None
    assert found.known(ASKED, 2.2) is None
    assert found.known(ASKED, 2.25) is not None
    assert found.state(2.3) == LimiterState.FALLBACK
    found.answered(ASKED, Decision(True, ASKED.windows, [State(1, 1, 0)]), asked_at=2.2)
    assert found.known(ASKED, 2.4) is None
    assert found.state(2.4) == LimiterState.REDIS


def test_what_was_under_way_together_is_one_failure() -> None:
    found = Guard()
    for _ in range(100):
        found.failed(ASKED, AWAY, 1.0, 1.05)
    assert found.known(ASKED, 1.1) is None
    for asked_at in (1.1, 1.2):
        found.failed(ASKED, AWAY, asked_at, asked_at + 0.05)
    assert found.known(ASKED, 1.3) is not None


@pytest.mark.parametrize(("answer", "asks"), [("WRONGTYPE of a key", "yes"), ("OOM", "no")])
def test_what_redis_refuses_for_one_key_keeps_no_other_question_from_it(
    answer: str, asks: str
) -> None:
    found = Guard()
    for now in (0.95, 1.05, 1.15):
        found.failed(ASKED, ResponseError(answer), now, now + 0.05)
    assert ("yes" if found.known(ASKED, 1.3) is None else "no") == asks


def fail(found: Guard, *asked_at: float, has_session: bool = False) -> None:
    """Have each fail after the 50 ms of limits, or the 250 of sessions."""
    budget_seconds = 0.25 if has_session else 0.05
    for now in asked_at:
        found.failed(ASKED, AWAY, now, now + budget_seconds, has_session=has_session)


def test_that_limits_alone_fail_keeps_no_session_from_redis() -> None:
    found = Guard()
    fail(found, 1.0, 1.1, 1.2)
    assert found.known(ASKED, 1.3) is not None
    assert found.known(ASKED, 1.3, has_session=True) is None
    assert found.may_answer_sessions


def test_a_redis_that_fails_sessions_too_is_waited_for_by_nobody() -> None:
    found = Guard()
    fail(found, 1.0, 1.1, 1.2)
    # Under way with the first of them, it is part of that failure, and tells more.
    fail(found, 1.0, has_session=True)
    assert found.known(ASKED, 1.3, has_session=True) is not None
    assert not found.may_answer_sessions
    assert found.known(ASKED, 2.3, has_session=True) is None
    found.reached()
    assert found.known(ASKED, 2.4, has_session=True) is None
    assert found.may_answer_sessions
    fail(found, 2.5, 2.6, 2.7)
    assert found.known(ASKED, 2.8, has_session=True) is None


def test_one_failure_of_a_session_keeps_nobody_from_redis() -> None:
    found = Guard()
    fail(found, 1.0, 1.3, has_session=True)
    assert found.known(ASKED, 1.6, has_session=True) is None
    fail(found, 1.6, has_session=True)
    assert found.known(ASKED, 1.9, has_session=True) is not None
    assert found.known(ASKED, 1.9) is not None


def test_an_answer_that_comes_late_lets_sessions_ask_and_one_question_of_limits() -> None:
    breaker = Breaker()
    found = Guard(breaker=breaker)
    fail(found, 1.0, 1.1, 1.2)
    fail(found, 1.0, has_session=True)
    breaker.heard_late()
    assert found.known(ASKED, 1.3, has_session=True) is None
    assert found.may_answer_sessions
    assert found.known(ASKED, 1.3) is None
    assert found.known(ASKED, 1.3) is not None
    assert found.state(1.3) == LimiterState.FALLBACK


def test_who_was_refused_is_not_answered_by_longer_waiting() -> None:
    found = Guard()
    found.failed(ASKED, ResponseError("OOM"), 1.0, 1.01)
    assert not found.may_answer_sessions
    found.reached()
    assert found.may_answer_sessions


def test_nobody_is_told_of_a_fallback_that_nobody_met_for_long() -> None:
    found = Guard()
    found.failed(ASKED, AWAY, 0.9, 1.0)
    assert found.state(1.5) == LimiterState.FALLBACK
    assert found.state(60.0) == LimiterState.REDIS


def test_open_is_not_unlimited() -> None:
    found = Guard()
    decisions = [found.failed(ASKED, AWAY, 0.9, 1.0 + n / 10).allowed for n in range(4)]
    assert decisions == [True, True, False, False]


def test_each_process_of_a_pod_has_its_share() -> None:
    found = Guard(processes=2)
    assert [found.alone(ASKED, 1.0).allowed for _ in range(2)] == [True, False]


def test_counting_alone_holds_a_subject_against_the_limit_as_it_is_now() -> None:
    alone = LocalWindows(processes=1)

    def asked(most: int, window_ms: int) -> bool:
        question = Question.of([window(limit(max=most, window_ms=window_ms))])
        return alone.ask(question, 0).allowed

    assert [asked(5, 60_000), asked(5, 60_000)] == [True, True]
    assert not asked(2, 60_000)
    assert asked(3, 60_000)
    [state] = alone.ask(Question.of([window(limit(max=3, window_ms=1000))]), 1).states
    assert state.retry_ms == 999


def test_closed_turns_away_and_counts_nothing() -> None:
    found = Guard()
    shut = Question.of([*ASKED.windows, window(limit("auth", failure_mode=FailureMode.CLOSED))])
    with pytest.raises(LimiterAwayError, match="limit auth lets none"):
        found.failed(shut, AWAY, 0.9, 1.0)
    assert found.alone(ASKED, 1.0).states[0].remaining == 1


def test_counting_alone_forgets_who_came_longest_ago() -> None:
    alone = LocalWindows(processes=1, most=3)
    asked = [Question.of([window(limit(max=1), f"user {n}")]) for n in range(4)]
    for each in asked[:3]:
        alone.ask(each, 0)
    assert not alone.ask(asked[0], 1).allowed
    alone.ask(asked[3], 2)
    assert len(alone) == 3
    assert not alone.ask(asked[0], 3).allowed
    assert alone.ask(asked[1], 4).allowed


def test_counting_alone_takes_no_more_memory_than_it_may() -> None:
    alone = LocalWindows(processes=1, most_runs=10)
    asked = [Question.of([window(limit(max=5), f"user {n}")]) for n in range(4)]
    for each in asked[:2]:
        assert [alone.ask(each, n).allowed for n in range(5)] == [True] * 5
    alone.ask(asked[2], 5)
    assert len(alone) == 2
    assert not alone.ask(asked[1], 6).allowed
    alone.forget(asked[1].windows[0])
    for each in asked[2:]:
        alone.ask(each, 7)
    assert len(alone) == 2
    # What is over makes room.
    for n in range(4):
        alone.ask(asked[n], 100_000)
    assert len(alone) == 4


def test_denials_are_told_in_few_commands_and_not_lost() -> None:
    counted = Denials()
    for n in range(SUBJECTS_MAX + 10):
        counted.note(window(limit(), f"user {n}"))
    counted.note(window(limit(policy="")))
    taken = counted.take()
    assert counted.commands("homework", "web") == []
    counted.note(window(limit(), "user 1"))
    counted.put_back(taken)
    assert counted.sums == {"limits/denied": SUBJECTS_MAX + 11}
    commands = counted.commands("homework", "web")
    assert len(commands) <= SUBJECTS_MAX + 10
    assert ("ZINCRBY", "osnovci:{homework}:limits:top:web:limits", 2, "api user 1") in commands
