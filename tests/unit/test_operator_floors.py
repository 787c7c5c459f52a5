"""Floors: when they hold, also where clocks change."""

import operator
from datetime import UTC, datetime, timedelta

import pytest
from builders import floor
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from osnovci.schedules.cron import Cron, zone
from osnovci_operator.queuepool.floors import Floor, lowest

AHEAD = timedelta(seconds=30)
NIGHT = floor(name="night", start="30 2 * * *", end="0 4 * * *", minimum=2)
WEEKEND = floor(name="weekend", start="0 0 * * sat", end="0 0 * * mon", time_zone="UTC", minimum=6)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("floors", "now", "count", "message", "recheck"),
    [
        pytest.param(
            [floor()],
            "2026-03-02T05:59:00",
            0,
            "minReplicas is 0",
            timedelta(seconds=30),
            id="before it begins, looked at again when workers are to start",
        ),
        pytest.param(
            [floor()],
            "2026-03-02T05:59:40",
            4,
            "minReplicas is 4 from 07:00 until 18:00 Europe/Belgrade by floor office",
            timedelta(seconds=20),
            id="a start-up ahead",
        ),
        pytest.param(
            [floor()],
            "2026-03-02T06:00:00",
            4,
            "minReplicas is 4 until 18:00 Europe/Belgrade by floor office",
            timedelta(hours=11),
            id="as it begins",
        ),
        pytest.param(
            [floor()],
            "2026-03-02T16:59:59",
            4,
            "minReplicas is 4 until 18:00 Europe/Belgrade by floor office",
            timedelta(seconds=1),
            id="a second before its end",
        ),
        pytest.param(
            [floor()],
            "2026-03-02T17:00:00",
            0,
            "minReplicas is 0",
            timedelta(hours=13) - AHEAD,
            id="at its end",
        ),
        pytest.param(
            [floor()],
            "2026-03-07T12:00:00",
            0,
            "minReplicas is 0",
            timedelta(hours=42) - AHEAD,
            id="not on Saturday",
        ),
        pytest.param(
            [WEEKEND],
            "2026-03-07T12:00:00",
            6,
            "minReplicas is 6 until 2026-03-09 00:00 UTC by floor weekend",
            timedelta(hours=36),
            id="an end on another day has its date",
        ),
        pytest.param(
            [floor(start="0 * * * *", end="0 18 * * *")],
            "2026-03-02T12:30:00",
            4,
            "minReplicas is 4 until 18:00 Europe/Belgrade by floor office",
            timedelta(hours=4.5),
            id="a start while it holds changes nothing",
        ),
        pytest.param(
            [floor(), floor(name="rush", start="0 9 * * *", end="0 10 * * *", minimum=9)],
            "2026-03-02T08:30:00",
            9,
            "minReplicas is 9 until 10:00 Europe/Belgrade by floor rush",
            timedelta(minutes=30),
            id="the highest counts, and the next change of any",
        ),
        pytest.param(
            [NIGHT],
            "2026-03-29T00:59:45",
            2,
            "minReplicas is 2 from 03:00 until 04:00 Europe/Belgrade by floor night",
            timedelta(seconds=15),
            id="a start that the clocks skip comes after the skip",
        ),
        pytest.param(
            [floor(start="30 2 * * *", end="0 3 * * *")],
            "2026-03-29T00:59:45",
            0,
            "minReplicas is 0",
            timedelta(seconds=15),
            id="none ahead of one that the clocks skip",
        ),
        pytest.param(
            [floor(start="30 2 * * *", end="0 3 * * *")],
            "2026-03-29T01:00:00",
            0,
            "minReplicas is 0",
            timedelta(hours=23.5) - AHEAD,
            id="one that the clocks skip holds again the next day",
        ),
        pytest.param(
            [floor(start="30 2 * * *", end="15 2 * * *")],
            "2026-03-29T01:00:00",
            4,
            "minReplicas is 4 until 02:15 Europe/Belgrade by floor office",
            timedelta(hours=23.25),
            id="an end that the clocks skip with the start after it",
        ),
        pytest.param(
            [NIGHT],
            "2026-10-25T01:45:00",
            2,
            "minReplicas is 2 until 04:00 Europe/Belgrade by floor night",
            timedelta(minutes=75),
            id="through the hour that the clocks repeat",
        ),
        pytest.param(
            [floor(end="30 2 * * *", start="0 22 * * *")],
            "2026-10-25T00:45:00",
            0,
            "minReplicas is 0",
            timedelta(hours=20.25) - AHEAD,
            id="an end that the clocks repeat ends it the first time",
        ),
    ],
)
def test_the_fewest_workers(
    floors: list[Floor], now: str, count: int, message: str, recheck: timedelta
) -> None:
    found = lowest(0, floors, at(now), AHEAD)
    assert (found.replicas, found.message, found.recheck) == (count, message, recheck)
    assert found.is_floor == bool(count)


