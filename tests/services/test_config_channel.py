"""The config channel, from the operator's call to what the pods report."""

from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from waiting import eventually
from web_pods import APP, RunningPod, StartPod, app_document, environment
from workers import NAMESPACE

from osnovci.app_contract import AppDocument, checksum, config_key
from osnovci.config.publish import publish

pytestmark = pytest.mark.usefixtures("redis")

KEY = config_key(NAMESPACE, APP)


async def put(client: AsyncRedis, document: AppDocument, above: int = 0) -> int:
    return await publish(client, NAMESPACE, document, above)


def connections(pod: RunningPod) -> int | None:
    """The size of the pool as the heartbeat tells."""
    beat = pod.heartbeat()
    return beat.database.size if beat and beat.database else None


async def test_a_document_is_published_once(client: AsyncRedis, redis: Redis) -> None:
    one, other = app_document(connections=1), app_document(connections=2)
    assert await put(client, one) == 1
    assert await put(client, one) == 1
    assert await put(client, other) == 2
    # What is rolled back is a new revision: nobody waits for a smaller number.
    assert await put(client, one) == 3
    kept: Any = redis.hgetall(KEY)
    assert kept[b"document"].decode() == one.model_dump_json()
    assert kept[b"checksum"].decode() == checksum(one.model_dump_json())


async def test_a_redis_that_lost_its_data_gives_no_revision_twice(client: AsyncRedis) -> None:
    await put(client, app_document())
    await client.flushall()
    assert await put(client, app_document(), above=7) == 8


@pytest.mark.parametrize("spoil", ["document", "checksum", "type"])
async def test_what_was_spoiled_is_mended(client: AsyncRedis, redis: Redis, spoil: str) -> None:
    await put(client, app_document())
    if spoil == "type":
        redis.set(KEY, "text")
    else:
        redis.hset(KEY, spoil, "spoiled")
    assert await put(client, app_document(), above=1) == 2


async def test_the_announcement_is_the_revision(client: AsyncRedis) -> None:
    async with client.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(KEY)
        await channel.get_message(timeout=5)
        await put(client, app_document())
        message = await channel.get_message(timeout=5)
    assert message
    assert message["data"] == "1"


async def test_a_pod_starts_with_the_newest_document(
    client: AsyncRedis, start_pod: StartPod
) -> None:
    await put(client, app_document(connections=4))
    pod = start_pod(app_document(connections=9))
    assert [each["database"]["connections_per_process"] for each in configured(pod)] == [9, 4]
    eventually(lambda: pod.revision == 1)
    assert connections(pod) == 4


def configured(pod: RunningPod) -> list[dict[str, Any]]:
    return pod.get("/configured").json


def test_without_one_it_starts_with_the_environments(start_pod: StartPod) -> None:
    document = app_document(connections=9)
    pod = start_pod(document)
    beat = eventually(pod.heartbeat)
    assert beat.config_revision == 0
    assert beat.config_checksum == checksum(document.model_dump_json())
    assert connections(pod) == 9


async def test_a_change_is_in_force_without_a_restart(
    client: AsyncRedis, start_pod: StartPod
) -> None:
    pod = start_pod()
    await put(client, app_document(connections=3, max_in_flight=1))
    eventually(lambda: pod.revision == 1)
    assert connections(pod) == 3
    pod.asking("/wait")
    pod.reports(lambda beat: beat.in_flight == 1)
    assert pod.get("/").status == 503
    await put(client, app_document(max_in_flight=2))
    eventually(lambda: pod.get("/").status == 200)


async def test_what_takes_long_to_be_in_force_holds_up_nothing(
    client: AsyncRedis, start_pod: StartPod
) -> None:
    pod = start_pod()
    await put(client, app_document(connections=1))
    # The application was told, and its pool waits for connections to come back.
    eventually(lambda: len(configured(pod)) == 2)
    before = eventually(pod.heartbeat)
    pod.reports(lambda beat: beat.at_ms > before.at_ms + 1500)
    assert (pod.revision, connections(pod)) == (0, 10)
    # What is newer does not wait for it.
    await put(client, app_document(connections=2))
    eventually(lambda: pod.revision == 2)
    assert connections(pod) == 2
    await put(client, app_document(connections=1))
    eventually(lambda: len(configured(pod)) == 4)
    assert pod.revision == 2
    pod.get("/open")
    eventually(lambda: pod.revision == 3)
    assert connections(pod) == 1


async def test_a_start_does_not_wait_for_ever(client: AsyncRedis, start_pod: StartPod) -> None:
    await put(client, app_document(connections=1))
    pod = start_pod()
    assert pod.revision == 0
    pod.get("/open")
    eventually(lambda: pod.revision == 1)


def test_a_change_is_found_when_its_announcement_was_lost(
    redis: Redis, start_pod: StartPod
) -> None:
    pod = start_pod()
    text = app_document(connections=5).model_dump_json()
    # As publish.lua, without its PUBLISH.
    redis.hset(KEY, mapping={"revision": 1, "checksum": checksum(text), "document": text})
    eventually(lambda: pod.revision == 1)
    assert connections(pod) == 5


