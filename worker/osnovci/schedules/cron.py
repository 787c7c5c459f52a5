"""When a cron expression comes due in a time zone. Pure: no I/O but the zones' data, no clock.

Moments are whole seconds of Unix time. Zones come from the pinned `tzdata` package and never from
the system, so that operator and workers reckon alike whatever their images have.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5


class CronError(Exception):
    """A cron expression or time zone that cannot be; the message says what would be right."""


@dataclass(frozen=True)
class Cron:
    """A cron expression in a time zone, known to come due."""

    expression: str
    zone: tzinfo

    @classmethod
    def parse(cls, expression: str, time_zone: str) -> "Cron":
        """Read an expression of five fields; raises CronError."""
        if len(expression.split()) != FIELDS:
            raise CronError(
                f"cron: {expression!r} has not the five fields minute hour day-of-month month"
                " day-of-week, such as 0 7 * * 1-5"
            )
        cron = cls(expression, zone(time_zone))
        try:
            first = cron.after(0)
        except CronSimError as error:
            raise CronError(f"cron: {expression!r} cannot be read: {error}") from error
        if first is None:
            raise CronError(f"cron: {expression!r} names a day that never comes")
        return cron

    def after(self, moment: int) -> int | None:
        """Give the first moment later than this one; None where none comes in 50 years.

        A time that the clocks skip comes due when they have skipped it, and one that they repeat
        comes due once. That is Debian's cron, and cronsim's; what is added here is that moments
        always grow: from inside a repeated hour cronsim may look back, and may give a moment twice.
        """
        for found in CronSim(self.expression, datetime.fromtimestamp(moment, self.zone)):
            reckoned = int(found.timestamp())
            if reckoned > moment:
                return reckoned
        return None

    def latest(self, begin: int, end: int) -> int | None:
        """Give the last moment later than `begin` and not later than `end`; None if there is none."""
        near = next(
            CronSim(self.expression, datetime.fromtimestamp(end, self.zone), reverse=True), None
        )
        # The way back is only a guess where the clocks change; the way forward decides.
        probe = max(begin, int(near.timestamp()) - 1) if near else begin
        latest = None
        while (found := self.after(probe)) is not None and found <= end:
            latest = probe = found
        return latest


@cache
def zone(name: str) -> tzinfo:
    """Give a time zone of the IANA database; raises CronError where there is none of that name."""
    if name == "UTC":
        return UTC
    if name not in _names():
        raise CronError(f"timeZone: there is no {name!r}; name one as Europe/Belgrade or UTC")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text().split())
