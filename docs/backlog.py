#!/usr/bin/env python3
"""The picture of a backlog being drained: `record` writes docs/backlog.csv, `draw` the SVG of it.

`record` needs the cluster of `make up`: it enqueues 500 jobs on the example's queues and looks at
Redis and at the pool twice a second until the pool is back at its minimum. `draw` needs nothing.
"""

import csv
import json
import math
import os
import random
import subprocess
import sys
import time
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CSV = HERE / "backlog.csv"
SVG = HERE / "backlog.svg"

REDIS_PORT = 16379
QUEUES = ("notification", "email", "schedule", "report")
EVERY_SECONDS = 0.5
LONGEST_SECONDS = 300.0
LEAD_SECONDS = 2.0

HEADLINE = "500 jobs, 0 to 8 workers of 2 jobs each, and back"
WIDTH, HEIGHT, LEFT, RIGHT = 760, 384, 56, 740
LEGEND = (
    ("waiting", "jobs waiting"),
    ("active", "jobs running"),
    ("asked", "workers asked for"),
    ("ready", "workers ready"),
)
STYLE = (
    "text{font-family:sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}"
    ".name{font-size:12px;font-weight:600}.number{font-size:12px;fill:#57606a}"
    ".grid{stroke:#d0d7de;stroke-width:1}polyline,line{fill:none;stroke-width:2}"
    ".waiting{stroke:#bc4c00}.active{stroke:#0969da}.ready{stroke:#1a7f37}"
    ".asked{stroke:#6e7781;stroke-dasharray:5 4}.area{stroke:none;fill:none}"
    ".waiting.area{fill:#bc4c00;fill-opacity:.15}.ready.area{fill:#1a7f37;fill-opacity:.15}"
)


@dataclass(frozen=True)
class Sample:
    """One look at Redis and at the pool."""

    seconds: float
    waiting: int
    active: int
    asked: int
    ready: int


def main() -> None:
    """Run one of the two commands."""
    commands = {"record": record, "draw": draw}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:  # noqa: PLR2004
        sys.exit(f"usage: {sys.argv[0]} {' | '.join(commands)}")
    commands[sys.argv[1]]()


def record() -> None:
    """Enqueue 500 jobs, watch them go, write what was seen."""
    from redis import Redis

    redis: Any = Redis(port=REDIS_PORT, socket_timeout=5)
    began = time.monotonic()
    samples: list[Sample] = []
    enqueued = False
    while time.monotonic() - began < LONGEST_SECONDS:
        now = time.monotonic()
        if not enqueued and now - began >= LEAD_SECONDS:
            _enqueue(redis)
            enqueued = True
        samples.append(_look(redis, now - began))
        print(*astuple(samples[-1]))
        if enqueued and _settled(samples):
            break
        time.sleep(max(EVERY_SECONDS - (time.monotonic() - now), 0))
    with CSV.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Sample))
        writer.writerows(astuple(sample) for sample in samples)


def _settled(samples: list[Sample]) -> bool:
    tail = samples[-6:]
    quiet = all(not (s.waiting or s.active or s.asked or s.ready) for s in tail)
    return quiet and any(sample.waiting for sample in samples)


def _enqueue(redis: Any) -> None:
    """Enqueue what the caption of the picture says: 500 jobs, in mixed order."""
    from rq import Queue

    jobs: list[tuple[str, str, tuple[object, ...]]] = [
        *(("schedule", "homework.jobs.pause", (1.0,)) for _ in range(300)),
        *(("email", "homework.jobs.send_email", (f"s{n}@x.org", "Hi", "")) for n in range(100)),
        *(("notification", "homework.jobs.notify", (f"s{n}", "new")) for n in range(60)),
        *(("report", "homework.jobs.make_report", (f"s{n}",)) for n in range(40)),
    ]
    random.Random(1).shuffle(jobs)  # noqa: S311  # an order that can be had again, no secret
    with redis.pipeline() as pipeline:
        for name, function, arguments in jobs:
            queue = Queue(name, connection=redis, serializer="json")
            queue.enqueue(function, args=arguments, pipeline=pipeline)
        pipeline.execute()


