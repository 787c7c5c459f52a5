"""What the limiter costs Redis: the time of one call, and the memory of full windows.

Beside it a script that only reads three keys and writes them, which is the least that anybody can do
who keeps three limits, and the recipe that libraries follow: a sorted set for each limit.
"""

import statistics
from typing import Any

from redis import Redis

from osnovci.limits.limit import SCRIPT, Limit, Question, Window

ROUNDS = 7
USERS = 1_000
EACH = 15
BATCH = 100
SEEDS = (("global", 100, 900_000), ("api", 60, 60_000), ("upload", 20, 3_600_000))
LIMITS = [Limit(name, most, window_ms, policy="homework-limits") for name, most, window_ms in SEEDS]

FLOOR = """
local values = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.sub(values[i] or '', 1, 48) .. 'abc', 'PX', ARGV[3 * i + 3])
end
return {1, 1, 2, 3, 4, 5, 6, 7, 8, 9}
"""
"""It writes values of the same length, and gives an answer of the same length."""

SORTED_SETS = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local reply, fits = {1}, true
for i = 1, #KEYS do
  local most, window = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3]) * 1000
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  local used = redis.call('ZCARD', KEYS[i])
  if used >= most then fits = false end
  reply[i + 1] = most - used
end
if not fits then reply[1] = 0 return reply end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now, time[1] .. '-' .. time[2])
  redis.call('PEXPIRE', KEYS[i], ARGV[3 * i + 3])
end
return reply
"""


def windows(subject: str, limits: list[Limit] = LIMITS) -> list[Window]:
    return [limit.window("homework", "homework", subject) for limit in limits]


def microseconds_a_call(redis: Redis) -> dict[str, float]:
    """Give the median over the rounds of what a call of each script takes Redis."""
    scripts = {"ours": SCRIPT, "floor": FLOOR, "sorted sets": SORTED_SETS}
    found: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(ROUNDS + 1):
        for name, text in scripts.items():
            found[name].append(_round(redis, text))
    # the first round warms up
    return {name: statistics.median(each[1:]) for name, each in found.items()}


def _round(redis: Redis, script: str) -> float:
    """Let every user send requests that all fit, and ask Redis how long one took."""
    redis.flushall()
    sha: Any = redis.script_load(script)
    commands = [Question(windows(f"203.0.{n // 250}.{n % 250}")).command for n in range(USERS)]
    redis.config_resetstat()
    for _ in range(EACH):
        for start in range(0, USERS, BATCH):
            pipe = redis.pipeline(transaction=False)
            for command in commands[start : start + BATCH]:
                pipe.execute_command("EVALSHA", sha, *command[2:])
            pipe.execute()
    told: Any = redis.info("commandstats")
    return told["cmdstat_evalsha"]["usec_per_call"]


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
