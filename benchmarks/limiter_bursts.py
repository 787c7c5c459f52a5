"""Whether limits hold: a million requests in bursts, from several processes, of limits from 5 to 10,000.

With clocks that are told, each process sends its limits' requests; the moments of all that were let
through are counted afterwards, and an exact model decides on the same requests. With Redis's own clock
all processes share the limits' keys, and the script tells, beside its answer, at which moment it was.
"""

import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from multiprocessing import get_context
from typing import Any

from redis import Redis

from benchmarks.limiter_clock import START_MS, Stepped, window
from osnovci.limits.limit import SCRIPT, Form, Limit, Question

PROCESSES = 4
REQUESTS = 125_000
"""Of each of eight limits."""
BATCH = 200
LIMITS = [
    Limit("login", 5, 60_000),
    Limit("upload", 20, 3_600_000),
    Limit("api", 60, 60_000),
    Limit("global", 100, 900_000),
    Limit("thousand", 1_000, 60_000),
    Limit("exactly", 1_000, 60_000, exact=True),
    Limit("many", 10_000, 60_000),
    Limit("all", 10_000, 60_000, exact=True),
]
SHARED = [
    Limit("few", 5, 100),
    Limit("log", 100, 1_000),
    Limit("ticks", 1_000, 1_000),
    Limit("ring", 1_000, 1_000, exact=True),
]
SHARED_REQUESTS = 10_000
"""Of each process, to each of the shared limits."""


@dataclass(frozen=True)
class Held:
    """How one limit held."""

    name: str
    form: str
    requests: int
    let_through: int
    beyond: int
    """Requests let through though as many as the limit were within the window before them."""
    unpromised: int
    """Denied though fewer than the limit were within the window, and a tick, before them."""
    share: float
    """Of what an exact limiter lets through of the same requests, see `_mean_of_last`."""


def told(redis: Redis) -> list[Held]:
    """Send the million."""
    redis.flushall()
    with _processes() as pool:
        return list(pool.map(_told, LIMITS, repeat(_port(redis))))


def shared(redis: Redis) -> list[Held]:
    """Let all processes send to the same keys, by Redis's clock."""
    redis.flushall()
    with _processes() as pool:
        parts = list(pool.map(_shared, range(PROCESSES), repeat(_port(redis))))
    found: list[Held] = []
    for n, limit in enumerate(SHARED):
        # Within one ms nothing is forgotten: what is let through comes before what is denied.
        answers = sorted((each for part in parts for each in part[n]), key=_moment_then_denied)
        found.append(held(limit, [at for at, _ in answers], [is_in for _, is_in in answers]))
    return found


def held(limit: Limit, moments: Sequence[int], let_through: Sequence[bool]) -> Held:
    """Count what was let through beyond the limit, and what an exact limiter lets through."""
    recent: deque[int] = deque()
    exact: deque[int] = deque()
    promised: deque[int] = deque()
    beyond, unpromised, count, of_exact = 0, 0, 0, 0
    shares: list[tuple[int, float]] = []
    for at, is_in in zip(moments, let_through, strict=True):
        _forget(recent, at - limit.window_ms)
        _forget(exact, at - limit.window_ms)
        _forget(promised, at - limit.window_ms - limit.tick_ms + 1)
        if is_in:
            beyond += len(recent) >= limit.max
            count += 1
            recent.append(at)
            promised.append(at)
        else:
            unpromised += len(promised) < limit.max
        if len(exact) < limit.max:
            of_exact += 1
            exact.append(at)
        shares.append((at, count / of_exact))
    share = _mean_of_last(limit.window_ms, shares)
    return Held(limit.name, limit.form.name, len(moments), count, beyond, unpromised, share)


def _mean_of_last(window_ms: int, shares: Sequence[tuple[int, float]]) -> float:
    """Give the mean, over the time of the last window, of what the share was at each moment.

    At one moment it depends on who has just begun to fill a window: in a few windows by a seventh.
    """
    end = shares[-1][0]
    begin = max(end - window_ms, shares[0][0])
    total, until = 0.0, end
    for at, share in reversed(shares):
        since = max(at, begin)
        total, until = total + share * (until - since), since
        if at <= begin:
            break
    return total / (end - begin)


def _moment_then_denied(answer: tuple[int, bool]) -> tuple[int, bool]:
    at, is_in = answer
    return at, not is_in


def bursts(limit: Limit, seed: int) -> Iterator[int]:
    """Give moments: bursts of a tenth to eight times the limit's pace, and pauses."""
    chance, at = random.Random(seed), float(START_MS)
    while True:
        pace = math.exp(chance.uniform(math.log(0.1), math.log(8))) * limit.max / limit.window_ms
        end = at + chance.uniform(0.1, 2) * limit.window_ms
        while at < end:
            at += chance.expovariate(pace)
            yield int(at)
        if chance.random() < 0.5:
            at += chance.uniform(0, 1.5) * limit.window_ms


def _forget(moments: deque[int], until: int) -> None:
    while moments and moments[0] <= until:
        moments.popleft()


def _told(limit: Limit, port: int) -> Held:
    with Redis(port=port) as redis:
        clock, question = Stepped(redis), Question([window(limit, "ana")])
        moments = list(islice(bursts(limit, LIMITS.index(limit)), REQUESTS))
        let_through: list[bool] = []
        for start in range(0, REQUESTS, BATCH):
            let_through += clock.ask_all(question, moments[start : start + BATCH])
    return held(limit, moments, let_through)


def _shared(seed: int, port: int) -> list[list[tuple[int, bool]]]:
    """Give when each request to each shared limit was, and whether it was let through."""
    script = SCRIPT.text.replace("\nreturn reply\n", "\nreturn {reply, at}\n")
    assert script.count("return {reply, at}") == 1
    chance = random.Random(seed)
    found: list[list[tuple[int, bool]]] = [[] for _ in SHARED]
    questions = [Question([window(limit, "ana")]) for limit in SHARED]
    with Redis(port=port) as redis:
        sha: Any = redis.script_load(script)
        while len(found[-1]) < SHARED_REQUESTS:
            pipe = redis.pipeline(transaction=False)
            for _ in range(min(chance.randint(1, 50), SHARED_REQUESTS - len(found[-1]))):
                for question in questions:
                    pipe.execute_command("EVALSHA", sha, *question.call.command[2:])
            for n, (reply, at_ms) in enumerate(pipe.execute()):
                of = n % len(SHARED)
                found[of].append((at_ms, questions[of].parse(reply).allowed))
    return found


def is_exact(name: str) -> bool:
    return name != Form.TICKS.name


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))


def _port(redis: Redis) -> int:
    return redis.get_connection_kwargs()["port"]
