"""Jobs that came and went, counted from what the queues hold. Pure.

Whoever enqueues counts nothing, since it may be plain rq. But what came is what went plus what is
there: arrivals = departures + waiting + running. Only differences are used, of each queue for
itself, so that a queue that is paused, limited or taken out of the pool withdraws its jobs and does
not seem to lose them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Runnable:
    """What of a queue needs workers."""

    name: str
    waiting: int
    """Jobs that wait and may run."""
    active: int
    due: int
    """Jobs that are due soon and may run then."""
    present: int
    """All that wait or run, also those that may not."""
    departed: int
    """All runs that ever ended."""
    oldest_wait: float

    @property
    def jobs(self) -> int:
        """Jobs that run, or wait and may."""
        return self.waiting + self.active


@dataclass(frozen=True)
class Flow:
    """What came and went since the first look."""

    arrivals: int = 0
    departures: int = 0
    withdrawn: int = 0
    last: dict[str, Runnable] = field(default_factory=dict[str, Runnable])

    def after(self, queues: Iterable[Runnable]) -> "Flow":
        """Count up to another look."""
        looks = {queue.name: queue for queue in queues}
        arrivals, departures, withdrawn = self.arrivals, self.departures, self.withdrawn
        for name, queue in looks.items():
            before = self.last.get(name)
            if before is None:
                arrivals += queue.jobs
                continue
            went = max(queue.departed - before.departed, 0)
            departures += went
            came = went + queue.jobs - before.jobs
            vanished = went + queue.present < before.present
            if came < 0 and not vanished:
                withdrawn -= came
            else:
                # What vanished lowers the count; if it was misread, the next look raises it again.
                arrivals += came
        withdrawn += sum(each.jobs for name, each in self.last.items() if name not in looks)
        return Flow(arrivals, departures, withdrawn, looks)
