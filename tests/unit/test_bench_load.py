"""What counts as failed in Artillery's report, and the phases of the seed's script."""

from benchmarks.load.artillery import Phase, phases, read

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
    assert report.most_per_second == 7
    assert report.p95_ms_by_period == [90]


def test_the_phases_are_the_seeds() -> None:
    assert [(each.duration, each.arrivalRate) for each in phases(1)] == [
        (60, 10),
        (120, 50),
        (300, 100),
    ]
    assert phases(8)[-1] == Phase("full", 38, 100)