def test_a_floor_below_min_replicas_says_nothing() -> None:
    found = lowest(5, [floor()], at("2026-03-02T12:00:00"), AHEAD)
    assert (found.replicas, found.is_floor) == (5, False)


def test_a_floor_that_cannot_be_read_is_left_out_and_the_others_hold() -> None:
    floors = [floor(name="lost", time_zone="Europe/Belgrad"), floor(name="found", minimum=3)]
    found = lowest(0, floors, at("2026-03-02T12:00:00"), AHEAD)
    assert found.replicas == 3
    (left_out,) = found.left_out
    assert left_out.startswith("floor lost is left out: timeZone: there is no 'Europe/Belgrad'")


CRONS = ("30 2 * * *", "0 0 * * *", "0 7 * * 1-5", "0 18 * * 1-5", "0 * * * *", "15 3 * * sun")
ZONES = ("UTC", "Europe/Belgrade", "America/New_York", "Asia/Kolkata")
CHANGES = tuple(map(at, ("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00")))
TWO_WEEKS = 14 * 86_400


def whole_seconds(length: timedelta) -> timedelta:
    return timedelta(seconds=int(length.total_seconds()))


def any_floor(crons: list[str], zone: str) -> Floor:
    return floor(start=crons[0], end=crons[1], time_zone=zone)


floors = st.builds(any_floor, st.permutations(CRONS), st.sampled_from(ZONES))
nows = st.builds(
    operator.add,
    st.sampled_from(CHANGES),
    st.timedeltas(timedelta(days=-3), timedelta(days=3)).map(whole_seconds),
)
unhurried = settings(deadline=None)


def holds(each: Floor, moment: int) -> bool:
    """Go through all that happened in two weeks, one after the other; of one moment the end first.

    What the clocks skipped happens at one moment, in the order of its times.
    """
    events = [
        (found, named(text, each.time_zone, found), starts)
        for starts, text in ((False, each.end), (True, each.start))
        for found in moments(Cron.parse(text, each.time_zone), moment - TWO_WEEKS, moment)
    ]
    return max(events)[2]


def named(cron: str, time_zone: str, moment: int) -> int:
    """Give the time of the day that came due: in the hour before where that was skipped."""
    shown = datetime.fromtimestamp(moment, zone(time_zone)).replace(tzinfo=UTC)
    ordered = Cron.parse(cron, "UTC")
    wall = int(shown.timestamp())
    return max(moments(ordered, wall - 3600, wall), default=wall)


def moments(cron: Cron, begin: int, end: int) -> list[int]:
    found, at = list[int](), begin
    while (at := cron.after(at) or end + 1) <= end:
        found.append(at)
    return found


@unhurried
@given(floors, nows)
def test_a_floor_holds_after_its_last_start_until_its_next_end(each: Floor, now: datetime) -> None:
    found = lowest(0, [each], now, timedelta())
    assert found.is_floor == holds(each, int(now.timestamp()))


@unhurried
@given(floors, nows, st.integers(0, 600))
def test_nothing_changes_before_the_recheck(each: Floor, now: datetime, ahead: int) -> None:
    """Who looks again only then misses no change."""
    startup = timedelta(seconds=ahead)
    found = lowest(0, [each], now, startup)
    assert found.recheck
    almost = now + found.recheck - timedelta(seconds=1)
    if almost > now:
        assert lowest(0, [each], almost, startup).replicas == found.replicas


@unhurried
@given(floors, nows, st.integers(0, 600))
def test_workers_are_asked_for_a_start_up_ahead(each: Floor, now: datetime, ahead: int) -> None:
    begins = Cron.parse(each.start, each.time_zone).after(int(now.timestamp()))
    assert begins
    # One that the clocks skip as a whole, its end at the moment of its start, holds at no time.
    assume(holds(each, begins))
    before = datetime.fromtimestamp(begins - ahead, UTC)
    assert lowest(0, [each], before, timedelta(seconds=ahead)).replicas == each.min_replicas
