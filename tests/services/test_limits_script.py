"""check.lua on a real Redis, against a plain model of what limits mean."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import Model, StepClock, limit, window
from redis import Redis

from osnovci.limits.limit import Form, Limit, Question, State, Window
from osnovci.limits.local import LocalWindows
from osnovci.limits.with_session import SessionQuestion
from osnovci.scripted import run

pytestmark = pytest.mark.every_server

# Windows of a minute and more: keys end by the server's clock, which the tests do not set.
EXACT = [
    limit(max=1, window_ms=60_000),
    limit(max=5, window_ms=60_000),
    limit(max=128, window_ms=900_000),
    limit(max=7, window_ms=2**24 + 1),
    limit(max=20, window_ms=30 * 24 * 3600 * 1000),
    limit(max=129, window_ms=60_000, exact=True),
    limit(max=200, window_ms=2**24, exact=True),
]
BOUNDED = [limit(max=129, window_ms=60_001), limit(max=1000, window_ms=61_007), limit(max=300)]


def ids(of: Limit) -> str:
    return f"{of.max} in {of.window_ms} {of.form.name}"


slow = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def steps(of: Limit) -> Any:
    """Pauses from none to beyond the window, and costs up to the max."""
    pause = st.one_of(
        st.just(0),
        st.integers(0, 3),
        st.integers(0, max(of.window_ms // of.max, 1) * 2),
        st.integers(0, of.window_ms * 2),
    )
    cost = st.one_of(st.just(1), st.integers(1, of.max))
    return st.lists(st.tuples(pause, cost), min_size=1, max_size=60)


@pytest.mark.parametrize("of", EXACT, ids=ids)
@slow
@given(data=st.data())
def test_an_exact_limit_decides_as_the_model(redis: Redis, of: Limit, data: st.DataObject) -> None:
    redis.flushall()
    clock, model, asked = StepClock(redis), Model(), window(of)
    for pause, cost in data.draw(steps(of)):
        clock.at_ms += pause
        decision = clock.ask(asked, cost=cost)
        assert decision.allowed == model.fits([asked], clock.at_ms, cost)
        if decision.allowed:
            model.charge([asked], clock.at_ms, cost)
        [state] = decision.states
        assert state.remaining == of.max - model.used(asked, clock.at_ms)
        if not decision.allowed:
            _retry_is_exact(clock, asked, cost, state)


def _retry_is_exact(clock: StepClock, asked: Window, cost: int, state: State) -> None:
    denied_at = clock.at_ms
    clock.at_ms = denied_at + state.retry_ms - 1
    assert not clock.ask(asked, cost=cost, counts=False).allowed
    clock.at_ms += 1
    assert clock.ask(asked, cost=cost, counts=False).allowed
    clock.at_ms = denied_at


@pytest.mark.parametrize("of", BOUNDED, ids=ids)
@slow
@given(data=st.data())
def test_a_bounded_limit_keeps_its_bound(redis: Redis, of: Limit, data: st.DataObject) -> None:
    """Never over; and denied only where the window and a sixtieth of it have no room."""
    redis.flushall()
    clock, model, asked = StepClock(redis), Model(), window(of)
    assert of.form == Form.TICKS
    for pause, cost in data.draw(steps(of)):
        clock.at_ms += pause
        decision = clock.ask(asked, cost=cost)
        if decision.allowed:
            assert model.fits([asked], clock.at_ms, cost)
            model.charge([asked], clock.at_ms, cost)
        else:
            used = model.used(asked, clock.at_ms, more_ms=of.tick_ms - 1)
            assert used + cost > of.max
            _retry_is_exact(clock, asked, cost, decision.states[0])


@pytest.mark.parametrize("of", [*EXACT[:5], *BOUNDED], ids=ids)
@slow
@given(data=st.data())
def test_counting_alone_decides_as_redis(redis: Redis, of: Limit, data: st.DataObject) -> None:
    redis.flushall()
    clock, local, asked = StepClock(redis), LocalWindows(processes=1), window(of)
    for pause, cost in data.draw(steps(of)):
        clock.at_ms += pause
        alone = local.ask(Question.of([asked], cost), clock.at_ms)
        found = clock.ask(asked, cost=cost)
        is_told = found.allowed and of.form == Form.LOG
        assert found.at_ms == (clock.at_ms if is_told else 0)
        assert found._replace(at_ms=0) == alone


FORMS = {
    "log": limit("log", max=3, window_ms=60_000),
    "ticks": limit("ticks", max=130, window_ms=120_000),
    "ring": limit("ring", max=131, window_ms=90_000, exact=True),
    "tried": limit("tried", max=2, window_ms=100_000, is_tried=True),
}


@slow
@given(
    asked=st.lists(
        st.tuples(st.integers(0, 40_000), st.sets(st.sampled_from(sorted(FORMS)), min_size=1)),
        max_size=60,
    )
)
def test_all_windows_are_charged_or_none(redis: Redis, asked: Any) -> None:
    """Windows of all forms at once; those in force decide, the tried one only where it has room."""
    redis.flushall()
    clock = StepClock(redis)
    alone = LocalWindows(processes=1)
    exact = {name: each for name, each in FORMS.items() if name != "ring"}
    for pause, names in asked:
        clock.at_ms += pause
        windows = [window(FORMS[name]) for name in sorted(names)]
        before = {each.key: redis.dump(each.key) for each in windows}
        decision = clock.ask(*windows)
        if not decision.allowed:
            assert {each.key: redis.dump(each.key) for each in windows} == before
        if names <= set(exact):
            told = alone.ask(Question.of(windows), clock.at_ms)
            assert decision._replace(at_ms=0) == told
        else:
            alone = LocalWindows(processes=1)
            redis.flushall()


@pytest.mark.parametrize("of", [EXACT[1], EXACT[2], EXACT[5], BOUNDED[0]], ids=ids)
@pytest.mark.parametrize("back_ms", [1, 15_000, 40 * 24 * 3600 * 1000])
def test_a_clock_set_back_grants_nothing_twice(redis: Redis, of: Limit, back_ms: int) -> None:
    clock, asked = StepClock(redis), window(of)
    for _ in range(of.max):
        assert clock.ask(asked).allowed
    free_at = clock.at_ms + clock.ask(asked).states[0].retry_ms
    clock.at_ms -= back_ms
    denied = clock.ask(asked)
    assert not denied.allowed
    assert clock.at_ms + denied.states[0].retry_ms == free_at
    clock.at_ms = free_at - 1
    assert not clock.ask(asked).allowed
    clock.at_ms = free_at
    assert clock.ask(asked).allowed


@pytest.mark.parametrize("of", [EXACT[1], EXACT[4], EXACT[5], BOUNDED[0]], ids=ids)
def test_a_key_does_not_outlive_its_window(redis: Redis, of: Limit) -> None:
    clock, asked = StepClock(redis), window(of)
    clock.ask(asked)
    left: Any = redis.pttl(asked.key)
    assert of.window_ms - 5_000 < left <= of.window_ms + of.tick_ms - 1


def test_a_denied_request_writes_nothing(redis: Redis) -> None:
    clock, asked = StepClock(redis), window(limit(max=1))
    assert clock.ask(asked).allowed
    before: Any = redis.info("commandstats")
    clock.at_ms += 10
    assert not clock.ask(asked).allowed
    after: Any = redis.info("commandstats")
    assert after["cmdstat_set"]["calls"] == before["cmdstat_set"]["calls"]


def test_looking_counts_nothing(redis: Redis) -> None:
    clock, asked = StepClock(redis), window(limit(max=2))
    for _ in range(5):
        assert clock.ask(asked, counts=False).states == [State(2, 0, 0)]
    assert not redis.exists(asked.key)


def test_a_limit_of_another_form_begins_anew_and_misreads_nothing(redis: Redis) -> None:
    clock = StepClock(redis)
    for changed in (
        limit(max=128),
        limit(max=129),
        limit(max=129, window_ms=61_000),
        limit(max=129, exact=True),
        limit(max=140, exact=True),
        limit(max=128, window_ms=2**24),
    ):
        assert clock.ask(window(changed)).states[0].remaining == changed.max - 1


def test_a_limit_changed_within_its_form_counts_on(redis: Redis) -> None:
    clock = StepClock(redis)
    for _ in range(4):
        assert clock.ask(window(limit(max=5))).allowed
    assert not clock.ask(window(limit(max=3))).allowed
    assert clock.ask(window(limit(max=6, window_ms=90_000))).states[0].remaining == 1


def test_a_ring_goes_round_and_keeps_counting(redis: Redis) -> None:
    of = limit(max=150, window_ms=100_000, exact=True)
    clock, asked, model = StepClock(redis), window(of), Model()
    for n in range(1_000):
        clock.at_ms += 500 if n % 300 else 70_000
        decision = clock.ask(asked, cost=1 + n % 2)
        assert decision.allowed == model.fits([asked], clock.at_ms, 1 + n % 2)
        if decision.allowed:
            model.charge([asked], clock.at_ms, 1 + n % 2)
    size: Any = redis.strlen(asked.key)
    assert size == 14 + 150 * 3


@pytest.mark.parametrize("is_there", [True, False])
def test_with_a_session_the_same_is_decided_for_whom_it_says(
    redis: Redis, *, is_there: bool
) -> None:
    forms = [limit("log", max=3), limit("ticks", max=300), limit("ring", max=200, exact=True)]
    own, strangers = ([window(of, who) for of in forms] for who in ("user ana", "203.0.113.7"))
    key = window(forms[0], "").key + "session"
    if is_there:
        redis.set(key, "{}")
    asked = SessionQuestion(Question.of(own), strangers, key, ttl_ms=5_000)
    for n in (1, 2, 3, 3):
        decision, document = asked.parse(run(redis, asked.call))
        assert document == (b"{}" if is_there else None)
        assert decision.windows == (own if is_there else strangers)
        assert [state.remaining for state in decision.states] == [3 - n, 300 - n, 200 - n]
    assert not decision.allowed
    untouched = strangers if is_there else own
    assert redis.exists(*(each.key for each in untouched)) == 0
    assert (redis.pttl(key) > 0) == is_there
