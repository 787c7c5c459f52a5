"""Durations, amounts of memory, and a spec that cannot be read."""

from datetime import timedelta

import pytest
from builders import pool_body
from hypothesis import given, settings
from hypothesis import strategies as st

from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import (
    InvalidSpecError,
    format_duration,
    parse_bytes,
    parse_duration,
)


@settings(deadline=None)
@given(st.integers(0, 10**12))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "duration", "written"),
    [
        pytest.param("1h30m", timedelta(hours=1.5), "1h30m", id="several units"),
        pytest.param("90s", timedelta(seconds=90), "1m30s", id="written in the largest units"),
        pytest.param("1.5s", timedelta(seconds=1.5), "1s500ms", id="a fraction"),
        pytest.param("0.1s", timedelta(milliseconds=100), "100ms", id="an exact tenth"),
        pytest.param("30m1h", timedelta(hours=1.5), "1h30m", id="units in any order"),
        pytest.param("0s", timedelta(), "0s", id="nothing"),
    ],
)
def test_a_duration_as_people_write_it(text: str, duration: timedelta, written: str) -> None:
    assert (parse_duration(text), format_duration(duration)) == (duration, written)


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "5d", "s", "1.s", "five", " 5s", 5, None])
def test_what_is_no_duration_is_refused_in_a_sentence(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration") as error:
        parse_duration(text)
    assert str(error.value) == f"{text!r} is not a duration; write one as 500ms, 5s, 3m or 1h30m"


@pytest.mark.parametrize(
    ("text", "size"),
    [("256Mi", 2**28), ("1.5Gi", 3 * 2**29), ("64M", 64_000_000), ("33554432", 2**25)],
)
def test_an_amount_of_memory(text: str, size: int) -> None:
    assert parse_bytes(text) == parse_bytes(size) == size


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "-1Mi", "256MB", "1e3", None])
def test_what_is_no_amount_of_memory_is_refused_in_a_sentence(text: object) -> None:
    with pytest.raises(ValueError, match="is not an amount of memory") as error:
        parse_bytes(text)
    assert str(error.value).endswith("write one as 256Mi or 1Gi")


POD = {"image": "homework:1"}
EMAIL = {"name": "email"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"pod": POD, "tasks": ["homework.jobs"], "queues": [{**EMAIL, "timeout": "5"}]},
            "spec.queues.0.timeout: Value error, "
            "'5' is not a duration; write one as 500ms, 5s, 3m or 1h30m",
            id="a duration without a unit",
        ),
        pytest.param(
            {"pod": POD, "queues": [EMAIL], "concurrency": 0},
            "spec.tasks: Field required; "
            "spec.concurrency: Input should be greater than or equal to 1",
            id="each field is named",
        ),
    ],
)
def test_a_spec_that_cannot_be_read_names_each_field(spec: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSpecError) as error:
        Pool.parse(pool_body(spec=spec))
    assert str(error.value) == message
    assert error.value.identity.name == "homework-jobs"
