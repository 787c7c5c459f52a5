"""Durations as resources and messages write them: `1h30m`, `500ms`. Pure."""

import re
from datetime import timedelta
from decimal import Decimal

_UNIT_SECONDS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


def parse_duration(text: object) -> timedelta:
    """Read a duration such as `1h30m` or `500ms`.

    Raises ValueError where the text is not one.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
        raise ValueError(f"{text!r} is not a duration; write one as 500ms, 5s, 3m or 1h30m")
    seconds = sum(Decimal(n) * _UNIT_SECONDS[unit] for n, unit in _DURATION.findall(text))
    try:
        return timedelta(seconds=float(seconds))
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any job or wait") from None


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it, in its largest whole units: `1h30m`, `5s`."""
    ms = round(duration.total_seconds() * 1000)
    parts: list[str] = []
    for unit, size_ms in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, ms = divmod(ms, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
