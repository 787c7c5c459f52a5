"""The bars of the queue beside its peers, each met or not in one run's figures. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

PEERS = ("celery", "dramatiq", "saq", "arq")
RQ_TIMES = 30
RERUN_SECONDS = {"by its lease": 5.0, "pod known gone": 1.0}
IDLE_MIB = 90
BACKLOG_SHARE = 0.9
STATISTICS_MS = 2.0

Found = Mapping[str, Any]


def verdicts(found: Found) -> list[tuple[str, bool]]:
    """Give each bar in words, and whether it was met; those that were not measured are left out."""
    bars = (*_rates(found), *_others(found))
    return [(bar, bool(met)) for bar, met in bars if met is not None]


def _rates(found: Found) -> Iterator[tuple[str, bool | None]]:
    rq = _least(found, "noop: rq.Worker", RQ_TIMES)
    yield f"no-op: {RQ_TIMES} times rq's Worker", _above(found, "noop: osnovci Process 1", rq)
    for part in ("noop", "io10"):
        for concurrency in (1, 10, 50):
            peer = found.get(f"{part}: BullMQ {concurrency}")
            met = _above(found, f"{part}: osnovci Thread {concurrency}", peer)
            yield f"{part}: above BullMQ at {concurrency}", met
    for peer in PEERS:
        met = _above(found, "python: osnovci Process 2", found.get(f"python: {peer}"))
        yield f"no-op: above {peer}", met


def _others(found: Found) -> Iterator[tuple[str, bool | None]]:
    for percent in (50, 99):
        name = f"idle pickup p{percent} ms"
        peer = found.get(f"{name}: BullMQ")
        yield f"{name}: no slower than BullMQ", _below(found, f"{name}: osnovci", peer)
    yield "round trips a job: 1", _below(found, "round trips a job, busy queue", 1)
    for how, seconds in RERUN_SECONDS.items():
        met = _below(found, f"rerun after kill -9 p99 s: {how}", seconds)
        yield f"rerun p99, {how}: {seconds:g} s", met
    yield f"idle pod: {IDLE_MIB} MiB", _below(found, "idle pod of 2 processes, MiB", IDLE_MIB)
    waiting = "1,000,000 waiting"
    met = _below(found, f"{waiting}: statistics ms", STATISTICS_MS)
    yield f"{waiting}: statistics in {STATISTICS_MS:g} ms", met
    few = _least(found, f"{waiting}: jobs/s, few", BACKLOG_SHARE)
    yield f"{waiting}: jobs/s within 10 %", _above(found, f"{waiting}: jobs/s, many", few)


def _least(found: Found, name: str, times: float) -> float | None:
    return found[name] * times if name in found else None


def _above(found: Found, name: str, least: float | None) -> bool | None:
    return found[name] > least if name in found and least is not None else None


def _below(found: Found, name: str, most: float | None) -> bool | None:
    return found[name] <= most if name in found and most is not None else None
