"""What this container uses and may use: cgroups v2 or v1, and without either the machine.

An edge: it reads files. Limits are read each time, since a pod may be resized while it runs.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUPS = "sys/fs/cgroup"
MEMBERSHIP = "proc/self/cgroup"


@dataclass(frozen=True)
class Usage:
    """What is used at one moment."""

    memory_bytes: int
    """The container's working set: without file pages that the kernel would give back."""
    memory_percent: float
    """Of the container's limit; without one, how full the machine is."""
    cpu_seconds: float
    """Since the container began."""
    cores: float
    """How many it may use: its limit, or those of the machine."""

    def cpu_percent_since(self, before: "Usage", seconds: float) -> float:
        """Give the share of its cores that it used in the seconds since `before`."""
        used = max(self.cpu_seconds - before.cpu_seconds, 0.0)
        return 100 * used / (seconds * self.cores)


@dataclass(frozen=True)
class Files:
    """What the two versions call the same things."""

    used: str
    limit: str
    reclaimable: str
    """The line of memory.stat that counts file pages not used lately."""


V2 = Files("memory.current", "memory.max", "inactive_file")
V1 = Files("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")


class Container:
    """The cgroup of this process and those around it; `root` is where /proc and /sys are."""

    def __init__(self, root: Path = Path("/")) -> None:
        mounts = root / CGROUPS
        self._is_v2 = (mounts / "cgroup.controllers").exists()
        self._files = V2 if self._is_v2 else V1
        names = _membership(_text(root / MEMBERSHIP))
        self._memory = _around(mounts, names, "memory", is_v2=self._is_v2)
        self._cpu = _around(mounts, names, "cpu", is_v2=self._is_v2)
        self._cpuacct = _around(mounts, names, "cpuacct", is_v2=self._is_v2)
        self._process = psutil.Process()

    def usage(self) -> Usage:
        """Read what is used now."""
        used, percent = self._memory_now()
        quotas = [quota for each in self._cpu if (quota := self._quota(each))]
        cores = min([*quotas, float(psutil.cpu_count() or 1)])
        return Usage(used, percent, self._cpu_seconds(), cores)

    def _memory_now(self) -> tuple[int, float]:
        """Give the use of the container, and how full is what it would be killed for."""
        machine = psutil.virtual_memory()
        own = self._working_set(self._memory[0]) if self._memory else None
        full = [
            100 * used / limit
            for each in self._memory
            if 0 < (limit := _number(each / self._files.limit) or 0) < machine.total
            and (used := self._working_set(each)) is not None
        ]
        if own is None:
            own = self._process.memory_info().rss
        return own, max(full) if full else machine.percent

    def _working_set(self, folder: Path) -> int | None:
        used = _number(folder / self._files.used)
        if used is None:
            return None
        idle = _fields(folder / "memory.stat").get(self._files.reclaimable, 0)
        return max(used - idle, 0)

    def _quota(self, folder: Path) -> float | None:
        """Give the cores that a cgroup may use; None without a limit."""
        if self._is_v2:
            quota, _, period = _text(folder / "cpu.max").partition(" ")
        else:
            quota = _text(folder / "cpu.cfs_quota_us")
            period = _text(folder / "cpu.cfs_period_us")
        if not quota.strip().isdecimal() or not period.strip().isdecimal():
            return None  # "max", -1, or no file
        return int(quota) / int(period)

    def _cpu_seconds(self) -> float:
        """Give what the container has used; without a cgroup of its own, this process."""
        if self._is_v2:
            micros = _fields(self._cpu[0] / "cpu.stat").get("usage_usec") if self._cpu else None
            used = None if micros is None else micros / 1e6
        else:
            nanos = _number(self._cpuacct[0] / "cpuacct.usage") if self._cpuacct else None
            used = None if nanos is None else nanos / 1e9
        if used is None:
            times = self._process.cpu_times()
            return times.user + times.system
        return used


def _membership(text: str) -> dict[str, tuple[str, str]]:
    """Read /proc/self/cgroup: by controller, the name of its mount and the path in it."""
    found: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = (controllers, path)
    return found


def _around(
    mounts: Path, names: dict[str, tuple[str, str]], controller: str, *, is_v2: bool
) -> tuple[Path, ...]:
    """Give this process's cgroup and those around it; none where it is in that of the machine.

    In a container, the root of the mount is its own cgroup: under the path "/" where cgroups have a
    namespace, which v2 tells by files that the machine's root lacks, or else under a path that is
    not there.
    """
    mount, path = names.get("" if is_v2 else controller, ("", "/"))
    root = mounts / mount
    own = root / path.lstrip("/")
    if path == "/":
        return (root,) if is_v2 and (root / "cgroup.type").exists() else ()
    if ".." in own.parts or not own.is_dir():
        return (root,)
    return (own, *(each for each in own.parents if each.is_relative_to(root) and each != root))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _fields(path: Path) -> dict[str, int]:
    """Read lines of a name and a number."""
    lines = (line.split() for line in _text(path).splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2}  # noqa: PLR2004
