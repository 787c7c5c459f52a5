"""What an audit says of one pool's jobs. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from osnovci.queues.audit import Report
from osnovci.words import counted

EVERY = timedelta(minutes=1)
"""From the end of an audit to the next, while there are jobs or their numbers change."""

QUIET = timedelta(minutes=10)
"""The same where nothing happens and all was accounted for."""

RETRY = timedelta(seconds=10)
"""After an audit that did not come to its end."""

NEW = timedelta(seconds=1)
"""Where a pool or a queue came that was not audited yet."""


@dataclass(frozen=True)
class Accounts:
    """Whether each job of a pool is in exactly one place."""

    jobs: int
    left: tuple[str, ...] = ()
    """The jobs that are not, and could not be put there: a sentence for each."""
    unknown: str = ""
    """Why it is not known."""


def of(outcome: Report | str, queues: frozenset[str]) -> Accounts:
    """Take what concerns these queues from an audit, or from why there is none."""
    if isinstance(outcome, str):
        return Accounts(0, unknown=outcome)
    jobs = sum(outcome.jobs.get(queue, 0) for queue in queues)
    ours = (each for each in outcome.findings if each.queue in queues)
    left = tuple(
        f"job {each.job_id} of {each.queue} is {each.found}: {each.done}"
        for each in ours
        if not each.is_mended
    )
    broken = [why for queue, why in outcome.broken.items() if queue in queues]
    if broken:
        return Accounts(jobs, left, f"a key cannot be read: {broken[0]}")
    if not outcome.is_complete:
        found = counted(len(outcome.findings), "job")
        return Accounts(jobs, left, f"{found} had to be mended, and there are more: it goes on")
    return Accounts(jobs, left)


def wait(outcome: Report | str, *, busy: bool, new: bool, failing: bool) -> timedelta:
    """Give how long after an audit the next is due."""
    if failing or isinstance(outcome, str) or not outcome.is_complete:
        return RETRY
    if new:
        return NEW
    return EVERY if busy or not outcome.is_accounted else QUIET


def mended(report: Report) -> Iterator[tuple[str, str]]:
    """Give what the audit set right: the queue, and a sentence."""
    for each in report.findings:
        if each.is_mended:
            yield each.queue, f"job {each.job_id} was {each.found}: {each.done}"
    for freed in report.freed:
        if freed.jobs:
            note = f"worker {freed.worker} had no lease: {counted(freed.jobs, 'job')} freed"
            yield freed.queue, note
