"""`osnovci explain`: the last decisions on a pool's count, each with its reason and numbers."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from osnovci.cli.connection import WHERE, add_options, connected
from osnovci.cli.named import add_last, add_pool
from osnovci.errors import OsnovciError
from osnovci.words import counted

if TYPE_CHECKING:
    from osnovci.decision_contract import DecisionDocument, DecisionFigures
    from osnovci.queues.client import Queues
    from osnovci.queues.job import QueueStats

SHOWN = 20


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="print why a pool has that many workers, and how it came to that",
        description=f"Prints the last decisions on the count, as the operator kept them. {WHERE}",
    )
    add_pool(parser)
    add_options(parser)
    add_last(parser, SHOWN, "so many decisions, of at most 100")
    parser.set_defaults(run=connected(explain))


def explain(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the decisions and the present state."""
    from osnovci.queues import operations

    pool = arguments.pool
    decisions = _read(queues, arguments.namespace, pool)
    if not decisions:
        raise OsnovciError(
            f"nothing is known of pool {arguments.namespace}/{pool}: there is no such pool, or the "
            "operator has not reached this Redis since it is there"
        )
    for each in decisions[-arguments.last :]:
        print("\n".join(_story(each)))
    last = decisions[-1]
    client: Any = queues.redis
    now = datetime.fromtimestamp(client.time()[0], UTC)
    print(f"\nNow, {_clock(now)}: {_count(last)} since {_at(_began(decisions))}")
    for found in queues.run(operations.stats(*last.queues)).values():
        print(f"    {_queue(found)}")
    return 0


def _read(queues: "Queues", namespace: str, pool: str) -> "list[DecisionDocument]":
    from pydantic import ValidationError

    from osnovci.decision_contract import DecisionDocument, decisions_key

    client: Any = queues.redis
    found: list[DecisionDocument] = []
    for text in client.lrange(decisions_key(namespace, pool), 0, -1):
        try:
            found.append(DecisionDocument.model_validate_json(text))
        except ValidationError:
            continue  # another version's, or somebody else's
    return found


def _story(decided: "DecisionDocument") -> Iterator[str]:
    stays = decided.before == decided.desired
    change = f"stays {decided.desired}" if stays else f"{decided.before} -> {decided.desired}"
    told = "" if decided.recommended is None else f" (only told: the pool has {decided.replicas})"
    yield f"{_at(decided)}  {change}  {decided.reason}{told}"
    yield f"    {decided.message}"
    if decided.figures:
        yield f"    {_load(decided.figures)}"
        yield f"    {_needs(decided.figures)}"


def _load(seen: "DecisionFigures") -> str:
    oldest = f", the oldest for {seen.oldest_wait_seconds:.1f}s" if seen.waiting else ""
    return (
        f"{seen.waiting} wait{oldest}; {seen.active} run; {seen.due} are due soon; "
        f"{counted(seen.ready, 'worker')} ready, {seen.starting} starting; "
        f"{seen.arrivals_per_second:.2f} jobs/s come, one takes {seen.service_seconds:.2f}s, "
        f"a start {seen.startup_seconds:.1f}s"
    )


def _needs(seen: "DecisionFigures") -> str:
    return (
        f"workers needed for what waits {seen.for_backlog}, what comes {seen.for_arrivals}, "
        f"what runs {seen.for_running}, a burst {seen.for_burst}; "
        f"at least {seen.minimum}, at most {seen.maximum}"
    )


def _count(last: "DecisionDocument") -> str:
    if last.recommended is None:
        return f"{counted(last.replicas, 'worker')} asked for"
    return f"{counted(last.recommended, 'worker')} recommended, {last.replicas} asked for"


def _began(decisions: "list[DecisionDocument]") -> "DecisionDocument":
    """Give the decision since which the count is the last one, whatever the reasons since."""
    began = decisions[-1]
    for each in reversed(decisions):
        if (each.desired, each.replicas) != (began.desired, began.replicas):
            break
        began = each
    return began


def _queue(found: "QueueStats") -> str:
    oldest = f", the oldest for {found.oldest_wait_seconds:.1f}s" if found.waiting else ""
    paused = "; paused" if found.paused else ""
    return f"{found.queue}: {found.waiting} wait{oldest}; {found.active} run{paused}"


def _at(decided: "DecisionDocument") -> str:
    return _clock(datetime.fromtimestamp(decided.at_ms / 1000, UTC))


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
