"""A measurement's answer: a table for people, and a small file for the repository."""

import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cluster import tools

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("kopf", "kubernetes", "aiohttp", "redis", "rq", "starlette", "uvicorn")


@dataclass(frozen=True)
class Figure:
    """One measured figure; with a bar, it must not be above it."""

    what: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def holds(self) -> bool:
        """Tell whether the bar, if there is one, is kept."""
        return self.bar is None or self.value <= self.bar


@dataclass(frozen=True)
class Result:
    """The answer to one question."""

    name: str
    question: str
    setting: str
    figures: Sequence[Figure]
    detail: dict[str, Any]

    @property
    def holds(self) -> bool:
        """Tell whether every bar is kept."""
        return all(figure.holds for figure in self.figures)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table("what", title=self.question, caption=self.setting, title_justify="left")
        table.add_column("figure", justify="right")
        table.add_column("bar")
        for figure in self.figures:
            color = "green" if figure.holds else "red"
            met = "met" if figure.holds else "not met"
            bar = "" if figure.bar is None else f"[{color}]at most {figure.bar:g}: {met}[/]"
            table.add_row(figure.what, f"{figure.value:,g} {figure.unit}", bar)
        console.print(table)

    def write(self) -> Path:
        """Write the file that is checked in."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        document = {
            "question": self.question,
            "setting": self.setting,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "figures": [asdict(figure) for figure in self.figures],
            "detail": self.detail,
            "machine": machine(),
            "versions": versions(),
        }
        path.write_text(json.dumps(document, indent=2) + "\n")
        return path


def percentile(values: Sequence[float], percent: float) -> float:
    """Give a percentile by the nearest rank: a value that was measured."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def spread(what: str, seconds: Sequence[float], bar: float | None = None) -> list[Figure]:
    """Give the median, p99 and the greatest of delays."""
    values = {
        "p50": percentile(seconds, 50),
        "p99": percentile(seconds, 99),
        "max": max(seconds),
    }
    return [Figure(f"{what}, {name}", round(each, 4), "s", bar) for name, each in values.items()]


def machine() -> dict[str, Any]:
    """Say what was measured on, without naming it."""
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu.lstrip("\t :"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "load_average": [round(each, 2) for each in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Say with which versions it was measured."""
    server = subprocess.run(["redis-server", "-v"], capture_output=True, text=True, check=True)
    redis = server.stdout.partition("v=")[2].split()[0]
    found = {name: version(name) for name in ("osnovci", *PACKAGES)}
    return {
        "python": platform.python_version(),
        "kubernetes server": tools.KUBERNETES,
        "kwok": tools.KWOK.version,
        "redis-server": redis,
        **found,
    }
