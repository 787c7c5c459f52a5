"""What the operator tells an app's pods by a real Redis, and what it reads of them there.

The Secret that names the Redis needs an API server and is read in tests/cluster; here the
connection is opened by the test.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from apps import APP, POD, app_body, beat
from policies import policy_body
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from web_pods import StartPod, app_document
from workers import NAMESPACE

from osnovci.app_contract import AppDocument, app_heartbeat_key, checksum, config_key
from osnovci.app_observation import Denials, Top
from osnovci.limit_contract import LimitDocument, PolicyDocument, denials_key, top_key
from osnovci_operator.app.reports import Configs, Reports
from osnovci_operator.app_channel import Channel
from osnovci_operator.backend import Unreadable
from osnovci_operator.connection import Connection
from osnovci_operator.labels import APP as LABEL
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

KEY = Key("OsnovciApp", NAMESPACE, APP)
DOCUMENT = AppDocument(app=APP)
STRICT = AppDocument(app=APP, port=4000)
POLICY = PolicyDocument(name="limits", limits=(LimitDocument(name="api", max=9, window_ms=1000),))
LIMITED = AppDocument(app=APP, policies=(POLICY,))


class Opened(Connection):
    """A connection to the Redis of a url, which no Secret names."""

    def __init__(self, url: str) -> None:
        self.client = self._opened = AsyncRedis.from_url(url, decode_responses=True)

    async def open(self) -> AsyncRedis:
        return self._opened

    async def close(self) -> None:
        await self._opened.aclose()


class Stand:
    """A channel that runs, and whom it woke."""

    def __init__(self, server: RedisServer) -> None:
        self.store = Store()
        body = app_body(processes=2)
        body["metadata"]["namespace"] = NAMESPACE
        self.store.put(body)
        metadata = {"name": POD, "namespace": NAMESPACE, "uid": "p", "labels": {LABEL: APP}}
        self.store.put({"kind": "Pod", "metadata": metadata})
        self.woken = asyncio.Queue[Key]()
        self.channel = Channel(NAMESPACE, Opened(server.url), self.store, self.woken.put_nowait)

    def tell(self, document: AppDocument, above: int) -> None:
        """Have the pods of an app that has but one release run a document."""
        self.channel.tell(KEY, Configs("", {"": document}), above)

    async def until(self, met: Callable[[Reports], bool]) -> Reports:
        """Wait for a reading that is as it should be; it is looked at after each wake."""
        async with asyncio.timeout(10):
            while True:
                await self.woken.get()
                found = self.channel.reports(KEY)
                if isinstance(found, Reports) and met(found):
                    return found


@pytest.fixture
async def stand(redis: Redis, redis_server: RedisServer) -> AsyncGenerator[Stand]:
    del redis
    made = Stand(redis_server)
    task = asyncio.create_task(made.channel.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def published(redis: Redis) -> dict[str, str]:
    found: Any = redis.hgetall(config_key(NAMESPACE, APP))
    return {key.decode(): value.decode() for key, value in found.items()}


async def test_a_document_is_published_once_under_a_revision(stand: Stand, redis: Redis) -> None:
    stand.tell(DOCUMENT, 0)
    found = await stand.until(lambda each: each.revision == 1)
    assert found.document == DOCUMENT
    text = DOCUMENT.model_dump_json()
    assert published(redis) == {"revision": "1", "checksum": checksum(text), "document": text}
    stand.tell(DOCUMENT, 0)
    stand.tell(STRICT, 0)
    await stand.until(lambda each: each.revision == 2)
    assert published(redis)["document"] == STRICT.model_dump_json()


async def test_a_redis_without_the_document_gives_no_revision_twice(
    stand: Stand, redis: Redis
) -> None:
    stand.tell(DOCUMENT, 41)
    await stand.until(lambda each: each.revision == 42)
    redis.flushall()
    stand.tell(STRICT, 0)
    await stand.until(lambda each: each.revision == 43)


async def test_the_config_of_an_app_that_is_no_more_is_deleted(stand: Stand, redis: Redis) -> None:
    stand.tell(DOCUMENT, 0)
    await stand.until(lambda each: each.revision == 1)
    stand.channel.forget(KEY)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(published, redis):
            await asyncio.sleep(0.05)


async def test_each_release_has_its_own_config_under_a_revision_of_its_own(
    stand: Stand, redis: Redis, start_pod: StartPod
) -> None:
    old, new = app_document(max_in_flight=100), app_document(max_in_flight=7)
    await asyncio.to_thread(start_pod, old, pod=POD, release="old")
    stand.channel.tell(KEY, Configs("old", {"old": old}), 0)
    await stand.until(lambda each: POD in each.beats and each.in_force({POD}))
    stand.channel.tell(KEY, Configs("new", {"old": old, "new": new}), 0)
    found = await stand.until(lambda each: each.revision == 2)
    assert found.document == new
    # The old pod does not run the config that is rolled out, and is where it should be.
    assert found.behind({POD}) == [POD]
    assert found.astray() == []
    stand.channel.tell(KEY, Configs("old", {"old": old}), 0)
    found = await stand.until(
        lambda each: each.document == old and each.beats[POD][0].config_revision == 1
    )
    assert found.in_force({POD})
    assert found.revision == 1
    assert not redis.exists(config_key(NAMESPACE, APP, "new"))
    # A config that is left over from a leader of before.
    redis.hset(config_key(NAMESPACE, APP, "older"), "revision", "1")
    stand.channel.tell(KEY, Configs("old", {"old": new}), 0, ["older"])
    await stand.until(lambda each: each.document == new and each.in_force({POD}))
    assert not redis.exists(config_key(NAMESPACE, APP, "older"))


async def test_heartbeats_are_read_of_each_process(stand: Stand, redis: Redis) -> None:
    stand.tell(DOCUMENT, 0)
    first, second = (beat(process=number, document=DOCUMENT) for number in (0, 1))
    for each in (first, second):
        key = app_heartbeat_key(NAMESPACE, POD, each.process)
        redis.set(key, each.model_dump_json())
    found = await stand.until(lambda each: len(each.beats.get(POD, ())) == 2)
    assert found.beats == {POD: (first, second)}
    assert found.in_force({POD})
    redis.delete(app_heartbeat_key(NAMESPACE, POD, 1))
    await stand.until(lambda each: len(each.beats.get(POD, ())) == 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("nonsense", id="no document"),
        pytest.param(beat(pod="another").model_dump_json(), id="of another pod"),
        pytest.param(" " * 70_000 + beat().model_dump_json(), id="too large"),
    ],
)
async def test_a_heartbeat_that_is_none_is_not_taken(stand: Stand, redis: Redis, text: str) -> None:
    redis.set(app_heartbeat_key(NAMESPACE, POD, 0), text)
    good = beat(process=1)
    redis.set(app_heartbeat_key(NAMESPACE, POD, 1), good.model_dump_json())
    stand.tell(DOCUMENT, 0)
    found = await stand.until(lambda each: POD in each.beats)
    assert found.beats == {POD: (good,)}


async def test_what_limits_denied_is_read_and_begins_anew_with_a_policy(
    stand: Stand, redis: Redis
) -> None:
    counts = denials_key(NAMESPACE, APP)
    redis.hset(counts, mapping={"limits/denied": 4, "limits/wouldDeny": 1, "other/denied": 7})
    redis.zadd(top_key(NAMESPACE, APP, "limits"), {"api 10.0.0.7": 3, "api 10.0.0.8": 1})
    stand.tell(LIMITED, 0)
    found = await stand.until(lambda each: "limits" in each.denials)
    top = (Top("api", "10.0.0.7", 3), Top("api", "10.0.0.8", 1))
    assert found.denials == {"limits": Denials(4, 1, top)}
    redis.hincrby(counts, "limits/denied", 2)
    await stand.until(lambda each: each.denials["limits"].denied == 6)
    stand.tell(DOCUMENT, 0)
    found = await stand.until(lambda each: each.document == DOCUMENT)
    assert found.denials == {}
    stand.tell(LIMITED, 0)
    found = await stand.until(lambda each: "limits" in each.denials)
    assert found.denials == {"limits": Denials()}
    assert redis.hget(counts, "other/denied") == b"7"


async def test_what_a_pod_denies_is_read(stand: Stand, start_pod: StartPod) -> None:
    limit = LimitDocument(name="global", max=2, window_ms=60_000)
    document = app_document(policies=(PolicyDocument(name="limits", limits=(limit,)),))
    pod = await asyncio.to_thread(start_pod, document, pod=POD, app="limited_app:app")
    stand.tell(document, 0)
    for expected in (200, 200, 429, 429):
        answer = await asyncio.to_thread(pod.get, "/")
        assert answer.status == expected
    found = await stand.until(
        lambda each: "limits" in each.denials and each.denials["limits"].denied == 2
    )
    (top,) = found.denials["limits"].top
    assert (top.limit, top.denied) == ("global", 2)
    assert "127.0.0.1" in top.subject
    assert found.beats[POD][0].limiter == "Redis"


async def test_which_limits_an_older_config_had_is_remembered(stand: Stand) -> None:
    other = LIMITED.model_copy(update={"port": 4000})
    for document in (DOCUMENT, LIMITED, other):
        stand.tell(document, 0)
        found = await stand.until(lambda each, told=document: each.document == told)
    assert found.policies == {
        checksum(document.model_dump_json()): document.policies
        for document in (DOCUMENT, LIMITED, other)
    }


async def test_a_policy_is_woken_with_its_app(stand: Stand) -> None:
    body = policy_body()
    body["metadata"]["namespace"] = NAMESPACE
    stand.store.put(body)
    stand.tell(LIMITED, 0)
    async with asyncio.timeout(10):
        woken = {await stand.woken.get() for _ in range(2)}
    assert woken == {KEY, Key("RateLimitPolicy", NAMESPACE, body["metadata"]["name"])}


async def test_a_redis_that_is_away_is_said_and_comes_back(own_redis_server: RedisServer) -> None:
    stand = Stand(own_redis_server)
    task = asyncio.create_task(stand.channel.run())
    try:
        stand.tell(DOCUMENT, 0)
        await stand.until(lambda each: each.revision == 1)
        own_redis_server.stop()
        async with asyncio.timeout(20):
            while not isinstance(stand.channel.reports(KEY), Unreadable):
                await stand.woken.get()
        own_redis_server.start()
        await stand.until(lambda each: each.revision > 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_pod_that_runs_takes_a_change_and_says_so(
    stand: Stand, start_pod: StartPod
) -> None:
    await asyncio.to_thread(start_pod, DOCUMENT, pod=POD)
    stand.tell(DOCUMENT, 0)
    # What it began with is the same document, so it is in force before Redis has it.
    await stand.until(lambda each: POD in each.beats and each.in_force({POD}))
    fewer = app_document(max_in_flight=7)
    stand.tell(fewer, 0)
    found = await stand.until(
        lambda each: each.document == fewer and each.beats[POD][0].config_revision == 2
    )
    assert found.in_force({POD})
    assert found.refusal({POD}) is None


async def test_a_config_that_the_app_refuses_is_told_until_it_is_taken_back(
    stand: Stand, start_pod: StartPod
) -> None:
    good, bad = app_document(), app_document(max_per_user=13)
    await asyncio.to_thread(start_pod, good, pod=POD)
    stand.tell(good, 0)
    await stand.until(lambda each: POD in each.beats and each.in_force({POD}))
    stand.tell(bad, 0)
    found = await stand.until(lambda each: each.is_refused({POD}))
    words = found.refusal({POD}) or ""
    assert words.startswith(f"pod {POD} refuses the config: ")
    assert "13 sessions bring bad luck" in words
    # Beside one that is ready and says nothing, it is no majority.
    assert not found.is_refused({POD, "another"})
    stand.tell(good, 0)
    found = await stand.until(lambda each: each.document == good and each.in_force({POD}))
    assert found.refusal({POD}) is None
