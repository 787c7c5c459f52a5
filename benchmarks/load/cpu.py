"""What the machine's cores do meanwhile, by program: so it is seen what they are short of.

From /proc, where the processes of all pods are, since the node is this machine.
"""

import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.load.repeatedly import repeatedly

APPLICATION, GENERATOR = "the application", "the generator"
MEASUREMENT, OTHERS, KERNEL = "this measurement", "others", "the kernel's own threads"
KUBERNETES = "Kubernetes"
PROGRAMS: Mapping[str, str] = {
    "artillery": GENERATOR,
    "benchmarks.load": MEASUREMENT,
    "kube": KUBERNETES,
    "etcd": KUBERNETES,
    "containerd": KUBERNETES,
}
"""What is in a command line of the machine's own, in this order, and what we call it."""
PROGRAMS_OF_PODS: Mapping[str, str] = {
    "homework.web.app": APPLICATION,
    "main() worker": "the workers",
    "osnovci_operator": "the operator",
    "/program :8080": "the gate",
    "nginx": "nginx",
    "redis-server": "Redis",
    "postgres": "PostgreSQL",
    "/program --disable-version-check": "Mailpit",
    "/etc/coredns": "DNS",
    "": KUBERNETES,
}
"""The same of pods; what is left is metrics, and what keeps a pod's network."""
IN_PODS = "kubepods"
"""In the name of their cgroup."""
EVERY_SECONDS = 5.0
FULL_PERCENT = 95.0
"""A machine so busy has no core left: what comes then waits for one."""

PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True)
class Moment:
    """What the whole machine says of itself, in seconds since it began."""

    at: float
    idle: float
    """Of all cores together; so are the others."""
    stolen: float
    """What the machine's own host gave to others."""
    waited: float | None
    """In which some thread waited for a core; None where the kernel does not count it."""

    @classmethod
    def now(cls) -> "Moment":
        """Look at it."""
        times = psutil.cpu_times()
        waited = None
        if PRESSURE.exists():
            some = PRESSURE.read_text().splitlines()[0]
            waited = int(some.rpartition("total=")[2]) / 1e6
        return cls(time.monotonic(), times.idle + times.iowait, times.steal, waited)


def busy_percents(moments: Sequence[Moment], cores: int) -> list[float]:
    """Give how busy the cores were from each moment to the next."""
    return [
        round(100 * (1 - (b.idle - a.idle) / (cores * (b.at - a.at))), 1)
        for a, b in pairwise(moments)
    ]


@dataclass
class CpuSeen:
    """The CPU time of programs since the first look."""

    _first: dict[tuple[int, float], float] = field(default_factory=dict[tuple[int, float], float])
    _last: dict[tuple[int, float], tuple[str, float]] = field(
        default_factory=dict[tuple[int, float], tuple[str, float]]
    )
    moments: list[Moment] = field(default_factory=list[Moment])

    def look(self) -> None:
        """Look once; what ended since the last look is counted up to that."""
        is_first = not self.moments
        self.moments.append(Moment.now())
        for process in psutil.process_iter(["pid", "create_time", "cmdline", "cpu_times"]):
            told = process.info
            if not told["cpu_times"]:
                continue
            key = told["pid"], told["create_time"]
            used = told["cpu_times"].user + told["cpu_times"].system
            self._first.setdefault(key, used if is_first else 0.0)
            words = " ".join(told["cmdline"] or ())
            # One that has ended, and whose end nobody has heard yet, has no words any more.
            is_known = not words and key in self._last
            program = self._last[key][0] if is_known else _program(told["pid"], words)
            self._last[key] = (program, used)

    def seconds(self) -> dict[str, float]:
        """Give the CPU seconds by program, the greatest first."""
        found: defaultdict[str, float] = defaultdict(float)
        for key, (program, used) in self._last.items():
            found[program] += used - self._first[key]
        most_first = sorted(found.items(), key=lambda each: -each[1])
        return {program: round(used, 1) for program, used in most_first}


@contextmanager
def looking() -> Generator[CpuSeen]:
    """Look every few seconds until the end of the block."""
    seen = CpuSeen()
    seen.look()
    with repeatedly(seen.look, EVERY_SECONDS):
        yield seen
    seen.look()


def _program(pid: int, words: str) -> str:
    if not words:
        return KERNEL
    with suppress(OSError):  # it has ended meanwhile
        if IN_PODS in Path(f"/proc/{pid}/cgroup").read_text():
            return next(name for part, name in PROGRAMS_OF_PODS.items() if part in words)
    return next((name for part, name in PROGRAMS.items() if part in words), OTHERS)
