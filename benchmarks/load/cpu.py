"""What the machine's cores do meanwhile, by program: so it is seen what they are short of."""

import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from benchmarks.load.repeatedly import repeatedly

PROGRAMS: Mapping[str, str] = {
    "artillery": "the generator",
    "homework.web.app": "the application",
    "main() worker": "the workers",
    "osnovci_operator": "the operator",
    "nginx": "nginx",
    "redis-server": "Redis",
    "postgres": "PostgreSQL",
    "/program :8080": "the gate",
    "mailpit": "Mailpit",
    "kube": "Kubernetes",
    "etcd": "Kubernetes",
    "containerd": "Kubernetes",
}
"""What is in a command line, in this order, and what we call it."""
OTHERS = "others"
EVERY_SECONDS = 5.0


@dataclass
class CpuSeen:
    """The CPU time of programs since the first look."""

    _first: dict[tuple[int, float], float] = field(default_factory=dict[tuple[int, float], float])
    _last: dict[tuple[int, float], tuple[str, float]] = field(
        default_factory=dict[tuple[int, float], tuple[str, float]]
    )
    _idle: list[float] = field(default_factory=list[float])
    _at: list[float] = field(default_factory=list[float])

    def look(self) -> None:
        """Look once; what ended since the last look is counted up to that."""
        is_first = not self._idle
        times = psutil.cpu_times()
        self._idle.append(times.idle + times.iowait)
        self._at.append(time.monotonic())
        for process in psutil.process_iter(["pid", "create_time", "cmdline", "name", "cpu_times"]):
            told = process.info
            if not told["cpu_times"]:
                continue
            key = told["pid"], told["create_time"]
            used = told["cpu_times"].user + told["cpu_times"].system
            self._first.setdefault(key, used if is_first else 0.0)
            words = " ".join(told["cmdline"] or ()) or told["name"]
            self._last[key] = (_program(words), used)

    def seconds(self) -> dict[str, float]:
        """Give the CPU seconds by program, the greatest first."""
        found: defaultdict[str, float] = defaultdict(float)
        for key, (program, used) in self._last.items():
            found[program] += used - self._first[key]
        most_first = sorted(found.items(), key=lambda each: -each[1])
        return {program: round(used, 1) for program, used in most_first}

    def idle_seconds(self) -> float:
        """Give how long all cores together had nothing to do."""
        return self._idle[-1] - self._idle[0]

    def elapsed_seconds(self) -> float:
        """Give the time between the first look and the last."""
        return self._at[-1] - self._at[0]


@contextmanager
def looking() -> Generator[CpuSeen]:
    """Look every few seconds until the end of the block."""
    seen = CpuSeen()
    seen.look()
    with repeatedly(seen.look, EVERY_SECONDS):
        yield seen
    seen.look()


def _program(words: str) -> str:
    return next((name for part, name in PROGRAMS.items() if part in words), OTHERS)
