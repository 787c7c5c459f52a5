"""The store of sessions on a real Redis."""

import time
from typing import Any

import pytest
from redis import Redis
from session_builders import (
    APP,
    LONG_AGO_MS,
    NAMESPACE,
    OPERATIONS,
    SETTINGS,
    login,
    settings,
)
from waiting import eventually

from osnovci.session_contract import DeviceType, Login, SessionDocument, sessions_root
from osnovci.sessions.operations import Device, Operations, hashed
from osnovci.sessions.stores import AsyncStore, Store

pytestmark = pytest.mark.every_server

ROOT = sessions_root(NAMESPACE, APP)


@pytest.fixture
def store(redis: Redis) -> Store:
    return Store(redis)


def get(store: Store, session_id: str) -> SessionDocument | None:
    return store.run(OPERATIONS.get(session_id, SETTINGS, LONG_AGO_MS))


def create(store: Store, session_id: str, who: Login | None = None, **more: Any) -> SessionDocument:
    limits = more.pop("limits", SETTINGS)
    return store.run(OPERATIONS.create(session_id, who or login(), limits, **more))


def sessions_of(store: Store, user: str = "ana") -> set[str]:
    return {each.handle for each in store.run(OPERATIONS.devices(user))}


def test_what_was_stored_is_read(store: Store) -> None:
    before = int(time.time() * 1000)
    made = create(store, "one")
    found = get(store, "one")
    assert found == made
    assert Login.model_validate(made.model_dump()) == login()
    assert before - 1000 <= made.created_at_ms <= time.time() * 1000 + 1000
    assert made.ends_at_ms - made.created_at_ms == 30 * 24 * 3600 * 1000
    assert get(store, "other") is None


def test_an_id_is_kept_only_as_its_hash(store: Store, redis: Redis) -> None:
    create(store, "the-id-itself", family="fam")
    keys: Any = redis.keys("*")
    values = b"".join(redis.dump(key) for key in keys)  # type: ignore[arg-type]
    assert all(key.startswith(ROOT.encode()) for key in keys)
    assert b"the-id-itself" not in values + b"".join(keys)


def test_every_key_runs_out(store: Store, redis: Redis) -> None:
    create(store, "one", family="fam")
    keys: Any = redis.keys("*")
    assert len(keys) == 5
    assert not [key for key in keys if redis.ttl(key) == -1]


def test_a_read_renews_the_sliding_lifetime(store: Store, redis: Redis) -> None:
    create(store, "one", limits=settings(ttl=10))
    assert redis.pttl(f"{ROOT}session:{hashed('one')}") <= 10_000
    get(store, "one")
    assert redis.pttl(f"{ROOT}session:{hashed('one')}") > 80_000_000


def test_a_session_ends_without_activity(store: Store) -> None:
    create(store, "one", limits=settings(ttl=0.05))
    eventually(lambda: not sessions_of(store))
    assert get(store, "one") is None


def test_a_session_ends_however_active_it_is(store: Store, redis: Redis) -> None:
    made = create(store, "one", limits=settings(ttl=60, refresh_ttl=0.2))
    eventually(lambda: store.run(OPERATIONS.get("one", SETTINGS, int(time.time() * 1000))) is None)
    assert redis.exists(f"{ROOT}session:{hashed('one')}")
    assert sessions_of(store) == set()
    assert store.run(OPERATIONS.rotate("one", "two", "{}", SETTINGS)) is None
    assert made.ends_at_ms - made.created_at_ms == 200


def test_a_login_takes_the_place_of_what_was_there(store: Store) -> None:
    create(store, "fixed-by-an-attacker", login("mallory"), family="theirs")
    create(store, "new", replaces="fixed-by-an-attacker")
    assert get(store, "fixed-by-an-attacker") is None
    assert sessions_of(store, "mallory") == set()
    assert sessions_of(store) == {hashed("new")}


def test_a_rotated_session_is_the_same_under_another_id(store: Store) -> None:
    made = create(store, "old")
    moved = store.run(OPERATIONS.rotate("old", "new", '{"role": "teacher"}', SETTINGS))
    assert moved
    kept = {"role": "teacher", "last_activity_ms": moved.last_activity_ms}
    assert moved == made.model_copy(update=kept)
    assert get(store, "old") is None
    assert get(store, "new") == moved
    assert sessions_of(store) == {hashed("new")}
    assert store.run(OPERATIONS.counts())[DeviceType.DESKTOP] == 1


def test_an_id_that_is_none_cannot_be_rotated(store: Store) -> None:
    assert store.run(OPERATIONS.rotate("none", "new", "{}", SETTINGS)) is None
    assert get(store, "new") is None


def test_one_device_is_ended_by_its_handle(store: Store) -> None:
    create(store, "laptop")
    create(store, "phone", login(device_type=DeviceType.MOBILE))
    assert store.run(OPERATIONS.end("ana", hashed("phone")))
    assert sessions_of(store) == {hashed("laptop")}
    assert get(store, "phone") is None
    assert not store.run(OPERATIONS.end("ana", hashed("phone")))


@pytest.mark.parametrize("handle", [hashed("phone"), "fam"])
def test_nobody_ends_the_device_of_another(store: Store, handle: str) -> None:
    create(store, "phone", family="fam")
    assert not store.run(OPERATIONS.end("mallory", handle))
    assert get(store, "phone")


