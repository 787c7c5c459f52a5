"""The jobs that a pool has run lately, as `osnovci simulate` replays them: a bounded list in Redis.

A worker notes what ended in its own memory, and writes it once a second beside its lease: the
scripts that move jobs know nothing of it. What cannot be written is let go of.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from osnovci.contract import RUNS_KEPT, RUNS_KEPT_SECONDS, runs_key
from osnovci.queues.scripts import text

NOTED = 2_000
"""So many runs are noted in a second, the last ones: a few milliseconds of work at most."""

Noted = tuple[str, float, float]
"""When a job began to wait, as rq writes it; when it started and ended, seconds of Unix time."""

log = logging.getLogger(__name__)


def write(redis: Redis, namespace: str, pool: str, noted: Iterable[Noted]) -> None:
    """Add runs to those of a pool, in one round trip."""
    lines = [_line(*each) for each in noted]
    if not lines:
        return
    key = runs_key(namespace, pool)
    try:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.rpush(key, *lines)
            pipeline.ltrim(key, -RUNS_KEPT, -1)
            pipeline.expire(key, RUNS_KEPT_SECONDS)
            pipeline.execute()
    except RedisError as error:
        log.debug("%d runs were not recorded: %s", len(lines), error)


def read(redis: Redis, namespace: str, pool: str) -> Sequence[tuple[float, float]]:
    """Give when each job of a pool arrived, from the first on, and how long it ran, in seconds.

    Those of the last RUNS_KEPT_SECONDS: a pool that is never at rest for so long keeps older ones,
    and months of them are no trace that could be replayed.
    """
    lines: Any = redis.lrange(runs_key(namespace, pool), 0, -1)
    clock: Any = redis.time()
    first = (clock[0] - RUNS_KEPT_SECONDS) * 1000
    found = (run for line in lines if (run := _parse(text(line))))
    runs = sorted(run for run in found if run[0] >= first)
    return [((arrived - runs[0][0]) / 1000, ran / 1000) for arrived, ran in runs]


def _line(waited_since: str, started: float, ended: float) -> str:
    try:
        found = datetime.fromisoformat(waited_since)
        arrived = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        arrived = min(arrived, started)  # Whoever enqueued it has a clock of its own.
    except ValueError:
        arrived = started
    return f"{arrived * 1000:.0f} {max((ended - started) * 1000, 1):.0f}"


def _parse(line: str) -> tuple[int, int] | None:
    try:
        arrived, ran = map(int, line.split())
    except ValueError:
        return None
    return arrived, ran
