"""Who is denied: by a clock that is set back, when it may come again, and a client that hammers.

Clocks are told (limiter_clock.py). The pods' memories of who is blocked are the product's Guards, one
for each pod, asked in turn.
"""

import random
from dataclasses import dataclass
from typing import Any

from redis import Redis

from benchmarks.limiter_bursts import LIMITS, bursts
from benchmarks.limiter_clock import START_MS, Stepped, window
from osnovci.limits.guard import Guard
from osnovci.limits.limit import Limit, Question
from osnovci.limits.local import LocalWindows

BACK_MS = 15_000
RETRIES = 400
"""Denials of each limit of which the moment that was told is tried, and the ms before it."""

HAMMERED = Limit("api", 60, 60_000, policy="limits")
"""Of a policy. What an application charges by itself is known to be denied for a second only."""

HAMMERING_MS = 300_000
HAMMER_MS = 20
LEGAL_MS = 1_000
PODS = 10


@dataclass(frozen=True)
class Retries:
    """Whether the moments that denials told were right."""

    tried: int
    too_late: int
    """Let through a ms before it."""
    too_early: int
    """Denied at it."""


@dataclass(frozen=True)
class Hammering:
    """What a client costs that sends 50 requests a second of 1 that it may, for five minutes."""

    key_bytes: int
    writes: int
    legal_key_bytes: int
    legal_writes: int
    requests: int
    round_trips: int
    """Of ten pods that remember who is blocked."""
    wrong_denials: int
    """Denied by what a pod remembered, where Redis would have let it through."""


def extra_after_step_back(redis: Redis) -> int:
    """Fill each limit, set the clock back, and count what is let through then."""
    redis.flushall()
    clock, extra = Stepped(redis), 0
    for limit in LIMITS:
        question = Question([window(limit, "ana")])
        full = clock.ask_all(question, [START_MS + n % 1_000 for n in range(limit.max)])
        assert all(full)
        moments = [START_MS + 1_000 - BACK_MS + n % 1_000 for n in range(limit.max)]
        extra += sum(clock.ask_all(question, moments))
    return extra


def retries(redis: Redis) -> Retries:
    """Try what denials told, in bursts, with the clock set back now and then."""
    redis.flushall()
    clock, chance = Stepped(redis), random.Random(3)
    tried = too_late = too_early = 0
    for limit in LIMITS:
        question, look = (Question([window(limit, "ana")], counts=yes) for yes in (True, False))
        of_this = 0
        for n, at in enumerate(bursts(limit, 11)):
            back_ms = BACK_MS if n % 97 == 0 else 0
            decision = clock.ask(question, at - back_ms)
            if not decision.allowed and chance.random() < 0.5:
                again = at - back_ms + decision.retry_ms
                too_late += clock.ask(look, again - 1).allowed
                too_early += not clock.ask(look, again).allowed
                of_this += 1
                if of_this == RETRIES:
                    break
        tried += of_this
    return Retries(tried, too_late, too_early)


def hammering(redis: Redis) -> Hammering:
    """Let a client hammer while it is blocked, and another keep to what it may."""
    hammered = _sent(redis, HAMMER_MS)
    legal = _sent(redis, LEGAL_MS)
    trips, wrong = _with_pods(redis)
    return Hammering(*hammered, *legal, HAMMERING_MS // HAMMER_MS, trips, wrong)


def _sent(redis: Redis, every_ms: int) -> tuple[int, int]:
    """Give the bytes of the key afterwards, and how often Redis wrote."""
    redis.flushall()
    clock, question = Stepped(redis), Question([window(HAMMERED, "ana")])
    redis.config_resetstat()
    moments = range(START_MS, START_MS + HAMMERING_MS, every_ms)
    for start in range(0, len(moments), 100):
        clock.ask_all(question, moments[start : start + 100])
    size: Any = redis.memory_usage(question.windows[0].key, samples=0)
    stats: Any = redis.info("commandstats")
    return size, stats["cmdstat_set"]["calls"]


def _with_pods(redis: Redis) -> tuple[int, int]:
    redis.flushall()
    clock, exact, guards = Stepped(redis), LocalWindows(processes=1), [Guard() for _ in range(PODS)]
    question = Question([window(HAMMERED, "ana")])
    trips = wrong = 0
    for n, at_ms in enumerate(range(START_MS, START_MS + HAMMERING_MS, HAMMER_MS)):
        guard, now = guards[n % PODS], (at_ms - START_MS) / 1000
        decision = guard.known(question, now)
        if decision is None:
            trips += 1
            decision = guard.answered(question, clock.ask(question, at_ms), now)
        wrong += exact.ask(question, at_ms).allowed and not decision.allowed
    return trips, wrong
