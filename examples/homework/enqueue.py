"""Enqueue the homework platform's jobs, as any program with plain rq does.

python examples/homework/enqueue.py --count 500 [--queue email] [--redis URL]
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis import Redis
from rq import Queue

if TYPE_CHECKING:
    from rq.queue import EnqueueData

REDIS_URL = "redis://127.0.0.1:16379/0"
BATCH = 100
STUDENTS = 20
CLASSES = 4

Make = Callable[[random.Random], tuple[Any, ...]]
"""Gives a job's arguments."""


def an_email(chance: random.Random) -> tuple[str, str, str]:
    """A reminder by e-mail."""
    student = chance.randint(1, STUDENTS)
    return f"student-{student}@osnovci.app", "Homework", "Exercise 7 is due tomorrow at 8:00."


def a_notification(chance: random.Random) -> tuple[str, str]:
    """A line for the student's page."""
    return f"student-{chance.randint(1, STUDENTS)}", "Your homework was graded."


def a_class(chance: random.Random) -> tuple[str]:
    """A class whose lessons may overlap."""
    return (f"5-{chance.randint(1, CLASSES)}",)


def a_student(chance: random.Random) -> tuple[str]:
    """A student whose report is due."""
    return (f"student-{chance.randint(1, STUDENTS)}",)


JOBS: dict[str, tuple[str, Make, int]] = {
    "email": ("homework.jobs.send_email", an_email, 45),
    "notification": ("homework.jobs.notify", a_notification, 40),
    "schedule": ("homework.jobs.check_conflicts", a_class, 8),
    "report": ("homework.jobs.make_report", a_student, 7),
}
"""By queue: the function, how its arguments are made, and its share of a mix in percent."""


def enqueue(redis: Redis, count: int, only: str | None = None) -> list[str]:
    """Enqueue so many jobs, mixed or of one queue; give their ids.

    As JSON, which a worker reads without running what it reads.
    """
    chance = random.Random()
    names, shares = list(JOBS), [share for _, _, share in JOBS.values()]
    drawn = [only] * count if only else chance.choices(names, shares, k=count)
    ids: list[str] = []
    for start in range(0, count, BATCH):
        batch: dict[str, list[EnqueueData]] = defaultdict(list)
        for name in drawn[start : start + BATCH]:
            function, make, _ = JOBS[name]
            batch[name].append(Queue.prepare_data(function, args=make(chance)))
        for name, jobs in batch.items():
            queue = Queue(name, connection=redis, serializer="json")
            ids += [job.id for job in queue.enqueue_many(jobs)]
    return ids


def main() -> None:
    """Enqueue as the command line says."""
    parser = argparse.ArgumentParser(description="Enqueue jobs of the homework example.")
    parser.add_argument("--count", type=int, default=500, help="how many jobs (500)")
    parser.add_argument("--queue", choices=JOBS, help="only this queue's (a mix of all)")
    parser.add_argument("--redis", default=REDIS_URL, help=f"where ({REDIS_URL})")
    arguments = parser.parse_args()
    with Redis.from_url(arguments.redis) as redis:
        ids = enqueue(redis, arguments.count, arguments.queue)
    print(f"{len(ids)} jobs enqueued")


if __name__ == "__main__":
    main()
