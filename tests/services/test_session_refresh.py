"""Refresh tokens on a real Redis: one successor each, and the end of what was stolen."""

import asyncio

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from session_builders import APP, LONG_AGO_MS, NAMESPACE, OPERATIONS, SETTINGS, login, settings
from waiting import eventually

from osnovci.app_contract import SessionsDocument
from osnovci.session_contract import GRACE_SECONDS, sessions_root
from osnovci.sessions.operations import Refresh, Refreshed, hashed
from osnovci.sessions.stores import AsyncStore, Store

pytestmark = pytest.mark.every_server

FAMILY = f"{sessions_root(NAMESPACE, APP)}family:fam"


@pytest.fixture
def store(redis: Redis) -> Store:
    store = Store(redis)
    store.run(OPERATIONS.create("first", login(), SETTINGS, family="fam"))
    return store


def run_out(redis: Redis, session_id: str) -> None:
    redis.delete(f"{sessions_root(NAMESPACE, APP)}session:{hashed(session_id)}")


def refresh(store: Store, generation: int, limits: SessionsDocument = SETTINGS) -> Refresh:
    return store.run(OPERATIONS.refresh("fam", generation, f"of-{generation}", limits))


def lives(store: Store, session_id: str) -> bool:
    return store.run(OPERATIONS.get(session_id, SETTINGS, LONG_AGO_MS)) is not None


def later(redis: Redis) -> None:
    """Have the grace of the last rotation be over."""
    moment = float(redis.hget(FAMILY, "rotated_ms") or 0)  # type: ignore[arg-type]
    redis.hset(FAMILY, "rotated_ms", moment - GRACE_SECONDS * 1000 - 1)


def test_a_token_gives_a_session_and_its_successor(store: Store) -> None:
    found = refresh(store, 1)
    assert (found.outcome, found.generation) == (Refreshed.ROTATED, 2)
    assert found.session
    assert found.session.user_id == "ana"
    assert (lives(store, "first"), lives(store, "of-1")) == (False, True)
    assert refresh(store, 2).generation == 3
    assert (lives(store, "of-1"), lives(store, "of-2")) == (False, True)


def test_a_token_outlives_its_session(redis: Redis) -> None:
    store = Store(redis)
    store.run(OPERATIONS.create("first", login(), settings(ttl=0.05), family="fam"))
    eventually(lambda: not store.run(OPERATIONS.devices("ana"))[0].session)
    assert refresh(store, 1).session


def test_within_the_grace_the_successor_is_the_same(store: Store) -> None:
    first, again = refresh(store, 1), refresh(store, 1)
    assert again == Refresh(Refreshed.AGAIN, first.generation, first.session)
    assert lives(store, "of-1")


def test_an_old_token_ends_the_family_and_its_session(store: Store, redis: Redis) -> None:
    refresh(store, 1)
    later(redis)
    assert refresh(store, 1).outcome == Refreshed.REUSED
    assert not lives(store, "of-1")
    assert refresh(store, 2).outcome == Refreshed.ENDED
    assert store.run(OPERATIONS.devices("ana")) == []
    assert redis.keys("*") == []


def test_an_older_one_ends_it_also_within_the_grace(store: Store) -> None:
    refresh(store, 1)
    refresh(store, 2)
    assert refresh(store, 1).outcome == Refreshed.REUSED


def test_what_redis_has_forgotten_is_no_theft(store: Store, redis: Redis) -> None:
    """After a failover Redis may not know of the last rotation, whose token was handed out."""
    kept = redis.hgetall(FAMILY)
    refresh(store, 1)
    redis.hset(FAMILY, mapping=kept)  # type: ignore[arg-type]
    assert refresh(store, 2).generation == 3
    later(redis)
    assert refresh(store, 1).outcome == Refreshed.REUSED


def test_a_logout_ends_the_tokens(store: Store) -> None:
    handle = store.run(OPERATIONS.devices("ana"))[0].handle
    store.run(OPERATIONS.end("ana", handle))
    assert refresh(store, 1).outcome == Refreshed.ENDED


def test_a_token_runs_out(redis: Redis) -> None:
    store = Store(redis)
    short = settings(refresh_ttl=0.05)
    store.run(OPERATIONS.create("first", login(), short, family="fam"))
    eventually(lambda: refresh(store, 1, short).outcome == Refreshed.ENDED)


def test_a_changed_role_is_in_the_next_session(store: Store) -> None:
    store.run(OPERATIONS.rotate("first", "second", '{"role": "teacher"}', SETTINGS))
    found = refresh(store, 1)
    assert found.session
    assert found.session.role == "teacher"
    assert not lives(store, "second")


def test_within_the_grace_a_session_that_is_gone_comes_not_back(store: Store) -> None:
    refresh(store, 1)
    store.run(OPERATIONS.rotate("of-1", "moved", "{}", SETTINGS))
    assert refresh(store, 1).outcome == Refreshed.ENDED
    assert lives(store, "moved")


async def test_fifty_at_once_have_one_successor(redis_server: RedisServer, store: Store) -> None:
    clients = [AsyncRedis.from_url(redis_server.url) for _ in range(50)]
    operation = OPERATIONS.refresh("fam", 1, "of-1", SETTINGS)
    found = await asyncio.gather(*(AsyncStore(client).run(operation) for client in clients))
    for client in clients:
        await client.aclose()
    outcomes = [each.outcome for each in found]
    assert outcomes.count(Refreshed.ROTATED) == 1
    assert outcomes.count(Refreshed.AGAIN) == 49
    assert {(each.generation, each.session) for each in found} == {(2, found[0].session)}
    assert lives(store, "of-1")


def test_a_login_that_is_remembered_counts_as_one(store: Store, redis: Redis) -> None:
    two = settings(most=2)
    run_out(redis, "first")
    store.run(OPERATIONS.create("second", login(), two, family="other"))
    assert refresh(store, 1, two).outcome == Refreshed.ROTATED
    run_out(redis, "of-1")
    run_out(redis, "second")
    store.run(OPERATIONS.create("third", login(), two))
    # The one that nobody has come back to for longest is forgotten.
    listed = store.run(OPERATIONS.devices("ana"))
    assert [each.handle for each in listed] == [hashed("third"), "fam"]
    assert refresh(store, 2, two).outcome == Refreshed.ROTATED
    assert store.run(OPERATIONS.refresh("other", 1, "next", two)).outcome == Refreshed.ENDED