def test_all_sessions_of_a_user_end_at_once(store: Store, redis: Redis) -> None:
    for number in range(2_500):
        create(store, f"{number}", family=f"family-{number}" if number % 2 else "")
    create(store, "another", login("boris"))
    assert store.run(OPERATIONS.end_all("ana")) == 2_500
    assert not any(get(store, f"{number}") for number in range(2_500))
    # Nothing of the user is left, in any index.
    assert redis.dbsize() == 3
    assert store.run(OPERATIONS.counts())[DeviceType.DESKTOP] == 1
    assert get(store, "another")


def test_all_but_the_one_that_asks(store: Store) -> None:
    for each in ("a", "b", "c"):
        create(store, each, family=f"family-{each}")
    assert store.run(OPERATIONS.end_all("ana", besides="b")) == 2
    assert sessions_of(store) == {hashed("b")}
    assert store.run(OPERATIONS.refresh("family-b", 1, "next", SETTINGS)).session
    assert not store.run(OPERATIONS.refresh("family-a", 1, "next", SETTINGS)).session


def test_beyond_the_most_the_least_active_leaves(store: Store) -> None:
    two = settings(most=2)
    create(store, "a", limits=two)
    create(store, "b", limits=two)
    eventually(lambda: store.run(OPERATIONS.touch("a", two, every_seconds=0)))
    create(store, "c", limits=two, family="fam")
    assert sessions_of(store) == {hashed("a"), hashed("c")}
    # A lower bound takes effect with the next login.
    create(store, "d", limits=settings(most=1))
    assert sessions_of(store) == {hashed("d")}
    assert get(store, "c") is None
    assert not store.run(OPERATIONS.refresh("fam", 1, "next", SETTINGS)).session


def test_devices_that_have_run_out_count_for_nothing(store: Store) -> None:
    create(store, "short", limits=settings(ttl=0.05))
    create(store, "long", limits=settings(most=2))
    eventually(lambda: sessions_of(store) == {hashed("long")})
    create(store, "other", limits=settings(most=2))
    assert sessions_of(store) == {hashed("long"), hashed("other")}


def test_the_list_of_devices(store: Store) -> None:
    laptop = create(store, "laptop")
    phone = create(store, "phone", login(device_type=DeviceType.MOBILE))
    listed = store.run(OPERATIONS.devices("ana"))
    assert listed == [
        Device(hashed("phone"), phone, phone),
        Device(hashed("laptop"), laptop, laptop),
    ]
    assert store.run(OPERATIONS.devices("nobody")) == []


def test_a_remembered_device_is_listed_beyond_its_session(store: Store) -> None:
    create(store, "one", limits=settings(ttl=0.05), family="fam")
    eventually(lambda: store.run(OPERATIONS.devices("ana")) == [Device("fam", login(), None)])
    assert store.run(OPERATIONS.end("ana", "fam"))
    assert store.run(OPERATIONS.devices("ana")) == []


def test_counts_by_device_type(store: Store) -> None:
    for number, device in enumerate([*DeviceType, DeviceType.MOBILE]):
        create(store, f"{number}", login(f"user-{number}", device_type=device))
    create(store, "short", login(device_type=DeviceType.BOT), limits=settings(ttl=0.05))
    expected = dict.fromkeys(DeviceType, 1) | {DeviceType.MOBILE: 2}
    eventually(lambda: store.run(OPERATIONS.counts()) == expected)


def test_the_indexes_are_renewed_at_most_once_in_a_while(store: Store, redis: Redis) -> None:
    create(store, "one", limits=settings(ttl=60))
    index = f"{ROOT}devices"
    before = redis.zscore(index, hashed("one"))
    assert not store.run(OPERATIONS.touch("one", SETTINGS))
    assert redis.zscore(index, hashed("one")) == before
    eventually(lambda: store.run(OPERATIONS.touch("one", SETTINGS, every_seconds=0.001)))
    after: Any = redis.zscore(index, hashed("one"))
    assert after > (before or 0)
    assert not store.run(OPERATIONS.touch("none", SETTINGS, every_seconds=0.001))


def test_an_index_that_lags_loses_no_session(store: Store) -> None:
    """A pod whose clock is behind never renews an index; who logs out everywhere still ends all."""
    create(store, "one", limits=settings(ttl=0.05))
    get(store, "one")
    eventually(lambda: not store.run(OPERATIONS.counts())[DeviceType.DESKTOP])
    create(store, "two")
    assert sessions_of(store) == {hashed("one"), hashed("two")}
    assert store.run(OPERATIONS.end_all("ana")) == 2
    assert get(store, "one") is None


def test_apps_have_their_own_sessions(store: Store) -> None:
    create(store, "one")
    other = Operations(NAMESPACE, "shop")
    assert store.run(other.get("one", SETTINGS, LONG_AGO_MS)) is None
    assert store.run(other.devices("ana")) == []


def test_a_user_may_have_any_name(store: Store) -> None:
    name = "ana {другой} \n\0 \"'*"
    create(store, "one", login(name))
    found = get(store, "one")
    assert found
    assert found.user_id == name
    assert store.run(OPERATIONS.end_all(name)) == 1


async def test_the_same_for_asyncio(redis: Redis, client: Any) -> None:
    redis.script_flush()
    store = AsyncStore(client)
    made = await store.run(OPERATIONS.create("one", login(), SETTINGS))
    assert await store.run(OPERATIONS.get("one", SETTINGS, LONG_AGO_MS)) == made
    assert (await store.run(OPERATIONS.counts()))[DeviceType.DESKTOP] == 1
    assert [each.session for each in await store.run(OPERATIONS.devices("ana"))] == [made]
