"""What the operator keeps in Redis of its decisions on a pool's count, for `osnovci explain`. Pure."""

from typing import Annotated

from pydantic import Field

from osnovci.contract import Document, key_prefix

DECISIONS_KEPT = 100
DECISIONS_KEPT_SECONDS = 30 * 24 * 3600
"""So many decisions on a pool's count are kept to be explained, and so long after the last."""


LAST_MS = 253_402_300_800_000
"""The end of the year 9999: no later moment can be shown."""


def decisions_key(namespace: str, pool: str) -> str:
    """Name the list of what was decided on a pool's count, the last at its end."""
    return f"{key_prefix(namespace)}decisions:{pool}"


class DecisionFigures(Document):
    """What a count was reckoned from."""

    waiting: int
    active: int
    due: int
    """Jobs that fall due within the time that a worker takes to start."""
    oldest_wait_seconds: float
    ready: int
    starting: int
    arrivals_per_second: float
    service_seconds: float
    startup_seconds: float
    for_backlog: int
    """Workers that the jobs which wait or are due need; so the next three."""
    for_arrivals: int
    for_running: int
    for_burst: int
    minimum: int
    maximum: int


class DecisionDocument(Document):
    """A decision on a pool's count that differs from the one before in count or reason."""

    at_ms: Annotated[int, Field(ge=0, lt=LAST_MS)]
    before: int
    """The count until then."""
    replicas: int
    recommended: int | None = None
    """The count that would be, where it is only told; then `before` is the one told until then."""
    reason: str
    message: str
    queues: tuple[str, ...]
    figures: DecisionFigures | None = None
    """None where the count does not follow the backlog."""

    @property
    def desired(self) -> int:
        """The count that was decided, applied or told."""
        return self.replicas if self.recommended is None else self.recommended
