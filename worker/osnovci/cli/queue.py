"""`osnovci queue`: look at queues and jobs, and do what people do with them."""

import argparse
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from osnovci.cli import schedules
from osnovci.cli.connection import WHERE, add_options, connected
from osnovci.cli.table import table
from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osnovci.queues.client import Queues
    from osnovci.queues.job import QueueStats
    from osnovci.queues.scripts import Call

COLUMNS = "QUEUE", "WAITING", "ACTIVE", "SCHEDULED", "COMPLETED", "FAILED", "OLDEST", "PAUSED"


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "queue",
        help="look at queues and jobs, pause, retry, cancel, purge, audit",
        description=WHERE,
    )
    add_options(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    _action(actions, "stats", "print the figures of queues, or of all", stats, queues="*")
    _action(actions, "top", "print the figures every second", top, queues="*")
    _action(actions, "pause", "start no more jobs of queues", pause, queues="+")
    _action(actions, "resume", "start the jobs of paused queues again", resume, queues="+")
    retry_parser = _action(actions, "retry", "let failed jobs run again", retry, jobs="*")
    retry_parser.add_argument("--all", metavar="QUEUE", help="every failed job of a queue")
    _action(actions, "cancel", "take jobs back; those that run are stopped", cancel, jobs="+")
    purge_parser = _action(
        actions, "purge", "delete the jobs of one place of a queue for good", purge
    )
    purge_parser.add_argument("queue")
    purge_parser.add_argument("place", help="waiting, scheduled, completed, failed or canceled")
    _action(actions, "schedules", "print the schedules, and when each is due next", schedules.show)
    audit_parser = _action(actions, "audit", "see that every job is in exactly one place", audit)
    audit_parser.add_argument("--dry-run", action="store_true", help="change nothing")


def _action(
    actions: Any, name: str, help_text: str, run: Any, **positional: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=help_text, description=help_text
    )
    for argument, count in positional.items():
        parser.add_argument(argument, nargs=count)
    add_options(parser, once_more=True)
    parser.set_defaults(run=connected(run))
    return parser


def stats(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the figures once."""
    from osnovci.queues import operations

    unknown = _unknown(queues, arguments.queues)
    known = [each for each in arguments.queues if each not in unknown]
    if unknown and not known:
        return 1
    found = queues.run(operations.stats(*known))
    for line in table([COLUMNS, *(_row(each) for each in found.values())]):
        print(line)
    return int(bool(unknown))


def _unknown(queues: "Queues", names: "Sequence[str]") -> list[str]:
    """Tell which of these queues are not known here: no job was enqueued, and no worker took any."""
    unknown = [
        each for each in names if not queues.redis.sismember("rq:queues", f"rq:queue:{each}")
    ]
    for each in unknown:
        print(f"{each}: no such queue is known here (yet)", file=sys.stderr)
    return unknown


def _row(found: "QueueStats") -> tuple[str, ...]:
    figures = found.waiting, found.active, found.scheduled, found.completed, found.failed
    oldest = f"{found.oldest_wait_seconds:.1f}s"
    who = {"by queue pause": found.paused, "by its spec": found.paused_by_spec}
    paused = ", ".join(how for how, is_so in who.items() if is_so)
    return (found.queue, *map(str, figures), oldest, paused)


def top(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the figures every second until interrupted."""
    try:
        while True:
            print("\033[H\033[J", end="")
            stats(queues, arguments)
            time.sleep(1)
    except KeyboardInterrupt:
        return 0


def pause(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Pause queues."""
    from osnovci.queues import operations

    _unknown(queues, arguments.queues)
    for queue in arguments.queues:
        print(
            f"{queue}: {'paused' if queues.run(operations.pause(queue)) else 'was paused already'}"
        )
    return 0


def resume(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Resume queues."""
    from osnovci.queues import operations

    _unknown(queues, arguments.queues)
    for queue in arguments.queues:
        print(f"{queue}: {'resumed' if queues.run(operations.resume(queue)) else 'was not paused'}")
    return 0


def retry(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Let jobs run again."""
    from osnovci.queues import operations

    if not arguments.all and not arguments.jobs:
        raise OsnovciError("queue retry: name the jobs, or a queue with --all")
    if arguments.all:
        if _unknown(queues, [arguments.all]):
            return 1
        queue = arguments.all
        number = _in_pieces(queues, queue, "failed", partial(operations.retry_all, queue))
        print(f"{arguments.all}: {number} jobs wait again")
    refused = "not retried: no such job, or it has not failed"
    return _each(queues, arguments.jobs, operations.retry, "waits again", refused)


def cancel(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Take jobs back."""
    from osnovci.queues import operations

    refused = "not cancelled: no such job, or it has ended"
    return _each(queues, arguments.jobs, operations.cancel, "cancelled", refused)


def _each(
    queues: "Queues",
    jobs: "Sequence[str]",
    operation: "Callable[[str], Call[bool]]",
    done: str,
    refused: str,
) -> int:
    """Do it to each job, and say of each what became of it."""
    changed = [queues.run(operation(job)) for job in jobs]
    for job, is_done in zip(jobs, changed, strict=True):
        print(f"{job}: {done if is_done else refused}")
    return int(not all(changed))


def purge(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Delete jobs."""
    from osnovci.queues import operations

    queue, place = arguments.queue, arguments.place
    if _unknown(queues, [queue]):
        return 1
    number = _in_pieces(queues, queue, place, partial(operations.purge, queue, place))
    print(f"{arguments.queue}: {number} {arguments.place} jobs deleted")
    return 0


def _in_pieces(
    queues: "Queues", queue: str, place: str, operation: "Callable[[int], Call[int]]"
) -> int:
    """Do it to as many jobs as there are now: not to what comes meanwhile, or fails again."""
    from osnovci.queues import operations

    left, done = queues.run(operations.count(queue, place)), 0
    while left > 0:
        piece = min(left, operations.PIECE)
        done += queues.run(operation(piece))
        left -= piece
    return done


def audit(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Audit; the exit status is 1 where a job is not accounted for."""
    from osnovci.queues.audit import audit as look

    report = look(queues, mend=not arguments.dry_run)
    for finding in report.findings:
        print(f"{finding.job_id}: {finding.found}: {finding.done}")
    for each in report.freed:
        print(f"{each.jobs} jobs of {each.worker}, which had no lease, wait again")
    for queue, why in report.broken.items():
        print(f"{queue}: cannot be read: {why}")
    print(f"{sum(report.jobs.values())} jobs, {len(report.findings)} not in exactly one place")
    if not report.is_complete:
        print("there is more: audit again")
    is_clean = report.is_accounted and not (arguments.dry_run and report.findings)
    return 0 if is_clean else 1
