"""`osnovci sessions`, as a person runs it."""

from commands import osnovci
from redis import Redis
from redis_server import RedisServer
from session_builders import APP, LONG_AGO_MS, NAMESPACE, OPERATIONS, SETTINGS, login

from osnovci.session_contract import DeviceType
from osnovci.sessions.operations import hashed
from osnovci.sessions.stores import Store


def run(server: RedisServer, *words: str) -> str:
    done = osnovci("sessions", *words, "--redis", server.url, "-n", NAMESPACE)
    assert done.returncode == 0
    return done.stdout


def test_a_user_is_looked_at_and_logged_out(redis: Redis, redis_server: RedisServer) -> None:
    store = Store(redis)
    strange = login(device_type=DeviceType.MOBILE).model_copy(update={"user_agent": "\x1b[31mred"})
    store.run(OPERATIONS.create("laptop", login(), SETTINGS))
    store.run(OPERATIONS.create("phone", strange, SETTINGS))
    store.run(OPERATIONS.create("other", login("boris"), SETTINGS))
    printed = run(redis_server, "devices", APP, "ana")
    heads, phone, laptop = printed.splitlines()
    assert heads.split()[:3] == ["DEVICE", "TYPE", "SINCE"]
    assert phone.split()[:2] == [hashed("phone"), "mobile"]
    assert phone.endswith("?[31mred")
    assert laptop.split()[:2] == [hashed("laptop"), "desktop"]
    assert run(redis_server, "counts", APP).split()[-2:] == ["all", "3"]
    assert run(redis_server, "logout", f"app/{APP}", "ana") == "2 sessions of ana ended\n"
    assert store.run(OPERATIONS.get("laptop", SETTINGS, LONG_AGO_MS)) is None
    assert run(redis_server, "counts", APP).split()[-2:] == ["all", "1"]
    assert len(run(redis_server, "devices", APP, "ana").splitlines()) == 1
