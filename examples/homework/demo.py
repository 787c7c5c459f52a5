"""The end of `make up`: 500 mixed jobs, and how the pool's workers come, drain them and go.

In a terminal it draws; elsewhere it prints a line when something changed. It ends when the queues
are empty and the pool is back at its minimum, and fails when that takes longer than ten minutes.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from enqueue import JOBS, REDIS_URL, enqueue
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from observe import KUBECONFIG, Cluster, Pool, Queue, failed, queues
from redis import Redis
from redis.exceptions import RedisError
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from urllib3.exceptions import HTTPError

COUNT = 500
DEADLINE_SECONDS = 600.0
INTERVAL_SECONDS = 0.5
LINE_SECONDS = 1.0
BAR_WIDTH = 40
HISTORY = 60
LEVELS = " ▁▂▃▄▅▆▇█"

NEXT = f"""
Try next:
  export KUBECONFIG={KUBECONFIG}
  kubectl get qpool -n homework -w                          watch the pool
  .venv/bin/python examples/homework/enqueue.py --count 1000   and give it more to do
  kubectl describe qpool homework-jobs -n homework          why it has so many workers
  kubectl explain qpool.spec.queues.retries                 what else it can be told
  kubectl port-forward -n homework service/mailpit 8025     the e-mails, at http://127.0.0.1:8025
  http://127.0.0.1:8080                     the application itself: student-1, learn-student-1
  make down                                                 take everything away"""

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Seen:
    """One look at everything."""

    seconds: float
    """Since the jobs were enqueued."""
    queues: list[Queue]
    pool: Pool

    @property
    def jobs(self) -> int:
        """All jobs still to be done."""
        return sum(queue.jobs for queue in self.queues)

    @property
    def done(self) -> bool:
        """Whether there is nothing to do, and nobody to do it."""
        return not self.jobs and self.pool.resting


def look(redis: Redis, cluster: Cluster) -> Iterator[Seen]:
    """Look twice a second until all is done, or the deadline is over."""
    started = time.monotonic()
    while (seconds := time.monotonic() - started) < DEADLINE_SECONDS:
        seen = Seen(seconds, queues(redis), cluster.pool())
        yield seen
        if seen.done:
            return
        time.sleep(INTERVAL_SECONDS)


def picture(seen: Seen, workers: deque[int], most: int) -> Group:
    """Draw one look, with the workers of those before it."""
    table = Table("queue", "waiting", "", "active", "scheduled", box=None, pad_edge=False)
    for queue in seen.queues:
        bar = "█" * round(queue.waiting / max(most, 1) * BAR_WIDTH)
        table.add_row(
            queue.name,
            f"{queue.waiting:4}",
            Text(bar.ljust(BAR_WIDTH), style="cyan"),
            f"{queue.active:4}",
            f"{queue.scheduled:4}",
        )
    top = max(*workers, 1)
    line = "".join(LEVELS[round(count / top * (len(LEVELS) - 1))] for count in workers)
    counts = f"workers  {seen.pool.ready} of {seen.pool.desired} ready "
    return Group(table, "", Text.assemble(counts, (line, "green")), Text(seen.pool.message))


def sentence(seen: Seen) -> str:
    """Say one look in a line."""
    waiting = " ".join(f"{queue.name}={queue.waiting}" for queue in seen.queues)
    active = sum(queue.active for queue in seen.queues)
    return (
        f"{waiting} active={active} workers={seen.pool.ready}/{seen.pool.desired}: "
        f"{seen.pool.message}"
    )


@contextmanager
def shown(most: int) -> Generator[Callable[[Seen], None]]:
    """Give what shows one look: a picture in a terminal, else a line when it says something new."""
    workers: deque[int] = deque(maxlen=HISTORY)
    last, said_at = "", -LINE_SECONDS

    def say(seen: Seen) -> None:
        nonlocal last, said_at
        said = sentence(seen)
        if seen.done or (said != last and seen.seconds - said_at >= LINE_SECONDS):
            console.print(f"{seen.seconds:5.1f}s {said}")
            last, said_at = said, seen.seconds

    if not console.is_terminal:
        yield say
        return
    with Live(console=console, auto_refresh=False) as live:

        def draw(seen: Seen) -> None:
            workers.append(seen.pool.ready)
            live.update(picture(seen, workers, most), refresh=True)

        yield draw


def watch(redis: Redis, cluster: Cluster) -> list[Seen]:
    """Show every look until the end; give them all."""
    seen: list[Seen] = []
    with shown(max(queue.waiting for queue in queues(redis))) as show:
        for each in look(redis, cluster):
            seen.append(each)
            show(each)
    return seen


def stuck(seen: Seen) -> str:
    """Say what did not come to its end."""
    jobs = ", ".join(f"{queue.name} has {queue.jobs}" for queue in seen.queues if queue.jobs)
    pool = f"{seen.pool.existing} workers exist, {seen.pool.minimum} should"
    return f"not done after {DEADLINE_SECONDS:.0f}s: {jobs or 'no jobs left'}; {pool}; {seen.pool.message}"


def run() -> int:
    """Enqueue, watch, and tell how it went; give the exit status."""
    cluster = Cluster()
    with Redis.from_url(REDIS_URL) as redis:
        mails = cluster.mails()
        ids = enqueue(redis, COUNT)
        console.print(f"{COUNT} jobs enqueued into {', '.join(JOBS)}")
        seen = watch(redis, cluster)
        failures = failed(redis, ids)
    if not seen[-1].done:
        console.print(f"[red]{stuck(seen[-1])}[/]")
        return 1
    console.print(summary(seen, failures, mails, cluster.mails()))
    console.print(NEXT)
    return 1 if failures else 0


def summary(seen: list[Seen], failures: int, before: int | None, after: int | None) -> str:
    """Say in one line how it went."""
    drained = next(each.seconds for each in seen if not each.jobs)
    peak = max(each.pool.ready for each in seen)
    mails = "Mailpit did not answer"
    if before is not None and after is not None:
        mails = f"{after - before} mails received by Mailpit"
    return (
        f"[bold]{COUNT} jobs, {failures} failed, peak {peak} workers, {drained:.0f}s to drain, "
        f"back at {seen[-1].pool.minimum} after {seen[-1].seconds:.0f}s, {mails}[/]"
    )


def main() -> None:
    """Run; what is missing is one sentence."""
    try:
        sys.exit(run())
    except ConfigException as error:
        sys.exit(f"no cluster at {KUBECONFIG} ({error}): run make up")
    except RedisError as error:
        sys.exit(f"Redis at {REDIS_URL} does not answer ({error}): run make up")
    except (ApiException, HTTPError) as error:
        sys.exit(f"the QueuePool cannot be read ({error}): run make up")


if __name__ == "__main__":
    main()
