"""The session and the limits of a request, asked for together, on a real Redis."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from browsers import Browser
from redis import Redis
from redis_server import RedisServer
from session_builders import StartSessionPod
from waiting import eventually
from web_pods import app_document
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from osnovci.app_contract import AppDocument
from osnovci.limit_contract import FailureMode, LimitDocument, MatchDocument, Per, PolicyDocument

PLENTY = 100_000
STATUS = "/api/rate-limit-status"


def limit(name: str, most: int, path: str = "/", **told: Any) -> LimitDocument:
    return LimitDocument(
        name=name, max=most, window_ms=60_000, match=(MatchDocument(path=path),), **told
    )


def under(*limits: LimitDocument) -> AppDocument:
    return app_document(policies=(PolicyDocument(name="limits", limits=limits),))


THREE = under(
    limit("global", PLENTY), limit("api", 3, "/me", per=Per.USER), limit("exact", 20, exact=True)
)


def statuses(browser: Browser, count: int, path: str = "/me") -> list[int]:
    found: list[int] = []
    for _ in range(count):
        browser.get(path)
        found.append(browser.status)
    return found


def commands(redis: Redis) -> dict[str, int]:
    stats: Any = redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}


def test_both_are_one_command(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    browser = Browser(start_sessions(redis_server, THREE).port)
    browser.log_in()
    redis.config_resetstat()
    assert browser.get("/me")["user_id"] == "ana"
    assert browser.headers["x-ratelimit-remaining"] == "2"
    found = commands(redis)
    assert (found["evalsha"], found["getex"]) == (1, 1)
    assert "get" not in found
    # the sliding lifetime was renewed by it
    [key] = redis.scan_iter("*:session:*")
    assert redis.ttl(key) > 24 * 3600 - 60


def test_an_ended_session_uses_up_nothing_of_its_users(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    pod = start_sessions(redis_server, THREE)
    port = pod.port
    ana, stolen = Browser(port), Browser(port)
    ana.log_in()
    stolen.cookies = dict(ana.cookies)
    ana.post("/logout-everywhere")
    ana.log_in()
    # Its requests are a stranger's.
    assert statuses(stolen, 4) == [200, 200, 200, 429]
    made_up = Browser(port, cookies={"session": ana.cookies["session"][:-2] + "xx"})
    assert statuses(made_up, 1) == [429]
    assert statuses(ana, 5) == [200, 200, 200, 429, 429]
    # Who is denied from memory is not taken for one whose session cannot be read.
    assert "sessions cannot be read" not in pod.log.read_text()


def test_one_sees_ones_own_limits_by_ones_session(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    port = start_sessions(redis_server, THREE).port
    ana, admin, nobody = Browser(port), Browser(port), Browser(port)
    ana.log_in()
    admin.log_in("boris", role="admin")
    statuses(ana, 2)
    [own] = ana.get(STATUS)["limits"]
    assert (own["limit"], own["remaining"]) == ("api", 1)
    assert ana.get(f"{STATUS}?userId=boris")["error"] == "only an admin sees the limits of others"
    assert admin.get(f"{STATUS}?userId=ana")["limits"][0]["remaining"] == 1
    nobody.get(STATUS)
    assert nobody.status == 401
    ended = dict(ana.cookies)
    ana.post("/logout")
    ended_browser = Browser(port, cookies=ended)
    ended_browser.get(STATUS)
    assert ended_browser.status == 401


def test_who_is_denied_is_not_renewed(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    browser = Browser(start_sessions(redis_server, under(limit("me", 1, "/me"))).port)
    browser.log_in(remember=True)
    del browser.cookies["session"]
    other = Browser(browser.port)
    assert statuses(other, 1) == [200]
    assert statuses(browser, 1) == [429]
    assert browser.told == []
    browser.get("/devices")
    assert [each.partition("=")[0] for each in browser.told] == ["session", "refresh"]


def test_a_websocket_comes_with_both(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    pod = start_sessions(redis_server, under(limit("echo", 1, "/echo", per=Per.USER)))
    browser = Browser(pod.port)
    browser.log_in()
    cookie = {"Cookie": f"session={browser.cookies['session']}"}
    with connect(f"ws://localhost:{pod.port}/echo", additional_headers=cookie) as socket:
        assert socket.recv() == "ana"
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://localhost:{pod.port}/echo", additional_headers=cookie)
    assert refused.value.response.status_code == 429


def test_a_redis_that_refuses_is_told_of_once(
    start_sessions: StartSessionPod, own_redis_server: RedisServer
) -> None:
    redis = own_redis_server.client
    pod = start_sessions(own_redis_server, under(limit("me", PLENTY, "/me", per=Per.USER)))
    browser = Browser(pod.port)
    eventually(lambda: browser.log_in().get("session"))
    for _ in range(2):
        redis.config_set("min-replicas-to-write", 1)
        assert statuses(browser, 5) == [503] * 5
        redis.config_set("min-replicas-to-write", 0)
        eventually(lambda: statuses(browser, 1) == [200])
    log = pod.log.read_text()
    assert log.count("Redis refused what limits and sessions need: NOREPLICAS") == 1
    assert "Redis has too few replicas for min-replicas-to-write" in log
    assert "sessions cannot be read" not in log


@contextmanager
def traffic(browsers: list[Browser], path: str) -> Generator[list[tuple[int, Any]]]:
    """Have every browser ask on and on; gives what they were answered."""
    over = Event()
    found: list[tuple[int, Any]] = []

    def ask(browser: Browser) -> None:
        while not over.is_set():
            told = browser.get(path)
            found.append((browser.status, told))

    with ThreadPoolExecutor(len(browsers)) as threads:
        asking = [threads.submit(ask, each) for each in browsers]
        try:
            yield found
        finally:
            over.set()
    for each in asking:
        each.result()


def has_all_sessions_of(primary: Redis, replica: Redis) -> bool:
    """Tell whether nobody is logged out where the replica takes over; WAIT asks of its own connection alone."""
    told: Any = replica.info("replication")
    return told["master_link_status"] == "up" and (
        set(replica.scan_iter("*:session:*")) == set(primary.scan_iter("*:session:*"))
    )


def take_over(server: RedisServer, replica: RedisServer) -> None:
    """Have the replica take the place and the address of a primary that died."""
    replica.client.execute_command("REPLICAOF", "NO", "ONE")
    replica.client.config_set("port", server.port)


def test_a_session_is_waited_for_when_limits_have_decided_without_redis(
    start_sessions: StartSessionPod, own_redis_server: RedisServer
) -> None:
    port = start_sessions(own_redis_server, under(limit("global", 20)), module="patient_app").port
    ana, stranger = Browser(port), Browser(port)
    ana.log_in()
    own_redis_server.pause()
    with ThreadPoolExecutor(1) as pool:
        try:
            asked = pool.submit(ana.get, "/me")
            assert stranger.get("/public") == {"public": True}
        finally:
            own_redis_server.resume()
        assert asked.result()["user_id"] == "ana"


def test_limits_that_redis_left_unanswered_keep_nobody_from_a_session(
    start_sessions: StartSessionPod, own_redis_server: RedisServer
) -> None:
    document = under(limit("global", PLENTY), limit("login", PLENTY, "/login"))
    port = start_sessions(own_redis_server, document, module="patient_app").port
    ana, boris, carl, stranger = (Browser(port) for _ in range(4))
    ana.log_in()
    carl.log_in("carl", remember=True)
    del carl.cookies["session"]
    own_redis_server.pause()
    with ThreadPoolExecutor(3) as pool:
        try:
            # The breaker opens.
            assert statuses(stranger, 5, "/public") == [200] * 5
            asked = [
                pool.submit(ana.get, "/me"),
                pool.submit(carl.get, "/me"),
                pool.submit(boris.log_in, "boris"),
            ]
            assert statuses(stranger, 5, "/public") == [200] * 5
        finally:
            own_redis_server.resume()
        of_ana, of_carl, _ = (each.result() for each in asked)
    assert (of_ana["user_id"], of_carl["user_id"], boris.user) == ("ana", "carl", "boris")


def resume(server: RedisServer, replica: RedisServer) -> None:
    del replica
    server.resume()


@pytest.mark.parametrize(
    ("break_", "mend"), [(RedisServer.kill, take_over), (RedisServer.pause, resume)]
)
def test_redis_in_trouble_in_mid_traffic(
    start_sessions: StartSessionPod,
    own_redis_server: RedisServer,
    tmp_path: Path,
    break_: Callable[[RedisServer], None],
    mend: Callable[[RedisServer, RedisServer], None],
) -> None:
    server = own_redis_server
    (tmp_path / "replica").mkdir()
    replica = RedisServer(tmp_path / "replica")
    replica.start()
    replica.client.execute_command("REPLICAOF", "127.0.0.1", server.port)
    document = under(
        limit("global", PLENTY, per=Per.USER),
        limit("closed", PLENTY, "/devices", failure_mode=FailureMode.CLOSED),
    )
    port = start_sessions(server, document).port
    users = [f"user-{number}" for number in range(4)]
    browsers = [Browser(port) for _ in users]
    for browser, user in zip(browsers, users, strict=True):
        browser.log_in(user)
    closed = Browser(port, cookies=dict(browsers[0].cookies))
    eventually(lambda: has_all_sessions_of(server.client, replica.client))
    try:
        with (
            traffic(browsers, "/me") as of_users,
            traffic([Browser(port)], "/public") as open_to_all,
        ):
            eventually(lambda: len(of_users) > 40 and len(open_to_all) > 10)
            break_(server)
            eventually(lambda: any(status == 503 for status, _ in of_users))
            closed.get("/devices")
            assert closed.status in {200, 503}
            mend(server, replica)
            eventually(lambda: all(status == 200 for status, _ in of_users[-20:]))
            eventually(lambda: statuses(closed, 1, "/devices") == [200])
    finally:
        replica.stop()
    # Nobody was logged out, or taken for somebody else, or denied.
    assert {status for status, _ in of_users} == {200, 503}
    told = {each["user_id"] for status, each in of_users if status == 200}
    assert told == set(users)
    assert {status for status, _ in open_to_all} == {200}
