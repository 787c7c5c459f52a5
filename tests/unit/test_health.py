"""The verdict over a replica, and the answer in the seed's form."""

from datetime import UTC, datetime

import pytest

from osnovci.app_contract import HealthDocument
from osnovci.health import Check, Report, Status, cpu, dependency, memory, verdict

SEED = HealthDocument()
OK, DEGRADED, UNHEALTHY = (Check(status) for status in Status)


@pytest.mark.parametrize(
    ("percent", "status"),
    [
        (79.9, Status.OK),
        (80, Status.DEGRADED),
        (94.9, Status.DEGRADED),
        (95, Status.UNHEALTHY),
        (130, Status.UNHEALTHY),
    ],
)
def test_memory_warns_at_80_and_is_full_at_95_percent(percent: float, status: Status) -> None:
    assert memory(1, percent, SEED).status == status


def test_the_thresholds_can_be_others() -> None:
    other = HealthDocument(memory_warn_percent=10, memory_max_percent=20)
    assert [memory(1, percent, other).status for percent in (9, 10, 20)] == list(Status)


def test_a_busy_cpu_is_no_sickness() -> None:
    assert cpu(100) == Check(Status.OK, {"percent": 100})
    assert cpu(None) == Check(Status.OK, {"percent": None})


@pytest.mark.parametrize(
    ("checks", "worst"),
    [
        ([], Status.OK),
        ([OK, OK], Status.OK),
        ([OK, DEGRADED], Status.DEGRADED),
        ([UNHEALTHY, OK, DEGRADED], Status.UNHEALTHY),
    ],
)
def test_the_worst_check_is_the_verdict(checks: list[Check], worst: Status) -> None:
    assert verdict({str(n): each for n, each in enumerate(checks)}) == worst


def test_a_dependency_says_how_fast_or_why_not() -> None:
    away = dependency("refused", None, if_away=Status.DEGRADED)
    assert away == Check(Status.DEGRADED, {"error": "refused"})
    there = dependency("", 0.0123, if_away=Status.DEGRADED)
    assert there == Check(Status.OK, {"latencyMs": 12.3})


def test_the_answer_has_the_seeds_fields() -> None:
    found = Report(
        server_id="homework-1",
        uptime_seconds=12.34567,
        at=datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        checks={"database": dependency("", 0.001, if_away=Status.UNHEALTHY), "cpu": cpu(5)},
        requests=200,
        errors=3,
    ).body()
    assert found == {
        "status": "ok",
        "serverId": "homework-1",
        "uptime": 12.346,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "checks": {
            "database": {"status": "ok", "latencyMs": 1.0},
            "cpu": {"status": "ok", "percent": 5},
        },
        "metrics": {"requestCount": 200, "errorCount": 3, "errorRate": 0.015},
    }


def test_no_request_is_no_error() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    found = Report(server_id="1", uptime_seconds=0, at=at, checks={}, requests=0, errors=0).body()
    assert found["metrics"] == {"requestCount": 0, "errorCount": 0, "errorRate": 0}
