"""The audit: every job is in exactly one place, and where it is not it is put there, or is named.

It looks in two steps. The first reads everything in small pieces while work goes on, and so may see
a job on its way. The second looks again at each job that seemed odd, in one script, and only what is
odd in that moment is reported and mended.

`steps` is the whole of it without I/O: whoever runs it, `audit` or the operator, sends each call and
hands back what it gave, at its own pace. It keeps eight bytes for each waiting job, and nothing else.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from osnovci.queues.client import Queues
from osnovci.queues.operations import release
from osnovci.queues.payload import encode_error
from osnovci.queues.scripts import Call, script, text

PIECE = 250
"""Entries that one call looks at: half a millisecond of Redis, more on a busy machine."""

LOOKS_PIECE = 100
SEARCHED = 200_000
"""Entries of rq's lists that one second look may have to search."""

LATE_SECONDS = 60
"""Renewals free the jobs of leases that ended; where nobody renews, the audit does, and is in no hurry:
after Redis was away, each worker has had the time to come back."""

MOST_FINDINGS = 10_000
"""An audit that finds more ends there; what it mended stays mended."""

BEGIN = "1 1 0"
NO_LEASE = "Its worker had no lease when jobs were audited."
STRANDED = (
    "It was set aside unrun: a job that it depends on was canceled, or has not completed and is no"
    " longer kept. To run it all the same: osnovci queue retry."
)

Odd = tuple[str, str]
"""A job that seems odd, and its queue."""


@dataclass(frozen=True)
class Finding:
    """One job that was not in exactly one place, or waited for what never comes."""

    job_id: str
    queue: str
    found: str
    done: str

    @property
    def is_mended(self) -> bool:
        """Whether the job is accounted for now."""
        return not self.done.startswith("left")


@dataclass(frozen=True)
class Freed:
    """A worker that held jobs without a lease: they wait again."""

    worker: str
    queue: str
    jobs: int


@dataclass(frozen=True)
class Report:
    """What an audit found."""

    jobs: dict[str, int]
    """How many there are, by queue; none of a queue that is empty."""
    findings: tuple[Finding, ...]
    freed: tuple[Freed, ...]
    broken: dict[str, str]
    """Queues of which a place cannot be read, and why."""
    is_complete: bool

    @property
    def is_accounted(self) -> bool:
        """Whether every job is known to be in exactly one place now."""
        is_whole = self.is_complete and not self.broken
        return is_whole and all(finding.is_mended for finding in self.findings)


def audit(queues: Queues, *, mend: bool = True) -> Report:
    """Look at every job; without `mend` nothing is changed, and what would be done is reported."""
    names = sorted(text(key).removeprefix("rq:queue:") for key in _queue_keys(queues))
    run = steps(names, mend=mend)
    reply: Any = None
    while True:
        try:
            call = run.send(reply)
        except StopIteration as end:
            return end.value
        reply = queues.run(call)


def _queue_keys(queues: Queues) -> Any:
    return queues.redis.smembers("rq:queues")


Steps = Generator[Call[Any], Any, Report]


def steps(names: Sequence[str], *, mend: bool = True, before: str = "") -> Steps:
    """Audit these queues: yields calls and takes what they give.

    Of the jobs that say they wait, those since `before` (a time as `stamp` writes it) are left for
    the next audit: while jobs come in, many more were enqueued after their list was read.
    """
    return _Audit(names, mend=mend, before=before).run()


