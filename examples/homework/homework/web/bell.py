"""The bell: a job that kept notifications rings it, and the sockets of those pupils look.

It only says that there may be something new; what there is, is in PostgreSQL.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from homework.notifications import CHANNEL

AGAIN_SECONDS = 1.0
log = logging.getLogger(__name__)


class Bell:
    """One subscription for all sockets of the process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._ears: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def heard(self, student: str) -> Generator[asyncio.Event]:
        """Give what is set when the bell rings for a student; at first it is."""
        ear = asyncio.Event()
        ear.set()
        self._ears[student].add(ear)
        try:
            yield ear
        finally:
            self._ears[student].discard(ear)
            if not self._ears[student]:
                del self._ears[student]

    async def listen(self) -> None:
        """Ring as Redis says, until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    while True:
                        if message := await subscription.get_message(timeout=None):
                            self._ring(message)
            except (RedisError, OSError) as error:
                log.warning("notifications are late, Redis is away: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)

    def _ring(self, message: dict[str, Any]) -> None:
        # A subscription that begins, or begins anew, may have missed something.
        is_news = message["type"] == "message"
        students = json.loads(message["data"]) if is_news else list(self._ears)
        for student in students:
            for ear in self._ears.get(student, ()):
                ear.set()
