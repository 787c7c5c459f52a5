"""The process that moves jobs which fell due to their queues: rq's own scheduler."""

from redis import Redis
from redis.exceptions import RedisError
from rq.scheduler import RQScheduler

from osnovci.settings import WorkerSettings

SOCKET_SECONDS = 5.0


class Scheduler(RQScheduler):
    """rq's scheduler, which asks for a queue's lock each second while another pod has it.

    Stock rq asks every two minutes, and so long nobody moves jobs after the pod that did has gone.
    """

    @property
    def should_reacquire_locks(self) -> bool:
        """Whether some queue's lock is not held."""
        return self._queue_names != self.acquired_locks


def move_due_jobs(settings: WorkerSettings) -> None:
    """Move due jobs until SIGTERM; ends when Redis is away, to be started anew."""
    connection = Redis.from_url(
        settings.redis_url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS
    )
    queues = [queue.name for queue in settings.pool.queues]
    try:
        Scheduler(queues, connection=connection, logging_level="WARNING").work()
    except RedisError:
        raise SystemExit(1) from None
