"""The fields of a spec that say when: a name, a cron expression and its time zone. Pure."""

from typing import Annotated

from osnovci_operator.resource import text


def _field(value: str) -> str:
    """Give the pattern of one field of a cron expression, from that of its values."""
    item = f"([*]|({value})(-({value}))?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


_CRON = " ".join(
    _field(value)
    for value in (
        "[0-5]?[0-9]",
        "[01]?[0-9]|2[0-3]",
        "0?[1-9]|[12][0-9]|3[01]|LW?",
        "0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        "([0-7]|(?i:sun|mon|tue|wed|thu|fri|sat))(#[1-5])?|[0-7]L",
    )
)


CronText = Annotated[
    str,
    text(
        100,
        f"self.matches('^{_CRON}$')",
        "must be five fields, minute hour day-of-month month day-of-week, such as 0 7 * * 1-5",
        shortest=1,
    ),
]
TimeZone = Annotated[
    str,
    text(
        64,
        "self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$') && self != 'Local'",
        "must be a name of the IANA time zone database, such as Europe/Belgrade or UTC",
        shortest=1,
    ),
]
LabelName = Annotated[
    str,
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be lower-case letters and digits with - between: reminders, sync-2",
        shortest=1,
    ),
]
