"""What the operator decided is kept in Redis, bounded, and `osnovci explain` tells it."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import AWAY, NOON, reading, scaling, seen, spec, workers
from commands import osnovci
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from redis_server import RedisServer
from rq import Queue
from workers import NAMESPACE

from osnovci.decision_contract import DECISIONS_KEPT, DecisionDocument, decisions_key
from osnovci_operator.decisions import Decisions
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.decision import Decision
from osnovci_operator.queuepool.seen import Seen
from osnovci_operator.queuepool.spec import ScalingMode, Spec

BIN = Path(sys.executable).parent
POOL = "homework-jobs"
KEY = decisions_key(NAMESPACE, POOL)
FOLLOWS = spec(scaling=scaling())
BUSY = reading(waiting=20, oldest_wait=timedelta(seconds=0.25))


class Operator:
    """Decides as reconciles do, and notes each decision."""

    def __init__(self, own: Spec = FOLLOWS) -> None:
        self.own = own
        self.decisions = Decisions(NAMESPACE)
        self._state = ScalingState()

    def look(self, observed: Seen) -> Decision:
        decision, self._state = decide(self.own, observed, self._state)
        self.decisions.note(POOL, decision.document(self.own, observed.now, observed.asked))
        return decision


def kept(redis: Redis) -> list[dict[str, Any]]:
    found: Any = redis.lrange(KEY, 0, -1)
    return [json.loads(text) for text in found]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def words(server: RedisServer, *arguments: str) -> list[str]:
    return ["explain", "--redis", server.url, "-n", NAMESPACE, *arguments]


def explain(server: RedisServer, *arguments: str) -> str:
    done = osnovci(*words(server, *arguments))
    return done.stdout or done.stderr


def explained_by_kubectl(server: RedisServer, *arguments: str) -> str:
    command = [BIN / "kubectl-osnovci", *words(server, *arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def operator(redis: Redis) -> Operator:
    del redis  # it is empty then
    return Operator()


async def test_the_story_of_a_burst(
    operator: Operator, redis: Redis, redis_server: RedisServer, client: AsyncRedis
) -> None:
    Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    operator.look(seen(workers=workers(asked=0)))
    operator.look(seen(now=after(1), workers=workers(asked=0), reading=BUSY))
    operator.look(seen(now=after(60), workers=workers(asked=6), reading=AWAY))
    await operator.decisions.step(client)
    told = explain(redis_server, f"qpool/{POOL}").splitlines()
    assert told[:9] == [
        "2026-03-01 12:00:00Z  stays 0  Idle",
        "    no jobs: minReplicas 0",
        (
            "    0 wait; 0 run; 0 are due soon; 0 workers ready, 0 starting; "
            "0.00 jobs/s come, one takes 1.67s, a start 4.0s"
        ),
        (
            "    workers needed for what waits 0, what comes 0, what runs 0, a burst 0; "
            "at least 0, at most 20"
        ),
        "2026-03-01 12:00:01Z  0 -> 9  Backlog",
        (
            "    the jobs that wait or are due soon need 9 workers to start within 5s: "
            "a job takes 5.0s, a start 4s"
        ),
        told[6],
        told[7],
        "2026-03-01 12:01:00Z  stays 6  BackendUnreadable",
    ]
    assert told[6].startswith("    20 wait, the oldest for 0.2s; 0 run; 0 are due soon; ")
    assert told[7].startswith("    workers needed for what waits 9, what comes ")
    assert told[-2].endswith("Z: 6 workers asked for since 2026-03-01 12:01:00Z")
    assert told[-1].startswith("    email: 1 wait, the oldest for ")
    assert len(explain(redis_server, POOL, "--last", "1").splitlines()) == 5
    assert explained_by_kubectl(redis_server, f"queuepool/{POOL}").startswith("2026")


async def test_an_idle_pool_writes_nothing(
    operator: Operator, redis: Redis, client: AsyncRedis
) -> None:
    for second in range(0, 3600, 60):
        operator.look(seen(now=after(second), workers=workers(asked=0)))
        await operator.decisions.step(client)
    assert len(kept(redis)) == 1


async def test_a_reason_that_changes_from_second_to_second_is_kept_now_and_then(
    operator: Operator, redis: Redis, client: AsyncRedis
) -> None:
    """A new count always, a new reason alone after ten seconds."""
    for second in range(35):
        reason = "Backlog" if second % 2 else "JobsRunning"
        decided = DecisionDocument(
            at_ms=second * 1000,
            before=2,
            replicas=3 if second == 33 else 2,
            reason=reason,
            message="",
            queues=("email",),
        )
        operator.decisions.note(POOL, decided)
    await operator.decisions.step(client)
    assert [each["at_ms"] // 1000 for each in kept(redis)] == [0, 11, 22, 33, 34]


async def test_what_is_only_told_has_both_counts(
    redis: Redis, redis_server: RedisServer, client: AsyncRedis
) -> None:
    told = Operator(spec(scaling=scaling(mode=ScalingMode.RECOMMEND)))
    told.look(seen(workers=workers(asked=3), reading=BUSY))
    told.look(seen(now=after(1), workers=workers(asked=3), reading=reading(waiting=90)))
    await told.decisions.step(client)
    first, second = kept(redis)
    assert (first["before"], first["replicas"]) == (3, 3)
    assert second["before"] == first["recommended"] < second["recommended"]
    printed = explain(redis_server, POOL)
    assert "Recommending (only told: the pool has 3)" in printed
    assert f"{second['recommended']} workers recommended, 3 asked for since" in printed


async def test_a_count_stands_since_it_was_decided_whatever_the_reasons_since(
    operator: Operator, redis: Redis, redis_server: RedisServer, client: AsyncRedis
) -> None:
    del redis  # it is empty then
    for second, asked in ((0, 0), (60, 8), (90, 8)):
        read = AWAY if second == 60 else BUSY
        operator.look(seen(now=after(second), workers=workers(asked=asked), reading=read))
    await operator.decisions.step(client)
    told = explain(redis_server, POOL, "--last", "1").splitlines()
    assert told[0].startswith("2026-03-01 12:01:30Z  stays 8")
    assert told[-2].endswith("Z: 8 workers asked for since 2026-03-01 12:00:00Z")


async def test_what_redis_does_not_take_is_written_when_it_is_back(
    operator: Operator, own_redis_server: RedisServer
) -> None:
    own_redis_server.stop()
    operator.look(seen(workers=workers(asked=0), reading=BUSY))
    async with AsyncRedis.from_url(own_redis_server.url) as client:
        with pytest.raises(RedisError):
            await operator.decisions.step(client)
        own_redis_server.start()
        await operator.decisions.step(client)
        await operator.decisions.step(client)
    assert len(kept(own_redis_server.client)) == 1


async def test_only_the_last_are_kept_and_not_for_ever(
    operator: Operator, redis: Redis, client: AsyncRedis
) -> None:
    for number in range(DECISIONS_KEPT + 5):
        own = spec(replicas=number)
        observed = seen(now=after(number))
        decision, _ = decide(own, observed, ScalingState())
        operator.decisions.note(POOL, decision.document(own, observed.now, observed.asked))
    await operator.decisions.step(client)
    assert [each["replicas"] for each in kept(redis)] == list(range(5, DECISIONS_KEPT + 5))
    assert int(redis.ttl(KEY)) > 0  # pyright: ignore[reportArgumentType]


async def test_a_pool_that_was_deleted_is_no_more(
    operator: Operator, redis: Redis, redis_server: RedisServer, client: AsyncRedis
) -> None:
    """One that is made anew under its name begins a story of its own."""
    operator.look(seen(workers=workers(asked=3)))
    await operator.decisions.step(client)
    operator.decisions.forget(POOL)
    await operator.decisions.step(client)
    assert "there is no such pool" in explain(redis_server, POOL)
    operator.look(seen(now=after(60), workers=workers(asked=0)))
    await operator.decisions.step(client)
    assert [each["before"] for each in kept(redis)] == [0]


def test_a_pool_that_nobody_knows_is_one_sentence(redis: Redis, redis_server: RedisServer) -> None:
    soon = DecisionDocument(at_ms=1, before=0, replicas=1, reason="", message="", queues=())
    late = soon.model_dump_json().replace('"at_ms":1', '"at_ms":1000000000000000000')
    redis.rpush(decisions_key(NAMESPACE, "odd"), "no decision", late)
    for name in ("nobody", "odd"):
        assert explain(redis_server, name) == (
            f"osnovci: nothing is known of pool {NAMESPACE}/{name}: there is no such pool, or the "
            "operator has not reached this Redis since it is there\n"
        )
