"""Drain requests on a real Redis: written at the next tick, renewed, withdrawn, and told."""

from builders import NAMESPACE
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from osnovci.contract import DRAIN_TTL_SECONDS, DrainRequest, drain_key, key_prefix
from osnovci_operator.drains import Drains

FIRST, AGAIN = DrainRequest(asked_ms=1), DrainRequest(asked_ms=2, times=2)
PODS = ("one", "two")


def stored(redis: Redis, pod: str) -> DrainRequest | None:
    return DrainRequest.read(redis.get(drain_key(NAMESPACE, pod)))


async def test_what_is_wanted_counts_as_written_until_it_is_read(
    redis: Redis, client: AsyncRedis
) -> None:
    drains = Drains(NAMESPACE)
    drains.ask({"one": FIRST}, ())
    assert drains.over({}, PODS) == {"one": FIRST}
    sent = await drains.write(client)
    assert stored(redis, "one") == FIRST
    left = redis.pttl(drain_key(NAMESPACE, "one"))
    assert isinstance(left, int)
    assert 0 < left <= DRAIN_TTL_SECONDS * 1000
    assert drains.over({}, PODS) == {"one": FIRST}
    drains.written(sent)
    assert drains.over({}, PODS) == {}
    assert drains.over({"one": FIRST, "gone": AGAIN}, PODS) == {"one": FIRST}


async def test_what_changed_while_it_was_written_is_still_wanted(client: AsyncRedis) -> None:
    drains = Drains(NAMESPACE)
    drains.ask({"one": FIRST, "two": FIRST}, ())
    sent = await drains.write(client)
    drains.ask({"one": AGAIN}, ("two",))
    drains.written(sent)
    assert drains.over({"one": FIRST, "two": FIRST}, PODS) == {"one": AGAIN}


async def test_a_withdrawal_is_told_at_once(redis: Redis, client: AsyncRedis) -> None:
    drains = Drains(NAMESPACE)
    drains.ask({"one": FIRST}, ())
    drains.written(await drains.write(client))
    async with client.pubsub() as channel:
        await channel.subscribe(f"{key_prefix(NAMESPACE)}wake")
        drains.ask({}, ("one",))
        assert drains.over({"one": FIRST}, PODS) == {}
        drains.written(await drains.write(client))
        told = [await channel.get_message(timeout=5) for _ in range(2)]
    assert stored(redis, "one") is None
    assert [each and each["data"] for each in told] == [1, "resume one"]


async def test_what_could_not_be_written_is_decided_anew(redis: Redis, client: AsyncRedis) -> None:
    drains = Drains(NAMESPACE)
    drains.ask({"one": FIRST}, ())
    drains.forget()
    assert await drains.write(client) == {}
    assert stored(redis, "one") is None
