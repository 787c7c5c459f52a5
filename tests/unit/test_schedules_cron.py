"""When schedules come due: also where the clocks change, and for any moment one may ask from."""

import operator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osnovci.schedules.cron import Cron, CronError
from osnovci.schedules.timetable import propose

HOURLY_OR_MORE = ("* * * * *", "*/15 * * * *", "0 * * * *", "*/20 */2 * * *")
DAILY = ("30 2 * * *", "0,30 2,3 * * *", "0 7 * * 1-5", "15 0 * * *", "59 23 L * *", "0 1-4 * * *")
ZONES = ("UTC", "Europe/Belgrade", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo",
         "Africa/Cairo", "Africa/Casablanca")  # fmt: skip
HALF_HOUR = "Australia/Lord_Howe"
"""Its clocks change by half an hour."""

CHANGES = ("2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-11-01T06:00Z",
           "2018-11-04T03:00Z", "2018-02-18T02:00Z", "2024-04-25T22:00Z")  # fmt: skip
"""When clocks of those zones change: in Belgrade, New York, São Paulo and (at midnight) Cairo."""


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def crons(*zones: str) -> st.SearchStrategy[Cron]:
    return st.builds(Cron.parse, st.sampled_from(HOURLY_OR_MORE + DAILY), st.sampled_from(zones))


seconds = st.one_of(
    st.integers(epoch("2015-01-01T00:00Z"), epoch("2027-01-01T00:00Z")),
    st.builds(
        operator.add, st.sampled_from([epoch(each) for each in CHANGES]), st.integers(-14400, 14400)
    ),
)


def moments(expression: str, zone: str, begin: str, end: str) -> list[str]:
    """Give every moment of an interval, in UTC."""
    cron, found, at = Cron.parse(expression, zone), list[str](), epoch(begin)
    while (at := cron.after(at) or 0) <= epoch(end):
        found.append(f"{datetime.fromtimestamp(at, UTC):%d %H:%M}")
    return found


# In Belgrade, 2026-03-29 02:00 becomes 03:00 (01:00 UTC), and 2026-10-25 03:00 becomes 02:00.
GAP = ("2026-03-28T12:00Z", "2026-03-30T12:00Z")
REPEAT = ("2026-10-24T12:00Z", "2026-10-26T12:00Z")


@pytest.mark.parametrize(
    ("expression", "interval", "expected"),
    [
        pytest.param("0 7 * * *", GAP, ["29 05:00", "30 05:00"], id="the hour of the wall stays"),
        pytest.param("30 2 * * *", GAP, ["29 01:00", "30 00:30"], id="skipped: after the skip"),
        pytest.param("0,30 2,3 * * *", GAP,
                     ["29 01:00", "29 01:30", "30 00:00", "30 00:30", "30 01:00", "30 01:30"],
                     id="skipped and due anyway: once"),
        pytest.param("30 2 * * *", REPEAT, ["25 00:30", "26 01:30"], id="repeated: the first time"),
        pytest.param("0 3 * * *", REPEAT, ["25 02:00", "26 02:00"], id="after the repeated hour"),
    ],
)  # fmt: skip
def test_where_the_clocks_change(
    expression: str, interval: tuple[str, str], expected: list[str]
) -> None:
    assert moments(expression, "Europe/Belgrade", *interval) == expected


def test_every_hour_is_every_hour_that_passes() -> None:
    for begin, end in (GAP, REPEAT):
        assert len(moments("0 * * * *", "Europe/Belgrade", begin, end)) == 48


def test_inside_the_repeated_hour_what_was_due_is_not_due_again() -> None:
    cron = Cron.parse("30 2 * * *", "Europe/Belgrade")
    for minute in range(60):
        inside = epoch("2026-10-25T00:30Z") + minute * 60
        assert cron.after(inside) == epoch("2026-10-26T01:30Z")
        assert cron.latest(epoch("2026-10-24T12:00Z"), inside) == epoch("2026-10-25T00:30Z")


@pytest.mark.parametrize("zone", [*ZONES, HALF_HOUR])
def test_a_daily_schedule_comes_due_once_on_each_day_of_a_year(zone: str) -> None:
    for year in (2024, 2026):
        days = (datetime(year + 1, 1, 1, tzinfo=UTC) - datetime(year, 1, 1, tzinfo=UTC)).days
        cron = Cron.parse("30 2 * * *", zone)
        begin = int(datetime(year, 1, 1, tzinfo=cron.zone).timestamp())
        end = int(datetime(year + 1, 1, 1, tzinfo=cron.zone).timestamp())
        at, count = cron.after(begin), 0
        while at and at < end:
            at, count = cron.after(at), count + 1
        assert count == days


@settings(max_examples=400, deadline=None)
@given(crons(*ZONES, HALF_HOUR), seconds)
def test_moments_grow(cron: Cron, begin: int) -> None:
    at = begin
    for _ in range(10):
        following = cron.after(at)
        assert following is not None
        assert following > at
        at = following


@settings(max_examples=400, deadline=None)
@given(crons(*ZONES), seconds, st.integers(0, 3 * 86_400))
def test_from_wherever_one_asks_the_moments_are_the_same(
    cron: Cron, begin: int, later: int
) -> None:
    first = cron.after(begin)
    assert first is not None
    between = min(begin + later, first - 1)
    assert cron.after(between) == first


@settings(max_examples=400, deadline=None)
@given(crons(*ZONES), seconds, st.integers(1, 2 * 86_400))
def test_the_latest_is_the_last_of_all(cron: Cron, begin: int, length: int) -> None:
    end = begin + length
    latest = cron.latest(begin, end)
    if latest is None:
        assert (cron.after(begin) or end + 1) > end
    else:
        assert begin < latest <= end
        assert (cron.after(latest) or end + 1) > end


@settings(max_examples=400, deadline=None)
@given(crons(*ZONES, HALF_HOUR), seconds, st.integers(-86_400, 3 * 86_400))
def test_what_is_proposed_is_the_latest_that_is_due_or_else_the_next(
    cron: Cron, mark: int, waited: int
) -> None:
    now = mark + waited + 0.5
    proposal = propose(cron, mark, now)
    assert proposal
    assert mark == proposal.mark < proposal.moment < proposal.following
    assert proposal.following > now
    if proposal.moment > now:
        assert cron.latest(mark, int(now)) is None


@settings(max_examples=100, deadline=timedelta(seconds=1))
@given(st.text(alphabet="0123456789*,/-#LWmonJAN ", max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        cron = Cron.parse(text, "UTC")
    except CronError:
        return
    assert cron.after(0)


@pytest.mark.parametrize(
    ("expression", "zone", "sentence"),
    [
        ("0 7 * *", "UTC", "has not the five fields minute hour day-of-month month day-of-week"),
        ("0 0 7 * * *", "UTC", "has not the five fields"),
        ("@daily", "UTC", "has not the five fields"),
        ("61 7 * * *", "UTC", "'61 7 * * *' cannot be read: Bad minute"),
        ("0 9-7 * * *", "UTC", "Bad hour"),
        ("0 0 30 2 *", "UTC", "Bad day-of-month"),
        ("0 0 */20 * 1L", "UTC", "names a day that never comes"),
        (
            "0 7 * * *",
            "Europe/Beograd",
            "there is no 'Europe/Beograd'; name one as Europe/Belgrade",
        ),
        ("0 7 * * *", "../zones", "there is no '../zones'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(expression: str, zone: str, sentence: str) -> None:
    with pytest.raises(CronError) as refused:
        Cron.parse(expression, zone)
    assert sentence in str(refused.value)
