"""The clock brings a job, and the job a worker."""

import json
from collections.abc import Callable

from pools import TestPool
from redis import Redis
from waiting import eventually

MakePool = Callable[..., TestPool]
MINUTE_AND_A_START_SECONDS = 240


def every_minute(pool: str, **changed: object) -> dict[str, object]:
    return {
        "name": "tick",
        "cron": "* * * * *",
        "task": "homework.jobs.record",
        "kwargs": {"list_key": f"tick:{pool}", "value": "x"},
        "queue": pool,
        **changed,
    }


def test_a_pool_at_zero_runs_what_the_clock_brings(pool: MakePool, redis: Redis) -> None:
    jobs = pool(scaling={"minReplicas": 0, "maxReplicas": 1, "idle": "5s"})
    schedules = [every_minute(jobs.name)]
    patch = json.dumps({"spec": {"schedules": schedules}})
    jobs.kubectl("patch", "qpool", jobs.name, "--type=merge", "-p", patch)
    eventually(lambda: jobs.condition("Scheduled").get("status") == "True")
    assert "next: tick at " in jobs.condition("Scheduled")["message"]
    eventually(lambda: redis.llen(f"tick:{jobs.name}"), within=MINUTE_AND_A_START_SECONDS)

    def last() -> str:
        (status,) = jobs.status()["schedules"]
        return status.get("lastJob", "")

    eventually(lambda: last().startswith(f"{jobs.name}_tick_"))


def test_a_zone_that_does_not_exist_is_a_condition(pool: MakePool) -> None:
    jobs = pool(replicas=0)
    schedules = [every_minute(jobs.name, timeZone="Europe/Beograd")]
    patch = json.dumps({"spec": {"schedules": schedules}})
    jobs.kubectl("patch", "qpool", jobs.name, "--type=merge", "-p", patch)
    eventually(lambda: jobs.condition("Scheduled").get("reason") == "InvalidSchedule")
    assert "there is no 'Europe/Beograd'" in jobs.condition("Scheduled")["message"]
