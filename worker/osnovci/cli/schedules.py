"""`osnovci queue schedules`: the schedules that Redis knows, and when each is due next."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from osnovci.cli.table import table

if TYPE_CHECKING:
    from osnovci.contract import ScheduleState
    from osnovci.queues.client import Queues

COLUMNS = "POOL", "SCHEDULE", "CRON", "NEXT", "LAST", "OUTCOME", "JOB"


def show(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the schedules of all pools of the namespace."""
    from osnovci.contract import ScheduleState, schedules_key

    client: Any = queues.redis
    now = int(client.time()[0])
    rows: list[tuple[str, ...]] = []
    for pool in sorted(map(bytes.decode, client.smembers(schedules_key(arguments.namespace)))):
        states = client.hgetall(schedules_key(arguments.namespace, pool))
        rows += (
            _row(pool, name.decode(), ScheduleState.model_validate_json(text), now)
            for name, text in sorted(states.items())
        )
    for line in table([COLUMNS, *rows]):
        print(line)
    return 0


def _row(pool: str, name: str, state: "ScheduleState", now: int) -> tuple[str, ...]:
    from osnovci.schedules.cron import Cron

    expression, _, zone = state.rule.rpartition(" ")
    upcoming = Cron.parse(expression, zone).after(max(now, state.mark))
    shown = (_moment(upcoming), _moment(state.fired), state.outcome, state.job or "")
    return (pool, name, state.rule, *shown)


def _moment(seconds: int | None) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds else ""
