"""The audit: every job is in exactly one place, and where it is not it is put there, or is named.

It looks in two steps. The first reads everything in small pieces while work goes on, and so may see
a job on its way. The second looks again at each job that seemed odd, in one script, and only what is
odd in that moment is reported and mended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis

from osnovci.queues.client import Queues
from osnovci.queues.operations import release
from osnovci.queues.scripts import Call, script, text

PIECE = 1_000
PLACES = {
    "finished": "finished", "failed": "failed", "canceled": "canceled", "deferred": "deferred",
    "scheduled": "scheduled", "ready": "ready_to_enqueue",
}  # fmt: skip
"""rq's registries and the status of the jobs in them."""


@dataclass(frozen=True)
class Finding:
    """One job that was not in exactly one place."""

    job_id: str
    found: str
    done: str

    @property
    def is_mended(self) -> bool:
        """Whether the job is accounted for now."""
        return not self.done.startswith("left")


@dataclass(frozen=True)
class Report:
    """What an audit found."""

    jobs: int
    findings: tuple[Finding, ...]
    freed: int
    """Jobs taken back from workers that held some without a lease."""

    @property
    def is_accounted(self) -> bool:
        """Whether every job is in exactly one place now."""
        return all(finding.is_mended for finding in self.findings)


def audit(queues: Queues, *, mend: bool = True) -> Report:
    """Look at every job; without `mend` nothing is changed, and what would be done is reported."""
    freed = _free_unleased(queues) if mend else 0
    seen = _places(queues.redis, queues.prefix)
    jobs = 0
    odd: list[tuple[str, str]] = []
    for job_id, status, queue in _jobs(queues.redis):
        jobs += 1
        if seen.pop(job_id, None) != (status, queue):
            odd.append((job_id, queue))
    odd += [(job_id, queue) for job_id, (_, queue) in seen.items()]
    findings = [
        each for piece in _pieces(odd) for each in queues.run(_look_again(piece, mend=mend))
    ]
    return Report(jobs, tuple(findings), freed)


def _look_again(odd: Iterable[tuple[str, str]], *, mend: bool) -> Call[list[Finding]]:
    args = [int(mend), *(part for pair in odd for part in pair)]
    return Call(
        script("mend"),
        args,
        lambda reply: [Finding(*(text(part) for part in row)) for row in reply],
    )


def _places(redis: Redis, own: str) -> dict[str, tuple[str, str]]:
    """Give the status that its place says for every job, and its queue; odd where it has two places."""
    seen: dict[str, tuple[str, str]] = {}

    def note(job_id: str, status: str, queue: str) -> None:
        seen[job_id] = ("two places", queue) if job_id in seen else (status, queue)

    for queue in sorted(text(key).removeprefix("rq:queue:") for key in _all(redis, "rq:queues")):
        for job_id in _listed(redis, f"rq:queue:{queue}"):
            note(job_id, "queued", queue)
        for job_id in _scored(redis, f"{own}priority:{queue}"):
            note(job_id, "queued", queue)
        for member in _scored(redis, f"rq:wip:{queue}"):
            note(member.partition(":")[0], "started", queue)
        for name, status in PLACES.items():
            for job_id in _scored(redis, f"rq:{name}:{queue}"):
                note(job_id, status, queue)
    return seen


def _jobs(redis: Redis) -> Iterator[tuple[str, str, str]]:
    """Give every job's id, status and queue."""
    found = redis.scan_iter("rq:job:*", count=PIECE)
    ids = (text(key).removeprefix("rq:job:") for key in found)
    for piece in _pieces(each for each in ids if ":" not in each):
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in piece:
                pipeline.hmget(f"rq:job:{job_id}", "status", "origin")
            for job_id, (status, queue) in zip(piece, pipeline.execute(), strict=True):
                if status is not None:
                    yield job_id, text(status), text(queue)


def _free_unleased(queues: Queues) -> int:
    """Take back what workers hold that have no lease at all."""
    redis, own = queues.redis, f"{queues.prefix}held:"
    freed = 0
    for key in redis.scan_iter(f"{own.replace('{', '[{]')}*", count=PIECE):
        worker = text(key).removeprefix(own)
        if redis.zscore(f"{queues.prefix}leases", worker) is None:
            freed += queues.run(release(worker, "Its worker had no lease when jobs were audited."))
    return freed


def _all(redis: Redis, key: str) -> Any:
    return redis.smembers(key)


def _listed(redis: Redis, key: str) -> Iterator[str]:
    start = 0
    while piece := _range(redis, key, start):
        yield from (text(each) for each in piece)
        start += PIECE


def _range(redis: Redis, key: str, start: int) -> Any:
    return redis.lrange(key, start, start + PIECE - 1)


def _scored(redis: Redis, key: str) -> Iterator[str]:
    for member, _ in redis.zscan_iter(key, count=PIECE):
        yield text(member)


def _pieces(items: Iterable[Any]) -> Iterator[list[Any]]:
    piece: list[Any] = []
    for item in items:
        piece.append(item)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
