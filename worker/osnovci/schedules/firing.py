"""Asks Redis to fire what is due: for threads and for asyncio, both as thin as this."""

from redis.asyncio import Redis as AsyncRedis

from osnovci.queues.client import AsyncQueues, Queues
from osnovci.schedules.timetable import Happening, Timetable

TRIES = 3
"""The first call may only learn what is due, and another caller may be faster at the second."""


def fire(queues: Queues, timetable: Timetable) -> list[Happening]:
    """Fire what is due; give what these calls brought about."""
    happened: list[Happening] = []
    for _ in range(TRIES):
        happened += timetable.take(queues.run(timetable.call()))
        if not timetable.overdue:
            break
    return happened


async def fire_async(redis: AsyncRedis, namespace: str, timetable: Timetable) -> list[Happening]:
    """Do the same for asyncio."""
    queues = AsyncQueues(redis, namespace)
    happened: list[Happening] = []
    for _ in range(TRIES):
        happened += timetable.take(await queues.run(timetable.call()))
        if not timetable.overdue:
            break
    return happened
