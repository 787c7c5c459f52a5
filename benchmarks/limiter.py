"""What rate limits cost, and whether they hold: `python -m benchmarks --only limiter`.

Redis's time and memory (limiter_server), checks a second beside three libraries (limiter_peers), a
million requests in bursts (limiter_bursts), who is denied (limiter_denied), a Redis that stands still
(limiter_stall).
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks import (
    limiter_bursts,
    limiter_denied,
    limiter_peers,
    limiter_server,
    limiter_stall,
)
from benchmarks.limiter_bursts import Held
from benchmarks.limiter_denied import Hammering, Retries
from benchmarks.limiter_peers import MOVING, OURS_NAME
from benchmarks.limiter_server import LEAST, LEFT, LETTERS, OURS, SETS
from benchmarks.limiter_stall import Stall
from benchmarks.report import Figure, Result
from benchmarks.web_stand import redis_server
from osnovci.limits.limit import Limit

ROUNDS = 3
POLICY = "homework-limits"
FULL = {
    "a log of 100": Limit("global", 100, 900_000, policy=POLICY),
    "a ring of 10,000": Limit("api", 10_000, 60_000, exact=True, policy=POLICY),
    "ticks of 10,000": Limit("api", 10_000, 60_000, policy=POLICY),
}
Rates = dict[str, list[float]]
"""Checks a second of one task, and of 50."""


def measure() -> Result:
    """Measure all."""
    limiter_peers.install()
    with redis_server() as redis:
        spent, through = limiter_server.microseconds_a_call(redis)
        sizes = {name: limiter_server.memory(redis, limit) for name, limit in FULL.items()}
        rates = [limiter_peers.checks_a_second(redis) for _ in range(ROUNDS)]
        told, shared = limiter_bursts.told(redis), limiter_bursts.shared(redis)
        extra, retries = limiter_denied.extra_after_step_back(redis), limiter_denied.retries(redis)
        hammering = limiter_denied.hammering(redis)
        stalls = [limiter_stall.stall(redis) for _ in range(ROUNDS)]
    middle = {
        name: [statistics.median(each[name][n] for each in rates) for n in range(2)]
        for name in rates[0]
    }
    return Result(
        name="limiter",
        question="What do rate limits cost, and do they hold?",
        setting="three limits a request: 100 in 15 min, 60 in 1 min, 20 in 1 h; loopback, uvloop",
        figures=[
            *_server(spent, through),
            *_checks(middle),
            *_memory(*sizes.values()),
            *_bursts(told, shared),
            *_denied(extra, retries, hammering),
            *_stall(stalls),
        ],
        detail={
            "µs": spent,
            "checks/s": rates,
            "bytes, ours and a sorted set's": sizes,
            "bursts, clocks told": [asdict(each) for each in told],
            "bursts, Redis's clock": [asdict(each) for each in shared],
            "retries": asdict(retries),
            "hammering": asdict(hammering),
            "stalls": [asdict(each) for each in stalls],
        },
    )


def _server(spent: dict[str, float], through: float) -> list[Figure]:
    ours = spent[OURS]
    return [
        Figure("Redis's time a call", round(ours, 2), "µs"),
        Figure("of reading and writing three keys", _ratio(ours, spent[LEAST]), "x", 1.2),
        Figure("of that, the same letters each time", _ratio(ours, spent[LETTERS]), "x"),
        Figure("of sorted sets that tell the same", _ratio(ours, spent[SETS]), "x", 0.6),
        Figure("of sorted sets that tell only how many are left", _ratio(ours, spent[LEFT]), "x"),
        Figure("of that traffic, let through", round(through * 100, 1), "%"),
    ]


def _checks(middle: Rates) -> list[Figure]:
    ours = middle[OURS_NAME]
    fastest = max(each[1] for name, each in middle.items() if name != OURS_NAME)
    moving = middle[MOVING]
    return [
        Figure("checks/s, one task", round(ours[0]), "/s"),
        Figure("checks/s, 50 tasks", round(ours[1]), "/s"),
        Figure(
            "of ours, limits' MovingWindow, one task", _ratio(moving[0], ours[0]), "x", _below(2.7)
        ),
        Figure("the same, 50 tasks", _ratio(moving[1], ours[1]), "x", _below(2.7)),
        Figure(
            "of ours, the fastest library, 50 tasks", _ratio(fastest, ours[1]), "x", _below(2.3)
        ),
    ]


def _memory(log: tuple[int, int], ring: tuple[int, int], ticks: tuple[int, int]) -> list[Figure]:
    return [
        Figure("memory of a log of 100, of a sorted set's", _ratio(*log), "x", _below(6)),
        Figure("memory of a ring of 10,000", _ratio(*ring), "x", _below(20)),
        Figure("memory of ticks of 10,000", round(ticks[0] / ticks[1], 6), "x", _below(2000)),
    ]


def _bursts(told: Sequence[Held], shared: Sequence[Held]) -> list[Figure]:
    fewer: dict[bool, list[float]] = {True: [], False: []}
    for each in (*told, *shared):
        fewer[limiter_bursts.is_exact(each.form)].append((1 - each.share) * 100)
    return [
        Figure("requests in bursts, clocks told", sum(each.requests for each in told), ""),
        Figure("let through beyond a limit", sum(each.beyond for each in told), "", 0),
        Figure("requests in bursts, Redis's clock", sum(each.requests for each in shared), ""),
        Figure("let through beyond a limit, then", sum(each.beyond for each in shared), "", 0),
        Figure(
            "denied against the promise", sum(each.unpromised for each in (*told, *shared)), "", 0
        ),
        Figure("off an exact limiter's sum, exact forms, most", max(map(abs, fewer[True])), "%", 0),
        Figure("fewer than an exact limiter's, ticks, most", round(max(fewer[False]), 2), "%", 1.7),
    ]


def _denied(extra: int, retries: Retries, hammering: Hammering) -> list[Figure]:
    unlike = max(
        hammering.key_bytes / hammering.legal_key_bytes, hammering.writes / hammering.legal_writes
    )
    return [
        Figure("let through after the clock was set back 15 s", extra, "", 0),
        Figure("moments to come again that were tried", retries.tried, ""),
        Figure("of them wrong by a ms or more", retries.too_early + retries.too_late, "", 0),
        Figure("memory and writes of a client that hammers, of a legal one's", unlike, "x", 1),
        Figure(
            "round trips of its requests to ten pods",
            round(hammering.round_trips / hammering.requests, 4),
            "x",
            _below(40),
        ),
        Figure("wrong denials meanwhile", hammering.wrong_denials, "", 0),
    ]


def _stall(stalls: Sequence[Stall]) -> list[Figure]:
    first = max(each.first_ms for each in stalls)
    longest = max(each.longest_ms for each in stalls)
    in_force = all(each.failure_modes_in_force for each in stalls)
    return [
        Figure("Redis stopped: the first decision after, worst", round(first, 1), "ms", 60),
        Figure("the longest that a request waited then", round(longest, 1), "ms", 100),
        Figure("times the failure modes were not in force", int(not in_force), "", 0),
    ]


def _ratio(one: float, other: float) -> float:
    return round(one / other, 3)


def _below(times: float) -> float:
    """Give the bar of what is to be so many times less."""
    return 1 / times