BAD: dict[str, tuple[dict[Any, Any], str]] = {
    "no JSON": (
        {"revision": 2, "checksum": checksum("{"), "document": "{"},
        "the document: Invalid JSON",
    ),
    "a field is wrong": (
        {
            "revision": 2,
            "checksum": checksum('{"app": "homework", "health": {"max_in_flight": 0}}'),
            "document": '{"app": "homework", "health": {"max_in_flight": 0}}',
        },
        "health.max_in_flight: Input should be greater than or equal to 1",
    ),
    "checksum": ({"revision": 2, "checksum": "0" * 64}, "its checksum is another"),
    "of another app": (
        {
            "revision": 2,
            "checksum": checksum('{"app": "shop"}'),
            "document": '{"app": "shop"}',
        },
        "app: it is that of 'shop', and this pod is of 'homework'",
    ),
    "too large": ({"revision": 2, "document": "x" * 70_000}, "it has 70,000 bytes; at most 65,536"),
    "no revision": ({"revision": "two"}, "the revision is 'two'; it is a number from 1"),
    "not a number": ({"revision": "-3"}, "the revision is '-3'"),
}


@pytest.fixture(scope="module")
def module_pod(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One pod for all documents that are refused."""
    log = tmp_path_factory.mktemp("pod") / "log"
    redis_server.client.flushall()
    told = environment(redis_server.url, app_document(), "web-1")
    pod = RunningPod.start(redis_server.client, log, told)
    try:
        yield pod.wait_for("/api/ready")
    finally:
        pod.close()


@pytest.mark.parametrize("name", BAD)
async def test_a_document_that_cannot_be_run_is_reported_and_the_last_stays(
    client: AsyncRedis, redis: Redis, module_pod: RunningPod, name: str
) -> None:
    fields, sentence = BAD[name]
    good = await put(client, app_document(connections=6))
    eventually(lambda: module_pod.revision == good and not refused(module_pod))
    redis.hset(KEY, mapping=fields)
    eventually(lambda: sentence in refused(module_pod))
    assert module_pod.revision == good
    assert connections(module_pod) == 6
    # and a good one ends it
    better = await put(client, app_document(connections=7), above=10)
    eventually(lambda: module_pod.revision == better and not refused(module_pod))


def refused(pod: RunningPod) -> str:
    beat = pod.heartbeat()
    return beat.refused.error if beat and beat.refused else ""


async def test_the_application_may_refuse(client: AsyncRedis, module_pod: RunningPod) -> None:
    good = await put(client, app_document(connections=6))
    eventually(lambda: module_pod.revision == good)
    await put(client, app_document(connections=8, max_per_user=13))
    eventually(lambda: "refuses it: 13 sessions bring bad luck" in refused(module_pod))
    assert module_pod.revision == good
    assert connections(module_pod) == 6


async def test_what_the_application_refused_for_the_moment_is_put_to_it_again(
    client: AsyncRedis, start_pod: StartPod
) -> None:
    pod = start_pod()
    later = await put(client, app_document(max_per_user=14))
    eventually(lambda: "not before the gate is open" in refused(pod))
    pod.get("/open")
    eventually(lambda: pod.revision == later and not refused(pod))


async def test_redis_away_changes_nothing_but_the_reports(
    own_redis_server: RedisServer, tmp_path: Any
) -> None:
    told = environment(own_redis_server.url, app_document(), "web-1")
    pod = RunningPod.start(own_redis_server.client, tmp_path / "pod.log", told)
    try:
        pod.wait_for("/api/ready")
        async with AsyncRedis.from_url(own_redis_server.url) as client:
            await put(client, app_document(connections=3, max_in_flight=1))
        eventually(lambda: pod.revision == 1)
        own_redis_server.stop()
        eventually(lambda: pod.get("/api/health").json["status"] == "degraded")
        found = pod.get("/api/health").json
        assert found["checks"]["redis"] == {"status": "degraded", "error": "Redis does not answer"}
        assert pod.get("/").text == "hello"
        # It comes back without its data: what was in force stays, and a new revision is found.
        own_redis_server.start()
        eventually(lambda: pod.revision == 1)
        async with AsyncRedis.from_url(own_redis_server.url) as client:
            await put(client, app_document(connections=2), above=1)
        eventually(lambda: pod.revision == 2 and connections(pod) == 2)
        assert pod.get("/api/health").json["status"] == "ok"
    finally:
        pod.close()


async def test_a_pod_starts_while_redis_is_away(
    own_redis_server: RedisServer, tmp_path: Any
) -> None:
    own_redis_server.stop()
    told = environment(own_redis_server.url, app_document(), "web-1")
    pod = RunningPod.start(own_redis_server.client, tmp_path / "pod.log", told)
    try:
        pod.wait_for("/api/ready")
        own_redis_server.start()
        eventually(lambda: pod.revision == 0)
    finally:
        pod.close()
