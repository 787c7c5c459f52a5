"""What counts as failed in Artillery's report, the phases of the seed's script, and whose the cores were."""

from benchmarks.load.artillery import Phase, phases, read
from benchmarks.load.cpu import APPLICATION, GENERATOR, Moment
from benchmarks.load.profile import Profile

TIMES = {"http.response_time": {"p50": 10, "p95": 90, "p99": 200}}


def test_what_is_no_2xx_or_no_answer_failed_but_what_a_limit_denied() -> None:
    counters = {
        "vusers.created": 5,
        "http.requests": 10,
        "http.responses": 9,
        "http.codes.200": 5,
        "http.codes.201": 2,
        "http.codes.503": 2,
        "http.codes.429": 4,
        "errors.ECONNRESET": 1,
        "told.7 503 of web-1: sessions cannot be read now": 1,
        "told.9 503 of web-1: sessions cannot be read now": 1,
        "told.9 429 of nginx: Too many": 4,
    }
    periods = [
        {"summaries": TIMES, "rates": {"http.request_rate": 7}},
        {"summaries": {}, "rates": {}},
    ]
    report = read(
        {"aggregate": {"counters": counters, "summaries": TIMES}, "intermediate": periods}
    )
    assert report.failures == {"http.codes.503": 2, "http.codes.429": 4, "errors.ECONNRESET": 1}
    assert (report.failed, report.denied, report.requests, report.users) == (3, 4, 10, 5)
    assert report.told == {
        "503 of web-1: sessions cannot be read now": {7: 1, 9: 1},
        "429 of nginx: Too many": {9: 4},
    }
    assert report.most_per_second == 7
    assert report.p95_ms_by_period == [90]


def test_the_phases_are_the_seeds() -> None:
    assert [(each.duration, each.arrivalRate) for each in phases(1)] == [
        (60, 10),
        (120, 50),
        (300, 100),
    ]
    assert phases(8)[-1] == Phase("full", 38, 100)


def test_all_that_the_cores_gave_is_told_and_what_a_core_serves() -> None:
    moments = [Moment(0, 0, 0, 0), Moment(5, 0.1, 0, 4.5), Moment(10, 5.1, 1, 6.0)]
    used = {GENERATOR: 6.0, APPLICATION: 4.0, "nginx": 1.0}
    profile = Profile(2000, 2, used, moments)
    assert sum(profile.parts.values()) == profile.core_seconds == 20
    figures = {each.what: each.value for each in profile.figures()}
    assert figures["the machine's cores, busy"] == 74.5
    assert figures["time in which no core was left"] == 50.0
    assert figures["time in which something waited"] == 60.0
    assert figures["the generator's share of the machine"] == 30.0
    assert figures["a core of the application serves"] == 500.0
    assert figures["a core of all that serves"] == 400.0
