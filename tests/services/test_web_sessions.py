"""Sessions around an application: cookies, bearer tokens, and a Redis that is slow or away."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from browsers import IPHONE, Browser
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from session_builders import SESSION_KEYS, StartSessionPod
from waiting import eventually
from web_pods import APP, RunningPod, app_document
from websockets.sync.client import connect
from workers import NAMESPACE

from osnovci.app_contract import SessionsDocument
from osnovci.config.publish import publish
from osnovci.session_contract import sessions_root

ROOT = sessions_root(NAMESPACE, APP)


pytestmark = pytest.mark.usefixtures("redis")


def pass_by(redis: Redis, user: str = "ana") -> None:
    """Have the sessions of a user run out, as after a night."""
    hashes: Any = redis.zrange(f"{ROOT}user:{user}", 0, -1)
    for each in hashes:
        redis.delete(f"{ROOT}session:{each.decode()[:32]}")


def test_a_browser_logs_in_and_out(session_pod: RunningPod) -> None:
    browser = Browser(session_pod.port)
    assert browser.user is None
    browser.log_in()
    found = browser.get("/me")
    assert (found["user_id"], found["email"], found["role"]) == (
        "ana",
        "ana@example.com",
        "student",
    )
    assert (found["ip_address"], found["device_type"]) == ("127.0.0.1", "desktop")
    stolen = dict(browser.cookies)
    browser.post("/logout")
    assert browser.cookies == {}
    assert Browser(session_pod.port, cookies=stolen).user is None


def test_cookies_are_for_this_host_over_tls_alone(session_pod: RunningPod) -> None:
    browser = Browser(session_pod.port, host="osnovci.app")
    browser.log_in(remember=True)
    session, refresh = browser.told
    assert session.startswith("__Host-session=")
    assert refresh.startswith("__Host-refresh=")
    for each in (session, refresh):
        assert each.endswith("; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Lax")
    browser.log_in()
    session, refresh = browser.told
    # Without "remember me" it ends with the browser.
    assert "Max-Age" not in session
    assert refresh.startswith("__Host-refresh=; Max-Age=0; Path=/;")


def test_on_the_loopback_they_need_no_tls(session_pod: RunningPod) -> None:
    browser = Browser(session_pod.port, host="localhost:8080")
    browser.log_in()
    assert browser.told[0].startswith("session=")
    assert browser.told[0].endswith("; Path=/; HttpOnly; SameSite=Lax")
    # What a page of plain HTTP could have set counts for nothing elsewhere.
    assert Browser(session_pod.port, host="osnovci.app", cookies=dict(browser.cookies)).user is None


def test_an_id_is_never_taken_from_a_visitor(session_pod: RunningPod) -> None:
    attacker = Browser(session_pod.port)
    attacker.log_in("mallory")
    victim = Browser(session_pod.port, cookies=dict(attacker.cookies))
    victim.log_in("ana")
    assert victim.cookies["session"] != attacker.cookies["session"]
    assert (victim.user, attacker.user) == ("ana", None)


def test_more_rights_come_with_another_id(session_pod: RunningPod) -> None:
    browser = Browser(session_pod.port)
    browser.log_in()
    before = Browser(session_pod.port, cookies=dict(browser.cookies))
    browser.post("/promote")
    assert browser.get("/me")["role"] == "teacher"
    assert before.user is None
    assert Browser(session_pod.port).post("/promote") == {"error": "log in"}


def test_a_program_has_a_bearer_token(session_pod: RunningPod) -> None:
    handed = Browser(session_pod.port).log_in("ana", remember=True)
    program = Browser(session_pod.port)
    bearer = {"Authorization": f"Bearer {handed['session']}"}
    assert program.get("/me", **bearer)["user_id"] == "ana"
    renewed = program.post("/refresh", {"refresh": handed["refresh"]})
    assert program.get("/me", Authorization=f"bearer {renewed['session']}")["user_id"] == "ana"
    program.cookies.clear()
    assert program.get("/me", **bearer) is None
    assert Browser(session_pod.port).post("/refresh", {"refresh": "made-up"}) == {"error": "log in"}


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "e30.e30.", "x" * 10_000, "é", '{"alg":"none"}', "...."]
)
def test_a_token_that_is_none_is_no_session(session_pod: RunningPod, token: str) -> None:
    sent = token.encode().decode("latin-1")
    browser = Browser(session_pod.port, cookies={"session": sent, "refresh": sent})
    assert browser.get("/me", Authorization=f"Bearer {sent}") is None
    assert browser.status == 200


def test_who_is_remembered_comes_back(session_pod: RunningPod, redis: Redis) -> None:
    browser, other = Browser(session_pod.port), Browser(session_pod.port)
    browser.log_in("ana", remember=True)
    other.log_in("boris")
    first = browser.cookies["refresh"]
    pass_by(redis)
    pass_by(redis, "boris")
    assert (browser.user, other.user) == ("ana", None)
    assert browser.cookies["refresh"] != first
    assert browser.user == "ana"
    assert browser.told == []


def test_a_session_that_is_gone_is_asked_for_once(session_pod: RunningPod, redis: Redis) -> None:
    browser = Browser(session_pod.port)
    browser.log_in()
    pass_by(redis)
    eventually(lambda: browser.get("/me") is None)
    redis.config_resetstat()
    assert [browser.user for _ in range(5)] == [None] * 5
    assert "cmdstat_getex" not in redis.info("commandstats")
    # The cookie is still there: another tab may just have been given it anew.
    assert browser.cookies["session"]
    browser.log_in()
    assert browser.user == "ana"


def test_an_answer_with_a_session_is_kept_by_no_cache(
    session_pod: RunningPod, redis: Redis
) -> None:
    browser = Browser(session_pod.port)
    browser.log_in(remember=True)
    pass_by(redis)
    assert session_pod.get("/public").headers["cache-control"] == "public, max-age=60"
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    renewed = session_pod.get("/public", host="localhost", cookie=cookies).headers
    assert "session=" in renewed["set-cookie"]
    assert renewed["cache-control"] == "no-store"


def test_many_tabs_come_back_at_once(session_pod: RunningPod, redis: Redis) -> None:
    browser = Browser(session_pod.port)
    browser.log_in("ana", remember=True)
    pass_by(redis)
    tabs = [Browser(session_pod.port, cookies=dict(browser.cookies)) for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        users = list(threads.map(Browser.whom, tabs))
    assert users == ["ana"] * 16
    assert len({tab.cookies["refresh"] for tab in tabs}) == 1
    assert [tab.user for tab in tabs] == ["ana"] * 16


def test_a_stolen_refresh_token_ends_both(session_pod: RunningPod, redis: Redis) -> None:
    browser = Browser(session_pod.port)
    browser.log_in("ana", remember=True)
    thief = Browser(session_pod.port, cookies={"refresh": browser.cookies["refresh"]})
    for _ in range(2):
        pass_by(redis)
        assert browser.user == "ana"
    assert thief.user is None
    assert browser.user is None


def test_devices_are_listed_and_ended(session_pod: RunningPod) -> None:
    laptop, phone = Browser(session_pod.port), Browser(session_pod.port, agent=IPHONE)
    laptop.log_in()
    phone.log_in()
    listed = laptop.get("/devices")
    assert {(each["type"], each["here"]) for each in listed} == {
        ("desktop", True),
        ("mobile", False),
    }
    handle = next(each["handle"] for each in listed if not each["here"])
    mallory = Browser(session_pod.port)
    mallory.log_in("mallory")
    assert mallory.ask("DELETE", f"/devices/{handle}") == {"ended": False}
    assert phone.user == "ana"
    assert laptop.ask("DELETE", f"/devices/{handle}") == {"ended": True}
    assert (laptop.user, phone.user) == ("ana", None)
    assert Browser(session_pod.port).get("/devices") == []


@pytest.mark.parametrize(("stay", "user"), [("no", None), ("yes", "ana")])
def test_logging_out_everywhere(
    session_pod: RunningPod, redis: Redis, stay: str, user: str | None
) -> None:
    browsers = [Browser(session_pod.port) for _ in range(3)]
    for each in browsers:
        each.log_in("ana", remember=True)
    ended = browsers[0].post(f"/logout-everywhere?stay={stay}")
    assert ended == {"ended": 2 if user else 3}
    assert [each.user for each in browsers] == [user, None, None]
    pass_by(redis)
    assert [each.user for each in browsers] == [user, None, None]


def test_a_websocket_has_its_session(session_pod: RunningPod) -> None:
    browser = Browser(session_pod.port)
    browser.log_in()
    url = f"ws://localhost:{session_pod.port}/echo"
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with connect(url, additional_headers={"Cookie": cookie}) as socket:
        assert socket.recv() == "ana"
    with connect(url) as socket:
        assert socket.recv() == "nobody"


def test_a_key_is_changed_while_sessions_live(
    start_sessions: StartSessionPod, redis: Redis, redis_server: RedisServer
) -> None:
    new = "two:" + "2" * 32
    steps = (SESSION_KEYS, f"{SESSION_KEYS} {new}", f"{new},{SESSION_KEYS}", new)
    before, known, signs, alone = (
        start_sessions(redis_server, keys=keys, pod=f"web-{number}")
        for number, keys in enumerate(steps)
    )
    browser = Browser(before.port)
    browser.log_in("ana", remember=True)
    old = dict(browser.cookies)
    for pod in (known, signs):
        browser.port = pod.port
        assert browser.user == "ana"
    pass_by(redis)
    assert browser.user == "ana"
    browser.port = known.port
    assert browser.user == "ana"
    browser.port = alone.port
    assert browser.user == "ana"
    assert Browser(alone.port, cookies=old).user is None


async def test_a_shorter_lifetime_is_one_for_the_counts_too(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis, client: AsyncRedis
) -> None:
    pod = start_sessions(redis_server, pod="web-short")
    browser = Browser(pod.port)
    browser.log_in()
    sessions = SessionsDocument(ttl_seconds=60)
    await publish(client, NAMESPACE, app_document().model_copy(update={"sessions": sessions}))
    eventually(lambda: pod.revision == 1)
    assert browser.user == "ana"
    counted: Any = redis.zrange(f"{ROOT}devices", 0, -1, withscores=True)
    [(_, score)] = counted
    [key] = redis.scan_iter(f"{ROOT}session:*")
    runs_out: Any = redis.execute_command("PEXPIRETIME", key)
    # Above it is the type of device.
    assert score % 2**43 < runs_out + 1_000


async def test_lifetimes_change_while_it_runs(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis, client: AsyncRedis
) -> None:
    pod = start_sessions(redis_server, pod="web-hot")
    browsers = [Browser(pod.port) for _ in range(3)]
    for each in browsers:
        each.log_in()
    document = app_document().model_copy(
        update={"sessions": SessionsDocument(ttl_seconds=60, max_per_user=1)}
    )
    await publish(client, NAMESPACE, document)
    eventually(lambda: pod.revision == 1)
    assert browsers[0].user == "ana"
    left = [redis.ttl(key) for key in redis.scan_iter(f"{ROOT}session:*")]
    assert [seconds <= 60 for seconds in left].count(True) == 1  # type: ignore[operator]
    browsers[2].log_in()
    assert [each.user for each in browsers] == [None, None, "ana"]
