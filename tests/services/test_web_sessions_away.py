"""Sessions while Redis is slow or away, or the pod was not told what it needs."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from browsers import Browser
from redis_server import RedisServer
from session_builders import SESSION_KEYS, StartSessionPod
from waiting import eventually, eventually_async
from web_pods import APP, RunningPod, app_document
from web_pods import environment as web_environment
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from workers import NAMESPACE

from osnovci.contract import ENV_REDIS_URL
from osnovci.session_contract import ENV_SESSION_KEYS, sessions_root
from osnovci.sessions.errors import SessionsAwayError
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.settings import SessionSettings
from osnovci.settings import AppSettings
from osnovci.web.limits import WebLimits


@pytest.mark.parametrize("how", ["paused", "gone"])
def test_redis_slow_or_gone(
    start_sessions: StartSessionPod, own_redis_server: RedisServer, how: str
) -> None:
    pod = start_sessions(own_redis_server)
    browser, stranger = Browser(pod.port), Browser(pod.port)
    browser.log_in("ana", remember=True)
    away = own_redis_server.pause if how == "paused" else own_redis_server.stop
    back = own_redis_server.resume if how == "paused" else own_redis_server.start
    away()
    try:
        for _ in range(3):
            assert browser.get("/me") == {
                "error": "sessions cannot be read now; try again in a second"
            }
            assert (browser.status, browser.headers["retry-after"]) == (503, "1")
        # What needs no session is served, with and without a token.
        assert (browser.get("/public"), stranger.get("/public")) == ({"public": True},) * 2
        assert stranger.get("/me") is None
        stranger.log_in("boris")
        assert (stranger.status, stranger.told) == (503, [])
        browser.post("/logout")
        assert (browser.status, browser.told) == (503, [])
    finally:
        back()
    if how == "paused":
        eventually(lambda: browser.get("/me").get("user_id") == "ana")
    else:
        # It had kept nothing: nobody is logged in, and everybody can log in.
        eventually(lambda: browser.get("/me") is None)
    eventually(lambda: browser.log_in().get("session"))
    assert browser.user == "ana"
    assert "Traceback" not in pod.log.read_text()


async def test_a_redis_that_gives_no_answers_is_asked_by_few() -> None:
    """Also where no limit is asked about together with the session, which has a breaker of its own."""
    asked = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        told = {ENV_REDIS_URL: f"redis://127.0.0.1:{port}/0", ENV_SESSION_KEYS: SESSION_KEYS}
        sessions = Sessions(settings=SessionSettings.parse(told))
        for _ in range(50):
            with pytest.raises(SessionsAwayError):
                await sessions.run(sessions.operations.counts())
        await sessions.close()
    # three, and what comes a second later
    assert 3 <= asked < 10


def test_a_redis_that_refuses_is_told_once(
    start_sessions: StartSessionPod, own_redis_server: RedisServer
) -> None:
    pod = start_sessions(own_redis_server)
    browser, other = Browser(pod.port), Browser(pod.port)
    eventually(lambda: browser.log_in("ana").get("session"))
    eventually(lambda: other.log_in("boris").get("session"))
    redis, root = own_redis_server.client, sessions_root(NAMESPACE, APP)
    hashes: Any = redis.zrange(f"{root}user:ana", 0, -1)
    for each in hashes:
        key = f"{root}session:{each.decode()}"
        redis.delete(key)
        redis.rpush(key, "of another type")
    for _ in range(3):
        browser.get("/me")
        assert browser.status == 503
        eventually(lambda: other.get("/me").get("user_id") == "boris")
    log = pod.log.read_text()
    assert log.count("Redis refused what sessions need, get: WRONGTYPE") == 1
    assert "another program has written to a key of Osnovci's" in log


async def test_limits_hear_of_a_redis_that_sessions_ask_in_vain(
    own_redis_server: RedisServer,
) -> None:
    told = web_environment(own_redis_server.url, app_document(), "web-1")
    sessions = Sessions(
        settings=SessionSettings.parse({**told, ENV_SESSION_KEYS: SESSION_KEYS}),
        budget_seconds=0.5,
    )
    limits = WebLimits()
    limits.open(AppSettings.parse(told, "web-1"), sessions)
    get = sessions.operations.get("0" * 43, sessions.limits, sessions.now_ms())
    await sessions.run(get)
    own_redis_server.pause()
    try:
        with pytest.raises(SessionsAwayError):
            await sessions.run(get)
        assert not limits.guard.may_answer_sessions
    finally:
        own_redis_server.resume()

    async def is_back() -> bool:
        with suppress(SessionsAwayError):
            await sessions.run(get)
        return limits.guard.may_answer_sessions

    await eventually_async(is_back)
    await limits.close()


def test_a_websocket_while_redis_is_away(
    start_sessions: StartSessionPod, own_redis_server: RedisServer
) -> None:
    pod = start_sessions(own_redis_server)
    browser = Browser(pod.port)
    browser.log_in()
    own_redis_server.stop()
    cookie = {"Cookie": f"session={browser.cookies['session']}"}
    with (
        pytest.raises(InvalidStatus),
        connect(f"ws://localhost:{pod.port}/echo", additional_headers=cookie),
    ):
        pass


def test_without_keys_it_does_not_start(redis_server: RedisServer, tmp_path: Path) -> None:
    told = web_environment(redis_server.url, app_document(), "web-1")
    pod = RunningPod.start(redis_server.client, tmp_path / "log", told, "session_app:app")
    assert pod.ends() == 2
    assert "OSNOVCI_SESSION_KEYS is not set" in pod.log.read_text()
    assert "Secret osnovci-sessions" in pod.log.read_text()
