"""What the middleware costs: requests/s of a Starlette with and without it, in the same run.

Both are served by uvicorn with the same settings, on the same core; the generator is on the other.
The rounds are interleaved and each has its own ratio, so that what else the machine does meets both.
"""

import json
import os
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Figure, Result
from benchmarks.usage import Usage
from benchmarks.web_stand import pod, redis_server, server
from cluster import tools
from osnovci.app_contract import AppDocument

ROUNDS = 15
SECONDS = 2
CONNECTIONS = 64
MOST_PERCENT = 15.0
BOMBARDIER = tools.Module(
    "bombardier", "github.com/codesenberg/bombardier", "v1.2.6", ("",), "about 1 min, once"
)


@dataclass(frozen=True)
class Round:
    """What one server did in one round."""

    per_second: float
    cpu_microseconds: float
    """Of the server, for each request."""


def measure() -> Result:
    """Measure both, round by round."""
    program = tools.folder(BOMBARDIER) / "bombardier"
    bare: list[Round] = []
    wrapped: list[Round] = []
    with (
        redis_server() as redis,
        server("benchmarks.web_apps:bare", {}, core=0) as plain,
        server(
            "benchmarks.web_apps:wrapped", pod(redis, "web-1", AppDocument(app="bench")), core=0
        ) as ours,
    ):
        for _ in range(ROUNDS + 1):
            bare.append(round_of(program, *plain))
            wrapped.append(round_of(program, *ours))
    # The first round warms both up.
    return _result(bare[1:], wrapped[1:])


def round_of(program: Path, port: int, pid: int, *headers: str) -> Round:
    """Have the generator, on the last core, ask a server for a while."""
    before = Usage.of(pid).cpu_seconds
    url = f"http://127.0.0.1:{port}/api/homework"
    options = ["-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-p", "r", "-o", "json"]
    for each in headers:
        options += ["-H", each]
    found = subprocess.run(
        [program, *options, url],
        check=True,
        capture_output=True,
        env={**os.environ, "GOMAXPROCS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1}),
    )
    result = json.loads(found.stdout)["result"]
    served = result["req2xx"]
    failed = sum(result[f"req{kind}"] for kind in ("1xx", "3xx", "4xx", "5xx")) + result["others"]
    if failed:
        raise RuntimeError(f"{failed} of {served + failed} requests were not answered with 200")
    spent = Usage.of(pid).cpu_seconds - before
    return Round(served / result["timeTakenSeconds"], spent / served * 1e6)


def _result(bare: list[Round], wrapped: list[Round]) -> Result:
    pairs = list(zip(bare, wrapped, strict=True))
    costs = [100 * (1 - ours.per_second / plain.per_second) for plain, ours in pairs]
    times = [ours.cpu_microseconds - plain.cpu_microseconds for plain, ours in pairs]
    middle = statistics.median
    return Result(
        name="web_overhead",
        question="What does the middleware cost a bare Starlette?",
        setting=f"{ROUNDS} rounds of {SECONDS} s each, {CONNECTIONS} connections, one core for the server",
        figures=[
            Figure("bare Starlette", round(middle(r.per_second for r in bare)), "requests/s"),
            Figure("with the runtime", round(middle(r.per_second for r in wrapped)), "requests/s"),
            Figure("cost, median of the rounds", round(middle(costs), 1), "%", MOST_PERCENT),
            Figure("cost, worst quarter begins at", round(_quarter(costs), 1), "%"),
            Figure("CPU a request, bare", round(middle(r.cpu_microseconds for r in bare), 1), "µs"),
            Figure("CPU a request, more with the runtime", round(middle(times), 1), "µs"),
        ],
        detail={"cost percent by round": [round(each, 1) for each in costs]},
    )


def _quarter(values: list[float]) -> float:
    return statistics.quantiles(values, n=4)[2]
