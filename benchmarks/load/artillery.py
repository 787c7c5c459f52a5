"""Artillery: installed by npm outside the checkout, run as a process of its own, its report read."""

import csv
import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from rich.console import Console

from benchmarks.queue_peers import CACHE
from cluster.console import ClusterError, step

VERSION = "2.0.34"
P95_BAR_MS = 350.0
PLACE = CACHE / f"artillery-{VERSION}"
PROGRAM = PLACE / "node_modules" / ".bin" / "artillery"
SCRIPTS = Path(__file__).parent
SPARE_SECONDS = 60.0
TOLD = "told."
"""Begins the names of the counters that answers.cjs adds to Artillery's."""
QUIET = {
    # It would report each run to its makers, and the packages' installers fetch browsers.
    "ARTILLERY_DISABLE_TELEMETRY": "true",
    "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
    "CI": "true",
    # More would each begin with the first user.
    "WORKERS": "1",
}


@dataclass(frozen=True)
class Phase:
    """So many users come each second, for so long."""

    name: str
    duration: int
    arrivalRate: int  # noqa: N815  # Artillery's word


@dataclass(frozen=True)
class Report:
    """What Artillery counted."""

    requests: int
    failures: dict[str, int]
    """How many requests failed, by error or status."""
    told: dict[str, dict[int, int]]
    """What the answers to them said, and by whom: how many at which second since it began."""
    users: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p95_ms_by_period: list[float]
    """Of every ten seconds, in order."""
    most_per_second: int
    """Requests, in the busiest ten seconds."""

    @property
    def denied(self) -> int:
        """How many a limit turned away."""
        return self.failures.get("http.codes.429", 0)

    @property
    def failed(self) -> int:
        """All failures but those that a limit asked for."""
        return sum(self.failures.values()) - self.denied


def show_failures(detail: dict[str, Any], console: Console) -> None:
    """Print, of a report as a result keeps it, how many failed, and who told them what and when."""
    console.print(f"failures: {detail['failures'] or 'none'}")
    for what, seconds in detail["told"].items():
        console.print(f"  {sum(seconds.values())} x {what}; at seconds {sorted(seconds)}")


def script(name: str) -> dict[str, Any]:
    """Read one of the scripts."""
    return yaml.safe_load((SCRIPTS / f"{name}.yaml").read_text())


def phases(shorter: float) -> list[Phase]:
    """Give the phases of the seed's load, each so many times shorter."""
    found = [Phase(**each) for each in script("script")["config"]["phases"]]
    return [Phase(p.name, max(round(p.duration / shorter), 1), p.arrivalRate) for p in found]


def install() -> None:
    """Install it where it is missing."""
    if PROGRAM.exists():
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    with step("Installing Artillery by npm", "about a minute, once"):
        environment = os.environ | QUIET
        subprocess.run([*command, f"artillery@{VERSION}"], cwd=PLACE, env=environment, check=True)


def run(document: dict[str, Any], users: Sequence[Sequence[str]], seconds: float) -> Report:
    """Run a script that takes so long, whose users are these, in turn.

    Raises ClusterError where it does not end in time.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "users.csv").open("w") as table:
            csv.writer(table).writerows(users)
        document["config"]["payload"]["path"] = str(folder / "users.csv")
        document["config"]["processor"] = str(SCRIPTS / "answers.cjs")
        (folder / "script.json").write_text(json.dumps(document))
        output = folder / "report.json"
        command = [PROGRAM, "run", "--quiet", f"--output={output}", folder / "script.json"]
        limit = seconds + SPARE_SECONDS
        try:
            subprocess.run(command, env=os.environ | QUIET, check=True, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"Artillery did not end within {limit:.0f} s: requests hang, or the machine is too"
                " busy to send them in time; look at its load average, and try again"
            ) from error
        return read(json.loads(output.read_text()))


def read(document: dict[str, Any]) -> Report:
    """Read Artillery's report: what is no 2xx, or no answer, failed."""
    whole = document["aggregate"]
    counters: Counter[str] = Counter(whole["counters"])
    failures = {
        name: count
        for name, count in counters.items()
        if name.startswith(("errors.", "http.codes.")) and not name.startswith("http.codes.2")
    }
    told: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for name, count in counters.items():
        if name.startswith(TOLD):
            second, _, what = name.removeprefix(TOLD).partition(" ")
            told[what][int(second)] = count
    times = whole["summaries"]["http.response_time"]
    return Report(
        requests=counters["http.requests"],
        failures=failures,
        told=dict(told),
        users=counters["vusers.created"],
        p50_ms=times["p50"],
        p95_ms=times["p95"],
        p99_ms=times["p99"],
        p95_ms_by_period=[
            each["summaries"]["http.response_time"]["p95"]
            for each in document["intermediate"]
            if "http.response_time" in each["summaries"]
        ],
        most_per_second=max(
            each["rates"].get("http.request_rate", 0) for each in document["intermediate"]
        ),
    )
