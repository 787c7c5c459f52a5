"""What an engine decides without Redis: its order, its pace, what follows from an outcome; payloads."""

import asyncio
import json
import pickle  # noqa: TID251  # writes the pickles that are refused
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workers import queue_document

from osnovci.contract import RetryDocument
from osnovci.queues.engine.jobs import Kind, Outcome, Taken, ending
from osnovci.queues.engine.precise import precise_loop
from osnovci.queues.engine.turns import FAIR_TURN, first_queue
from osnovci.queues.errors import PayloadError
from osnovci.queues.payload import (
    Format,
    decode,
    decode_error,
    decode_result,
    encode,
    encode_error,
    encode_result,
)

THREE = queue_document(retries=RetryDocument(limit=3, initial_seconds=1, factor=2, max_seconds=60))
PLAIN: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def taken(**more: Any) -> Taken:
    given: dict[str, Any] = {"retries_left": None, "retry_intervals": ()} | more
    return Taken(
        id="job", execution="run", queue="email", data=b"", timeout=1.0,
        on_success="", on_failure="", taken_at=0.0, **given,
    )  # fmt: skip


@given(queues=st.integers(1, 9), turns=st.integers(0, 10_000))
def test_most_turns_begin_at_the_first_queue_and_each_gets_some(queues: int, turns: int) -> None:
    window = [first_queue(turn, queues) for turn in range(turns, turns + FAIR_TURN * queues)]
    assert set(window) == set(range(1, queues + 1))
    assert window.count(1) >= (FAIR_TURN - 1) * queues


@pytest.mark.parametrize(
    ("job", "kind", "told"),
    [
        pytest.param({}, Kind.FAILED, ("retry", 1000, 2), id="the queue's first wait"),
        pytest.param(
            {"retries_left": 2, "retry_intervals": [1, 2, 4]},
            Kind.FAILED,
            ("retry", 2000, 1),
            id="next",
        ),
        pytest.param({"retries_left": 1}, Kind.FAILED, ("retry", 0, 0), id="at once without waits"),
        pytest.param({"retries_left": 0}, Kind.FAILED, ("failed", None, None), id="none left"),
        pytest.param({}, Kind.REFUSED, ("failed", None, None), id="refused is not retried"),
        pytest.param({}, Kind.LOST, ("lost", None, None), id="lost is for the script"),
    ],
)
def test_what_follows_from_a_failure(
    job: dict[str, Any], kind: Kind, told: tuple[Any, ...]
) -> None:
    entry = ending(taken(**job), Outcome(kind, "why"), THREE)
    assert (entry["kind"], entry.get("wait"), entry.get("left")) == told


@given(args=st.lists(PLAIN, max_size=3), kwargs=st.dictionaries(st.text(), PLAIN, max_size=3))
def test_arguments_come_back_as_they_were(args: list[Any], kwargs: dict[str, Any]) -> None:
    read = decode(encode("module.function", args, kwargs))
    assert (read.function, list(read.args), read.kwargs) == ("module.function", args, kwargs)


@given(value=PLAIN)
def test_results_come_back_as_they_were(value: Any) -> None:
    for kind in Format:
        written = encode_result(value, kind)
        assert (decode_result(written.encode()) if written else None) == value


def test_a_pickle_of_plain_data_is_read() -> None:
    args = ([1, "two", {"three": (4.0, {5})}], datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.5"))
    read = decode(pickle.dumps(("module.function", None, args, {"b": b"x"}), protocol=5))
    assert (read.function, read.args, read.format) == ("module.function", args, Format.PICKLE)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("__import__('os').abort()",)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(
            pickle.dumps(("f", None, (Evil(),), {})), "contain a builtins.eval", id="code"
        ),
        pytest.param(pickle.dumps(("f", "instance", (), {})), "methods of objects", id="a method"),
        pytest.param(b"\x80nonsense", "cannot be read as pickle", id="a broken pickle"),
        pytest.param(b"{}", "cannot be read as json", id="JSON of another form"),
        pytest.param(
            json.dumps([1, None, [], {}]).encode(), "does not name a function", id="no name"
        ),
        pytest.param(b"xyz", "cannot be read as zlib", id="not compressed"),
        pytest.param(b'["f", null, null, {}]', "are not a list", id="no arguments"),
        pytest.param(b'["f", null, "ab", {}]', "are not a list", id="letters as arguments"),
        pytest.param(b"[" + b"0," * 100_000, "larger than 128 KiB", id="too large"),
    ],
)
def test_what_is_not_plain_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence):
        decode(data)


@pytest.mark.parametrize("data", [b"xyz", b"!", b"eA==", b"gA==", b"ew=="])
def test_a_result_that_is_none_is_refused_and_an_error_that_is_none_is_told(data: bytes) -> None:
    with pytest.raises(PayloadError, match="cannot be read"):
        decode_result(data)
    assert decode_error(b"eHl6").startswith("What was noted of it cannot be read")


def test_of_a_long_error_the_end_is_kept() -> None:
    assert decode_error(encode_error("x" * 100_000 + "the end").encode()).endswith("the end")


def test_a_timer_is_exact_however_often_the_loop_is_woken() -> None:
    with asyncio.Runner(loop_factory=precise_loop) as runner:
        waits = runner.run(measured_waits(0.0104, woken_after=0.0007))
    # epoll alone: 0.0104 s, woken after 0.0007 s, is 0.0117 s
    assert 0.0104 <= min(waits) < 0.0112


async def measured_waits(seconds: float, woken_after: float) -> list[float]:
    """Wait some times, while another timer wakes the loop; give how long each took."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    for _ in range(30):
        began = loop.time()
        loop.call_later(woken_after, lambda: None)
        await asyncio.sleep(seconds)
        found.append(loop.time() - began)
    return found
