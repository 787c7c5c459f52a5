"""Logging in to the example and out of it, its devices and limits, as programs and sockets see them."""

from collections.abc import Iterator

import pytest
from browsers import FIREFOX, IPHONE, Browser
from homework.accounts import TEACHER, demo_password
from homework_site import Site, site
from postgres_server import PostgresServer
from redis import Redis
from redis_server import RedisServer
from web_pods import APP, app_document
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from workers import NAMESPACE

from osnovci.limit_contract import LimitDocument, MatchDocument, Per, PolicyDocument
from osnovci.session_contract import sessions_root

API = LimitDocument(
    name="api", max=60, window_ms=60_000, per=Per.USER, match=(MatchDocument(path="/api"),)
)
LOGIN = "/api/auth/login"


@pytest.fixture(scope="module")
def served(
    redis_server: RedisServer,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("homework")
    document = app_document(
        policies=(PolicyDocument(name="homework-limits", limits=(API,)),),
        trusted_proxies=("127.0.0.0/8",),
    )
    with site(redis_server.client, redis_server.url, postgres_server, folder, document) as served:
        yield served


@pytest.fixture
def port(redis: Redis, served: Site) -> int:
    """Of the application, with nobody logged in."""
    assert redis is served.redis
    return served.pod.port


def log_in(
    port: int, name: str = "student-1", *, agent: str = FIREFOX, remember: bool = False
) -> Browser:
    browser = Browser(port, agent)
    given = {"name": name, "password": demo_password(name), "remember": remember}
    assert browser.post(LOGIN, given)["user"]["id"] == name
    return browser


def test_who_logs_in_is_known_until_logging_out(port: int) -> None:
    browser = log_in(port)
    assert browser.get("/api/auth/me")["user"] == {
        "id": "student-1",
        "email": "student-1@osnovci.app",
        "role": "pupil",
    }
    kept = dict(browser.cookies)
    browser.ask("DELETE", "/api/auth/session")
    assert browser.cookies == {}
    browser.cookies = kept
    assert browser.get("/api/auth/me") == {"user": None}


def test_what_is_ones_own_needs_a_session(port: int) -> None:
    browser = Browser(port)
    for method, path in (
        ("GET", "/api/homework"),
        ("POST", "/api/homework"),
        ("PATCH", "/api/homework/1"),
        ("POST", "/api/reports"),
        ("GET", "/api/reports/x"),
        ("GET", "/api/reports/newest.pdf"),
        ("GET", "/api/auth/devices"),
        ("DELETE", "/api/auth/devices/x"),
        ("DELETE", "/api/auth/sessions"),
        ("GET", "/api/rate-limit-status"),
    ):
        assert "log" in browser.ask(method, path)["error"]
        assert browser.status == 401
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{port}/ws")
    assert refusal.value.response.status_code == 401


@pytest.mark.parametrize("name", ["student-1", "student-99", "teacher", "", "x' OR 'a'='a"])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(port: int, name: str) -> None:
    browser = Browser(port)
    answer = browser.post(LOGIN, {"name": name, "password": "guessed"})
    assert (browser.status, answer) == (401, {"error": "the name or the password is wrong"})
    assert browser.cookies == {}


def test_the_teacher_has_no_homework_and_sees_everyones_limits(port: int) -> None:
    log_in(port).get("/api/homework")
    teacher, pupil = log_in(port, TEACHER), log_in(port, "student-2")
    assert teacher.get("/api/homework")["error"] == "teacher is no pupil, and has no homework"
    assert teacher.status == 403
    status = "/api/rate-limit-status?userId=student-1"
    [api] = teacher.get(status)["limits"]
    assert (api["limit"], api["remaining"]) == ("api", 59)
    pupil.get(status)
    assert pupil.status == 403
    assert pupil.get("/api/rate-limit-status")["userId"] == "student-2"


def test_a_token_of_a_session_that_has_ended_is_nobodys(port: int, redis: Redis) -> None:
    teacher = log_in(port, TEACHER)
    stolen = Browser(port, cookies=dict(teacher.cookies))
    teacher.ask("DELETE", "/api/auth/sessions")
    redis.delete(*redis.scan_iter("*:limit:*"))
    # The very first of it: its process has not heard yet that the session is gone.
    assert "log in" in stolen.get("/api/rate-limit-status?userId=student-1")["error"]
    assert stolen.status == 401
    [counted] = redis.scan_iter("*:limit:*")
    assert counted.endswith(b":127.0.0.1")


def test_limits_count_by_user_from_wherever(port: int) -> None:
    one, other = log_in(port), log_in(port, agent=IPHONE)
    for browser, remaining in ((one, "59"), (other, "58"), (log_in(port, "student-2"), "59")):
        browser.get("/api/homework")
        assert browser.headers["x-ratelimit-remaining"] == remaining


def test_ten_failures_close_an_account_for_a_while_and_no_other(port: int) -> None:
    for _ in range(10):
        assert Browser(port).post(LOGIN, {"name": "student-3", "password": "guessed"})
    browser = Browser(port)
    given = {"name": "student-3", "password": demo_password("student-3")}
    assert "at most 10 in 15m" in browser.post(LOGIN, given)["error"]
    assert browser.status == 429
    log_in(port, "student-4")


def test_a_login_that_succeeds_is_no_failure_and_ends_none(port: int) -> None:
    def guess() -> int:
        browser = Browser(port)
        browser.post(LOGIN, {"name": "student-5", "password": "guessed"})
        return browser.status

    assert [guess() for _ in range(9)] == [401] * 9
    for _ in range(3):
        log_in(port, "student-5")
    assert [guess(), guess()] == [401, 429]


def test_a_right_password_is_no_failure_where_no_session_can_begin(port: int, redis: Redis) -> None:
    index = f"{sessions_root(NAMESPACE, APP)}user:student-6"
    redis.rpush(index, "of another type")
    given = {"name": "student-6", "password": demo_password("student-6")}
    for _ in range(11):
        browser = Browser(port)
        browser.post(LOGIN, given)
        assert browser.status == 503
    redis.delete(index)
    log_in(port, "student-6")


@pytest.mark.parametrize(
    "kind",
    ["text/plain; charset=UTF-8", "application/x-www-form-urlencoded", "Multipart/Form-Data"],
)
def test_no_form_of_another_site_logs_a_visitor_in(port: int, kind: str) -> None:
    browser = Browser(port)
    given = {"name": "student-1", "password": demo_password("student-1")}
    told = browser.post(LOGIN, given, **{"Content-Type": kind})
    assert (browser.status, browser.told) == (415, [])
    assert "send JSON" in told["error"]


def test_who_is_remembered_is_logged_in_again(port: int) -> None:
    browser = log_in(port, remember=True)
    assert set(browser.cookies) == {"session", "refresh"}
    del browser.cookies["session"]
    assert browser.get("/api/auth/me")["user"]["id"] == "student-1"
    assert "refresh" not in log_in(port).cookies


def test_devices_are_listed_and_ended_one_by_one_or_all(port: int) -> None:
    laptop, phone, tablet = (log_in(port, agent=each) for each in (FIREFOX, IPHONE, "curl/8"))
    stranger = log_in(port, "student-2")
    devices = laptop.get("/api/auth/devices", X_Forwarded_For="203.0.113.7")["devices"]
    assert {each["type"] for each in devices} >= {"desktop", "mobile"}
    [here] = [each for each in devices if each["here"]]
    assert (here["agent"], here["address"], here["remembered"]) == (FIREFOX, "127.0.0.1", False)
    [mobile] = [each for each in devices if each["type"] == "mobile"]
    stranger.ask("DELETE", f"/api/auth/devices/{mobile['handle']}")
    assert stranger.status == 404
    assert phone.get("/api/auth/me")["user"]
    laptop.ask("DELETE", f"/api/auth/devices/{mobile['handle']}")
    assert phone.get("/api/auth/me") == {"user": None}
    assert laptop.ask("DELETE", "/api/auth/sessions?stay=here") == {"ended": 1}
    assert tablet.get("/api/auth/me") == {"user": None}
    assert laptop.ask("DELETE", "/api/auth/sessions") == {"ended": 1}
    assert laptop.get("/api/auth/me") == {"user": None}
    assert stranger.get("/api/auth/me")["user"]


def test_the_address_of_a_device_is_the_clients_not_the_proxys(port: int) -> None:
    browser = Browser(port)
    given = {"name": "student-1", "password": demo_password("student-1")}
    browser.post(LOGIN, given, **{"X-Forwarded-For": "203.0.113.7"})
    [device] = browser.get("/api/auth/devices")["devices"]
    assert device["address"] == "203.0.113.7"


def test_a_socket_ends_with_its_session_and_not_with_another(port: int, served: Site) -> None:
    browser, phone = log_in(port), log_in(port, agent=IPHONE)

    def socket(of: Browser) -> ClientConnection:
        cookie = f"session={of.cookies['session']}"
        return connect(f"ws://127.0.0.1:{port}/ws", additional_headers={"Cookie": cookie})

    insert = "INSERT INTO notification (student, message) VALUES ('student-1', 'news')"
    with socket(browser) as mine, socket(phone) as other:
        browser.ask("DELETE", "/api/auth/sessions?stay=here")
        with pytest.raises(ConnectionClosed) as closed:
            other.recv(timeout=15)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1008
        served.database.sql(insert)
        served.redis.publish("homework:notified", '["student-1"]')
        assert "news" in str(mine.recv(timeout=15))
    served.database.sql("DELETE FROM notification")


def test_passwords_are_kept_as_hashes_alone(served: Site) -> None:
    hashes = served.database.sql("SELECT password_hash FROM account").split()
    assert len(set(hashes)) == 21
    assert all(each.startswith("$argon2id$") for each in hashes)