def _look(redis: Any, seconds: float) -> Sample:
    with redis.pipeline() as pipeline:
        for name in QUEUES:
            pipeline.llen(f"rq:queue:{name}")
            pipeline.zcard(f"rq:wip:{name}")
        counts = pipeline.execute()
    kubectl = [os.environ.get("KUBECTL", "kubectl"), "-n", "homework"]
    command = [*kubectl, "get", "qpool", "homework-jobs", "-o", "json"]
    status = json.loads(subprocess.check_output(command))["status"]
    asked, ready = status["desiredReplicas"], status["readyReplicas"]
    return Sample(round(seconds, 2), sum(counts[::2]), sum(counts[1::2]), asked, ready)


def draw() -> None:
    """Draw what was recorded: the backlog above, jobs and workers below, over one axis of time."""
    with CSV.open() as file:
        samples = [_sample(row) for row in csv.DictReader(file)]
    longest = math.ceil(samples[-1].seconds / 10) * 10
    backlog = Panel("jobs waiting", top=52, height=130, highest=500, step=100, longest=longest)
    work = Panel("jobs, workers", top=212, height=110, highest=20, step=5, longest=longest)
    parts = [
        f'<text class="title" x="{LEFT}" y="24">{HEADLINE}</text>',
        *backlog.frame(),
        backlog.line([(s.seconds, s.waiting) for s in samples], "waiting"),
        *work.frame(),
        work.line(_steps([(s.seconds, s.asked) for s in samples]), "asked"),
        work.line(_steps([(s.seconds, s.ready) for s in samples]), "ready"),
        work.line([(s.seconds, s.active) for s in samples], "active"),
        *_seconds(longest),
        *_legend(),
    ]
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = "<title>A backlog of 500 jobs being drained by a QueuePool</title>"
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>'
    body = "\n".join([head, title, f"<style>{STYLE}</style>", background, *parts, "</svg>\n"])
    SVG.write_text(body)


@dataclass(frozen=True)
class Panel:
    """One diagram: where it stands, and how high a value is drawn."""

    name: str
    top: float
    height: float
    highest: float
    step: int
    longest: float

    def frame(self) -> list[str]:
        """Give the lines and the numbers of its scale."""
        parts = [f'<text class="name" x="{LEFT}" y="{self.top - 8}">{self.name}</text>']
        for value in range(0, round(self.highest) + 1, self.step):
            y = self._y(value)
            parts += [
                f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>',
                f'<text class="number" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value}</text>',
            ]
        return parts

    def line(self, points: list[tuple[float, float]], kind: str) -> str:
        """Give a line through (seconds, value); the style says whether it is filled."""
        path = " ".join(f"{_x(s, self.longest)},{self._y(v)}" for s, v in points)
        ends = [_x(points[-1][0], self.longest), _x(points[0][0], self.longest)]
        floor = self._y(0)
        area = f'<polygon class="{kind} area" points="{path} {ends[0]},{floor} {ends[1]},{floor}"/>'
        return f'{area}\n<polyline class="{kind}" points="{path}"/>'

    def _y(self, value: float) -> float:
        return round(self.top + self.height * (1 - value / self.highest), 1)


def _sample(row: dict[str, str]) -> Sample:
    counts = (int(row[name]) for name in ("waiting", "active", "asked", "ready"))
    return Sample(float(row["seconds"]), *counts)


def _x(seconds: float, longest: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * seconds / longest, 1)


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Hold each value until the next: a count has no values between two."""
    held = [(after[0], before[1]) for before, after in pairwise(points)]
    return [points[0], *(each for pair in zip(held, points[1:], strict=True) for each in pair)]


def _seconds(longest: int) -> list[str]:
    return [
        f'<text class="number" x="{_x(s, longest)}" y="342" text-anchor="middle">{s} s</text>'
        for s in range(0, longest + 1, 10)
    ]


def _legend() -> list[str]:
    parts: list[str] = []
    for n, (kind, words) in enumerate(LEGEND):
        x = LEFT + n * 168
        parts += [
            f'<line class="{kind}" x1="{x}" x2="{x + 22}" y1="366" y2="366"/>',
            f'<text class="number" x="{x + 28}" y="370">{words}</text>',
        ]
    return parts


if __name__ == "__main__":
    main()
