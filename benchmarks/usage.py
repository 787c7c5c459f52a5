"""What a process uses, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Memory in bytes, and the processor time of its whole life in seconds."""

    rss: int
    pss: int
    cpu_seconds: float

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Read it for one process, without its children."""
        process = Path("/proc") / str(pid)
        lines = (process / "smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) * 1024 for name, rest in (x.split(":") for x in lines)}
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return cls(sizes["Rss"], sizes["Pss"], ticks / TICKS)
