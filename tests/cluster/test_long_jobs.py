"""A scale-down amid long jobs costs none of them: who is removed was idle, and nothing runs twice."""

from collections.abc import Callable

from pools import TestPool
from redis import Redis
from waiting import eventually

MakePool = Callable[..., TestPool]
LONG_SECONDS = 60


def names(of: TestPool) -> set[str]:
    """Name the pods that were not told to end."""
    return {
        each["metadata"]["name"]
        for each in of.pods()
        if "deletionTimestamp" not in each["metadata"]
    }


def several(of: TestPool) -> set[str] | None:
    """Name the pods if there are more than two."""
    found = names(of)
    return found if len(found) > 2 else None


def runs(redis: Redis, key: str) -> list[str]:
    """Name the pod of each run that began."""
    found = redis.lrange(key, 0, -1)
    assert isinstance(found, list)
    return [str(each) for each in found]


def begin(pool: TestPool, redis: Redis, jobs: int) -> set[str]:
    """Have so many workers begin a long job each; give their pods."""
    redis.delete(f"runs:{pool.name}")
    pool.enqueue("record_and_pause", f"runs:{pool.name}", LONG_SECONDS, times=jobs)
    eventually(lambda: len(runs(redis, f"runs:{pool.name}")) == jobs, within=150)
    return set(runs(redis, f"runs:{pool.name}"))


def test_a_scale_down_amid_long_jobs_reruns_none(pool: MakePool, redis: Redis) -> None:
    """One count follows the backlog, the other is set by hand."""
    bounds = {"minReplicas": 0, "maxReplicas": 4, "idle": "10s", "targetWait": "2m"}
    follows, fixed = pool(scaling=bounds, concurrency=1), pool(replicas=4, concurrency=1)
    follows.enqueue("pause", 1, times=20)
    most = eventually(lambda: several(follows))
    fixed.wait(ready=4)
    followed, busy = begin(follows, redis, 2), begin(fixed, redis, 2)
    before = names(fixed)
    fixed.kubectl("scale", "qpool", fixed.name, "--replicas=2")
    # A start that fits well into targetWait costs little, so its workers are not kept for long.
    eventually(lambda: followed <= names(follows) and len(names(follows)) < len(most))
    fixed.wait(ready=2)
    assert names(fixed) == busy < before
    for each in (fixed, follows):
        eventually(lambda e=each: e.status()["queues"][0]["active"] == 0, within=180)
        assert len(runs(redis, f"runs:{each.name}")) == 2
        redis.delete(f"runs:{each.name}")
    assert names(fixed) == busy
    eventually(lambda: not names(follows), within=150)
    events = fixed.kubectl("get", "events", "-o", "jsonpath={.items[*].message}{.items[*].note}")
    assert "from 4 to 2 workers: 2 idle workers drain" in events
