"""What the machine's cores were spent on, by part and for each request, and whether they were the limit. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.load.cpu import (
    APPLICATION,
    FULL_PERCENT,
    GENERATOR,
    KERNEL,
    MEASUREMENT,
    OTHERS,
    Moment,
    busy_percents,
)
from benchmarks.report import Figure

NOT_SERVING = (GENERATOR, MEASUREMENT, OTHERS, KERNEL)
STOLEN, UNSEEN, IDLE = "stolen by the machine's host", "ended between two looks", "idle"


@dataclass(frozen=True)
class Profile:
    """The CPU seconds of a run that served so many requests; 0 where nobody knows how many."""

    requests: int
    cores: int
    cpu_seconds: Mapping[str, float]
    """By program."""
    moments: Sequence[Moment]
    """From the first look to the last."""

    @property
    def core_seconds(self) -> float:
        """What all cores together had to give."""
        return self.cores * (self.moments[-1].at - self.moments[0].at)

    @property
    def parts(self) -> dict[str, float]:
        """Give all that the cores' time went to, in seconds: the sum is what there was."""
        first, last = self.moments[0], self.moments[-1]
        rest = {STOLEN: last.stolen - first.stolen, IDLE: last.idle - first.idle}
        unseen = self.core_seconds - sum(self.cpu_seconds.values()) - sum(rest.values())
        return {**self.cpu_seconds, UNSEEN: max(unseen, 0.0), **rest}

    @property
    def waited_percent(self) -> float | None:
        """Give the share of the time in which some thread waited for a core."""
        first, last = self.moments[0], self.moments[-1]
        if first.waited is None or last.waited is None:
            return None
        return round(100 * (last.waited - first.waited) / (last.at - first.at), 1)

    @property
    def full_percent(self) -> float:
        """Give the share of the looks between which no core was left."""
        busy = busy_percents(self.moments, self.cores)
        return round(100 * sum(each >= FULL_PERCENT for each in busy) / len(busy), 1)

    def a_core(self, *programs: str) -> float:
        """Give the requests for a core-second of some programs: what a core of them serves a second."""
        used = sum(self.cpu_seconds.get(each, 0.0) for each in programs)
        return round(self.requests / used, 1) if used else 0.0

    def figures(self) -> list[Figure]:
        """Give what the machine was short of, and what a core serves."""
        serving = [each for each in self.cpu_seconds if each not in NOT_SERVING]
        idle = 100 * self.parts[IDLE] / self.core_seconds
        generator = 100 * self.cpu_seconds.get(GENERATOR, 0.0) / self.core_seconds
        waited = self.waited_percent
        return [
            Figure("the machine's cores, busy", round(100 - idle, 1), "%"),
            Figure("time in which no core was left", self.full_percent, "%"),
            *([] if waited is None else [Figure("time in which something waited", waited, "%")]),
            Figure("the generator's share of the machine", round(generator, 1), "%"),
            Figure("a core of the application serves", self.a_core(APPLICATION), "requests/s"),
            Figure("a core of all that serves", self.a_core(*serving), "requests/s"),
        ]

    def show(self, console: Console) -> None:
        """Print what the cores' time went to."""
        table = Table("the cores' time", title_justify="left")
        for column in ("seconds", "of the machine", "ms a request", "requests/s of a core"):
            table.add_column(column, justify="right")
        for name, seconds in self.parts.items():
            share = f"{100 * seconds / self.core_seconds:.1f} %"
            is_used = name in self.cpu_seconds and self.requests
            each = f"{1000 * seconds / self.requests:.2f}" if is_used else ""
            core = f"{self.a_core(name):,.0f}" if is_used else ""
            table.add_row(name, f"{seconds:.1f}", share, each, core)
        console.print(table)
        console.print(f"busy, every few seconds, %: {busy_percents(self.moments, self.cores)}")
