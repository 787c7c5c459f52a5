"""Jobs a second with a great many jobs waiting, against few: one Redis, turn about.

The many wait in one database of the server and the few in another, so that both meet the same
machine at the same time. Beside them the floor: what Redis needs only to read such jobs one by one,
which shows how much of a difference is the memory's own.
"""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from benchmarks import queue_peers as peers
from benchmarks.queue_peers import System, wait_for, worker
from osnovci.contract import Isolation
from osnovci.queues import operations
from osnovci.queues.client import Queues

ROUNDS = 5
WARM = 4_000
MEASURED = 16_000
SPARE = 4_000
FLOOR = 2_000
FEW_IN, MANY_IN = 1, 0
READ = """
for i = 1, ARGV[1] do
  local id = redis.call('LPOP', KEYS[1])
  redis.call('HGETALL', 'rq:job:' .. id)
  redis.call('HSET', 'rq:job:' .. id, 'status', 'started')
  redis.call('RPUSH', KEYS[1], id)
end
"""


@dataclass
class Side:
    """One of the two databases."""

    redis: Redis
    system: System
    rates: list[float] = field(default_factory=list[float])
    redis_us: list[float] = field(default_factory=list[float])
    floor_us: list[float] = field(default_factory=list[float])

    def round(self) -> None:
        """Work off some jobs; note the rate, and the time in scripts that each cost Redis."""
        key, began_with = "rq:queue:bench", self.system.backlog(self.redis)
        self.redis.config_resetstat()
        self.redis.eval(READ, 1, key, FLOOR)
        self.floor_us.append(_script_us(self.redis, "eval") / FLOOR)
        with worker(self.system):
            first, start = wait_for(self.redis, self.system, began_with - WARM)
            self.redis.config_resetstat()
            last, end = wait_for(self.redis, self.system, began_with - WARM - MEASURED)
            self.redis_us.append(_script_us(self.redis, "evalsha") / (first - last))
        self.rates.append((first - last) / (end - start))


def _script_us(redis: Redis, command: str) -> float:
    found: Any = redis.info("commandstats")
    return found[f"cmdstat_{command}"]["usec"]


def measure(base: str, waiting: int) -> dict[str, float]:
    """Measure throughput in rounds, and statistics with all of them waiting."""
    few, many = (_side(f"{base}/{database}") for database in (FEW_IN, MANY_IN))
    many.system.enqueue(waiting + ROUNDS * (WARM + MEASURED))
    statistics_ms = _statistics_ms(many.redis)
    for _ in range(ROUNDS):
        few.redis.flushdb()
        few.system.enqueue(WARM + MEASURED + SPARE)
        few.round()
        many.round()
    found = {"statistics ms": statistics_ms}
    for name, side in (("few", few), ("many", many)):
        found |= {
            f"jobs/s, {name}": statistics.median(side.rates),
            f"us of Redis a job, {name}": statistics.median(side.redis_us),
            f"us of Redis to read a job only, {name}": statistics.median(side.floor_us),
        }
    return found


def _side(url: str) -> Side:
    redis = Redis.from_url(url)
    redis.flushdb()
    return Side(redis, peers.ours(url, Isolation.PROCESS, 2, "noop", 0))


def _statistics_ms(redis: Redis) -> float:
    queues = Queues(redis, peers.NAMESPACE)
    queues.run(operations.stats())
    began = time.perf_counter()
    for _ in range(100):
        queues.run(operations.stats())
    return (time.perf_counter() - began) * 10
