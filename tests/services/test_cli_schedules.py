"""`osnovci queue schedules`, as a person runs it."""

from commands import osnovci
from redis import Redis
from redis_server import RedisServer
from schedules import POOL, schedule
from workers import NAMESPACE

from osnovci.queues.client import Queues
from osnovci.schedules.firing import fire
from osnovci.schedules.timetable import Timetable


def listed(server: RedisServer) -> list[list[str]]:
    done = osnovci("queue", "--redis", server.url, "--namespace", NAMESPACE, "schedules")
    assert done.returncode == 0
    return [line.split("   ") for line in done.stdout.splitlines()]


def test_schedules_are_listed_with_their_next_time(redis: Redis, redis_server: RedisServer) -> None:
    queues = Queues(redis, NAMESPACE)
    leap = schedule(cron="0 7 29 2 *", time_zone="Europe/Belgrade")
    fire(queues, Timetable(POOL, [leap]))
    heads, row = listed(redis_server)
    assert [head.strip() for head in heads if head.strip()] == [
        "POOL",
        "SCHEDULE",
        "CRON",
        "NEXT",
        "LAST",
        "OUTCOME",
        "JOB",
    ]
    cells = [cell.strip() for cell in row if cell.strip()]
    assert cells[:3] == [POOL, "reminders", "0 7 29 2 * Europe/Belgrade"]
    assert cells[3].endswith("-02-29T06:00:00Z")
    assert cells[4] == "begun"


def test_without_schedules_there_are_only_the_heads(
    redis: Redis, redis_server: RedisServer
) -> None:
    del redis
    assert len(listed(redis_server)) == 1