@dataclass
class _Audit:
    names: Sequence[str]
    mend: bool
    before: str
    jobs: Counter[str] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    freed: list[Freed] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def run(self) -> Steps:
        waiting = Members()
        yield from self._places(waiting)
        yield from self._records(waiting)
        return Report(
            dict(self.jobs),
            tuple(self.findings.values()),
            tuple(self.freed),
            self.broken,
            is_complete=not self._is_full(),
        )

    def _is_full(self) -> bool:
        return len(self.findings) >= MOST_FINDINGS

    def _places(self, waiting: "Members") -> Generator[Call[Any], Any, None]:
        """Look whether each place has what belongs there; learn who waits in rq's lists."""
        at = BEGIN if self.names else ""
        while at and not self._is_full():
            at, sizes, odd, unleased, listed, broken = yield _places(at, self.names)
            for queue, size in sizes:
                self.jobs[queue] += size
            self.broken |= dict(broken)
            waiting.add(listed)
            for worker, queue in unleased if self.mend else ():
                freed = yield release(worker, NO_LEASE)
                self.freed.append(Freed(worker, queue, freed))
            yield from self._drop_old([(job, queue) for job, queue, old in odd if old])
            yield from self._look_again(
                [(job, queue) for job, queue, old in odd if not old], waiting
            )

    def _records(self, waiting: "Members") -> Generator[Call[Any], Any, None]:
        """Look whether every job is where its record says."""
        cursor = "0" if self.names else ""
        while cursor and not self._is_full():
            cursor, odd, listed = yield _records(cursor, self.before, self.names)
            odd += [each for each in listed if each[0] not in waiting]
            yield from self._look_again(odd, waiting)
            cursor = cursor if cursor != "0" else ""

    def _drop_old(self, old: list[Odd]) -> Generator[Call[Any], Any, None]:
        """Drop what a registry says of jobs whose time is over: that is how it should end."""
        for _, queue in old:
            self.jobs[queue] -= 1
        if old and self.mend:
            yield _look(old, mend=True)

    def _look_again(self, odd: list[Odd], waiting: "Members") -> Generator[Call[Any], Any, None]:
        size = max(1, min(LOOKS_PIECE, SEARCHED // (len(waiting) + 1)))
        for start in range(0, len(odd), size):
            for finding in (yield _look(odd[start : start + size], mend=self.mend)):
                self.findings.setdefault(finding.job_id, finding)


class Members:
    """Which jobs wait in rq's lists, by a hash of eight bytes each: there may be millions."""

    BUCKETS = 4096

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(self.BUCKETS)]
        self._unsorted = set(range(self.BUCKETS))
        self._size = 0

    def add(self, ids: Iterable[str]) -> None:
        """Take in jobs; before the first look."""
        for each in ids:
            number = hash(each)
            self._buckets[number % self.BUCKETS].append(number)
            self._size += 1

    def __len__(self) -> int:
        return self._size

    def __contains__(self, job_id: str) -> bool:
        number = hash(job_id)
        index = number % self.BUCKETS
        if index in self._unsorted:
            self._unsorted.discard(index)
            self._buckets[index] = array("q", sorted(self._buckets[index]))
        bucket = self._buckets[index]
        place = bisect_left(bucket, number)
        return place < len(bucket) and bucket[place] == number


def _places(at: str, names: Sequence[str]) -> Call[Any]:
    def parse(reply: Any) -> Any:
        go_on, sizes, odd, unleased, listed, broken = reply
        return (
            text(go_on),
            [(text(queue), int(size)) for queue, size in sizes],
            [(text(job), text(queue), bool(old)) for job, queue, old in odd],
            [(text(worker), text(queue)) for worker, queue in unleased],
            [text(job) for job in listed],
            [(text(queue), text(why)) for queue, why in broken],
        )

    return Call(script("places"), [PIECE, at, LATE_SECONDS, *names], parse)


def _records(cursor: str, before: str, names: Sequence[str]) -> Call[Any]:
    def parse(reply: Any) -> Any:
        go_on, odd, listed = reply
        return (
            text(go_on),
            [(text(job), text(queue)) for job, queue in odd],
            [(text(job), text(queue)) for job, queue in listed],
        )

    return Call(script("records"), [cursor, PIECE, before, *names], parse)


def _look(odd: Sequence[Odd], *, mend: bool) -> Call[list[Finding]]:
    queue_of = dict(odd)

    def parse(reply: Any) -> list[Finding]:
        rows = [[text(part) for part in row] for row in reply]
        return [Finding(job, queue_of[job], found, done) for job, found, done in rows]

    pairs = (part for pair in odd for part in pair)
    return Call(script("mend"), [int(mend), encode_error(STRANDED), *pairs], parse)
