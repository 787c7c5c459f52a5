"""What a replica says of its own health: single checks, and the verdict over them.

Pure: no I/O, no clock. `osnovci.container` measures, `osnovci.web` asks and answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from osnovci.app_contract import HealthDocument


class Status(StrEnum):
    """How well a replica or a part of it is, from good to bad."""

    OK = "ok"
    DEGRADED = "degraded"
    """It serves, and someone should look."""
    UNHEALTHY = "unhealthy"
    """What was asked of it may fail."""


SEVERITY = tuple(Status)


@dataclass(frozen=True)
class Check:
    """What one part said, with the figures that it is judged by."""

    status: Status
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


def memory(used_bytes: int, percent: float, thresholds: HealthDocument) -> Check:
    """Judge the memory: at its greatest, requests are turned away."""
    if percent >= thresholds.memory_max_percent:
        status = Status.UNHEALTHY
    elif percent >= thresholds.memory_warn_percent:
        status = Status.DEGRADED
    else:
        status = Status.OK
    return Check(status, {"percent": round(percent, 1), "usedBytes": used_bytes})


def cpu(percent: float | None) -> Check:
    """Report the CPU. A busy replica is not a sick one; None is not measured yet."""
    return Check(Status.OK, {"percent": None if percent is None else round(percent, 1)})


def dependency(error: str, seconds: float | None, *, if_away: Status) -> Check:
    """Judge something that answered after so long, or did not for the reason given."""
    if error:
        return Check(if_away, {"error": error})
    latency = {} if seconds is None else {"latencyMs": round(seconds * 1000, 1)}
    return Check(Status.OK, latency)


def verdict(checks: Mapping[str, Check]) -> Status:
    """Give the worst of what was said."""
    return max((each.status for each in checks.values()), key=SEVERITY.index, default=Status.OK)


@dataclass(frozen=True)
class Report:
    """What /api/health says."""

    server_id: str
    uptime_seconds: float
    at: datetime
    checks: Mapping[str, Check]
    requests: int
    errors: int

    @property
    def status(self) -> Status:
        """The verdict."""
        return verdict(self.checks)

    def body(self) -> dict[str, Any]:
        """Write the answer. The error rate is a share of all requests, from 0 to 1."""
        return {
            "status": self.status,
            "serverId": self.server_id,
            "uptime": round(self.uptime_seconds, 3),
            "timestamp": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "checks": {name: {"status": c.status, **c.figures} for name, c in self.checks.items()},
            "metrics": {
                "requestCount": self.requests,
                "errorCount": self.errors,
                "errorRate": round(self.errors / self.requests, 4) if self.requests else 0,
            },
        }
