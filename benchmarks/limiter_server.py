"""What the limiter costs Redis: the time of one call in steady traffic, and the memory of full windows.

Beside it a script that only reads three keys and writes them, which is the least that anybody can do
who keeps three limits, and the recipe that many follow: a sorted set for each limit.

The traffic is that of ten schools. Each has one address, and 25 pupils who come in bursts of one to six
requests, some 13 an hour: together nearly what their address may. After an hour the address's
window is full or nearly, a pupil's of an hour holds some 12 of 20, that of a minute a burst; one request in twelve is denied. Clocks are
told (limiter_clock.py), and all scripts get the same requests.
"""

import heapq
import random
import statistics
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from redis import Redis

from benchmarks.limiter_clock import START_MS, moment, told, window
from osnovci.limits.limit import SCRIPT, Limit, Question, Window

ROUNDS = 200
WARM_UP = 6_000
A_ROUND = 100
BATCH = 100
SCHOOLS = 10
PUPILS = 25
BURST = 6
PAUSE_MS = 1_000_000
POLICY = "homework-limits"
PER_ADDRESS = Limit("global", 100, 900_000, policy=POLICY)
PER_PUPIL = Limit("api", 60, 60_000, policy=POLICY), Limit("upload", 20, 3_600_000, policy=POLICY)
LIMITS = [PER_ADDRESS, *PER_PUPIL]

FLOOR = """
local told = {ARGV[#ARGV - 1], ARGV[#ARGV]}
local values = redis.call('MGET', unpack(KEYS))
local unit = struct.pack('<I3', told[1] * 1000 % 16777216)
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.sub(values[i] or '123456789', 4) .. unit, 'PX', ARGV[2 * i + 3])
end
return {230400099, 15360059, 921600019}
"""
"""It writes values of the same length, and gives an answer of the same length.

The values are new ones, as those of every limiter: Lua keeps each text once, and one that it has
already costs it nothing to make. It does not ask for the time; that a clock is told costs all the same.
"""

SORTED_SETS = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local reply, fits = {1}, true
for i = 1, #KEYS do
  local most, window = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3]) * 1000
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  local used = redis.call('ZCARD', KEYS[i])
  if used >= most then fits = false end
  reply[i + 1] = most - used
end
if not fits then reply[1] = 0 return reply end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now, time[1] .. '-' .. time[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 3])
end
return reply
"""

OURS, LEAST, SETS = "ours", "floor", "sorted sets"
Request = tuple[int, str, str]
"""When, from which address, and whose."""


def windows(subject: str, limits: list[Limit] = LIMITS) -> list[Window]:
    return [window(limit, subject) for limit in limits]


def traffic() -> Iterator[Request]:
    """Give the requests of all pupils in their order, no two in the same ms, and the same each time."""
    chance = random.Random(7)
    pupils = [(f"203.0.113.{s}", f"user {s}-{n}") for s in range(SCHOOLS) for n in range(PUPILS)]
    coming = [(START_MS + chance.randrange(PAUSE_MS), *each, BURST) for each in pupils]
    heapq.heapify(coming)
    now = START_MS
    while True:
        at, address, pupil, left = coming[0]
        now = max(now + 1, at)
        yield now, address, pupil
        left = left or chance.randint(1, BURST)
        pause = chance.randrange(200, 3_000) if left > 1 else chance.randrange(2 * PAUSE_MS)
        heapq.heapreplace(coming, (now + pause, address, pupil, left - 1))


class Script:
    """One of the scripts, in a database of its own, with its own place in the same traffic."""

    def __init__(
        self, redis: Redis, database: int, text: str, is_in: Callable[[Any], bool]
    ) -> None:
        port = redis.get_connection_kwargs()["port"]
        self.redis = Redis(port=port, db=database)
        self._sha: Any = redis.script_load(text)
        self._traffic = traffic()
        self._is_in = is_in
        self.let_through: list[bool] = []

    def run(self, count: int) -> float:
        """Send so many requests, and give the microseconds that Redis counted for one."""
        commands = [self._command(*each) for each in islice(self._traffic, count)]
        self.redis.config_resetstat()
        for start in range(0, count, BATCH):
            pipe = self.redis.pipeline(transaction=False)
            for command in commands[start : start + BATCH]:
                pipe.execute_command(*command)
            self.let_through += map(self._is_in, pipe.execute())
        stats: Any = self.redis.info("commandstats")
        return stats["cmdstat_evalsha"]["usec_per_call"]

    def _command(self, at_ms: int, address: str, pupil: str) -> list[Any]:
        asked = [window(PER_ADDRESS, address), *(window(each, pupil) for each in PER_PUPIL)]
        return ["EVALSHA", self._sha, *Question.of(asked).command[2:], *moment(at_ms)]


def microseconds_a_call(redis: Redis) -> tuple[dict[str, float], float]:
    """Give the median over the rounds of what a call of each script takes, and the share let through.

    Rounds are short and by turns, so that what else the machine does meets all alike.
    """
    redis.flushall()
    question = Question(windows("anybody's"))
    scripts = {
        OURS: Script(redis, 1, told(SCRIPT), lambda reply: question.parse(reply).allowed),
        SETS: Script(
            redis, 2, told(SORTED_SETS, "redis.call('TIME')"), lambda reply: reply[0] == 1
        ),
        LEAST: Script(redis, 3, FLOOR, lambda _: True),
    }
    for script in scripts.values():
        script.run(WARM_UP)
    _same_lengths(scripts[OURS].redis, scripts[LEAST].redis)
    found: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(ROUNDS):
        for name, script in scripts.items():
            found[name].append(script.run(A_ROUND))
    # both keep the same limits exactly
    assert scripts[OURS].let_through == scripts[SETS].let_through
    through = scripts[OURS].let_through[WARM_UP:]
    return {name: statistics.median(each) for name, each in found.items()}, statistics.mean(through)


def _same_lengths(ours: Redis, least: Redis) -> None:
    least.flushdb()
    for key in ours.scan_iter():
        length: Any = ours.strlen(key)
        least.set(key, "x" * length)


def memory(redis: Redis, limit: Limit) -> tuple[int, int]:
    """Give the bytes of a full window, ours and a sorted set's under the same name."""
    redis.flushall()
    [window] = windows("203.0.113.7", [limit])
    ours, recipe = redis.register_script(SCRIPT), redis.register_script(SORTED_SETS)
    question: list[Any] = Question([window]).command
    found: list[int] = []
    for script in (ours, recipe):
        redis.delete(window.key)
        for start in range(0, limit.max, BATCH):
            pipe = redis.pipeline(transaction=False)
            for _ in range(min(BATCH, limit.max - start)):
                script(keys=[window.key], args=question[4:], client=pipe)
            pipe.execute()
        used: Any = redis.memory_usage(window.key, samples=0)
        found.append(used)
    return found[0], found[1]
