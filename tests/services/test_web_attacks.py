"""What a hostile or broken client sends to sessions and limits, on a real pod."""

import socket
from contextlib import suppress
from typing import Any

import pytest
from browsers import Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis_server import RedisServer
from session_builders import StartSessionPod
from waiting import eventually
from web_pods import RunningPod, app_document

from osnovci.app_contract import AppDocument
from osnovci.limit_contract import LimitDocument, MatchDocument, Per, PolicyDocument

DAY_MS = 24 * 3600 * 1000


def under(*limits: LimitDocument, proxies: tuple[str, ...] = ()) -> AppDocument:
    policies = (PolicyDocument(name="limits", limits=limits),)
    return app_document(policies=policies, trusted_proxies=proxies)


def limit(
    name: str, path: str, most: int = 1, window_ms: int = 60_000, **told: Any
) -> LimitDocument:
    match = (MatchDocument(path=path),)
    return LimitDocument(name=name, max=most, window_ms=window_ms, match=match, **told)


def answer(pod: RunningPod, *fields: bytes, path: bytes = b"/me", method: bytes = b"GET") -> bytes:
    """Send header fields as they are, byte by byte; give all that comes back."""
    head = b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: localhost", *fields])
    with socket.create_connection(("127.0.0.1", pod.port), timeout=10) as connection:
        connection.sendall(head + b"\r\nConnection: close\r\n\r\n")
        found = b""
        while more := connection.recv(65_536):
            found += more
    return found


def is_ana(found: bytes) -> bool:
    assert found.startswith(b"HTTP/1.1 200 "), found[:200]
    return b'"user_id":"ana"' in found


@pytest.fixture
def token(session_pod: RunningPod, redis: Redis) -> bytes:
    assert redis
    return Browser(session_pod.port).log_in()["session"].encode()


@pytest.mark.parametrize(
    ("cookies", "yes"),
    [
        ([b"session=%s"], True),
        ([b" ;;; = ;session=%s;;="], True),
        ([b"a=\xff\xfe\x80; session=%s; \xd1\x98=\xd0\xbe"], True),
        ([b"$Version=1; session=%s; $Path=/"], True),
        ([b"a=b", b"session=%s"], True),  # as HTTP/2 splits them
        ([b"session=%s; session=x"], True),  # the first is the one of the longer path
        ([b"session=x; session=%s"], False),
        ([b"session=x", b"session=%s"], False),
        ([b'session="%s"'], False),
        ([b"Session=%s"], False),
        ([b"session%%3D%s"], False),
        ([b"session= %s"], True),
        ([b"\xa0session=%s"], False),  # a space to Python, and another name to a browser
        ([b"\x85session=%s"], False),
        ([b"__Host-session=%s"], False),  # by plain HTTP it has another name
        ([b"; ".join([b"a=b"] * 12_000) + b"; session=%s"], True),
        ([b"session=" + b"x" * 60_000], False),
    ],
)
def test_cookies_of_all_kinds(
    session_pod: RunningPod,
    token: bytes,
    cookies: list[bytes],
    yes: bool,  # noqa: FBT001  # a column of the table
) -> None:
    sent = [b"Cookie: " + each.replace(b"%s", token).replace(b"%%", b"%") for each in cookies]
    assert is_ana(answer(session_pod, *sent)) == yes
    assert session_pod.get("/public").status == 200


CHUNKED = b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /public HTTP/1.1\r\nCookie: ",
        b"GET /public?",
        CHUNKED + b'e\r\n{"user":"ana"}\r\n0\r\nTrailer: ',
        CHUNKED + b"e; extension=",
    ],
)
def test_a_head_without_an_end_is_not_kept(session_pod: RunningPod, begun: bytes) -> None:
    def served() -> bytes:
        with socket.create_connection(("127.0.0.1", session_pod.port), timeout=10) as connection:
            connection.sendall(begun)
            for _ in range(64):
                connection.sendall(b"a=b;" * 16_384)
            connection.sendall(b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(65_536)

    # or it hung up amid what it was told
    with suppress(BrokenPipeError, ConnectionResetError):
        assert served().startswith(b"HTTP/1.1 400 ")
    assert session_pod.get("/public").status == 200


def test_a_long_body_is_no_head(session_pod: RunningPod) -> None:
    body = b'{"user":"ana","more":"' + b"x" * 1_000_000 + b'"}'
    length = b"Content-Length: %d" % len(body)
    with socket.create_connection(("127.0.0.1", session_pod.port), timeout=10) as connection:
        for _ in range(3):
            # in pieces that end anywhere, with the next request behind it
            connection.sendall(b"POST /login HTTP/1.1\r\nHost: localho")
            connection.sendall(b"st\r\n" + length + b"\r\n\r\n" + body)
        found = b""
        while found.count(b"HTTP/1.1 200 OK") < 3:
            more = connection.recv(65_536)
            assert more, found[-200:]
            found += more


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=st.binary(max_size=200).map(lambda raw: raw.translate(None, b"\r\n\0")))
def test_no_cookie_field_breaks_a_request_or_makes_a_session(
    session_pod: RunningPod, junk: bytes
) -> None:
    found = answer(session_pod, b"Cookie: " + junk, b"Authorization: Bearer " + junk)
    # The server refuses control characters itself.
    assert found.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), found[:200]
    assert b"user_id" not in found


@pytest.mark.parametrize(
    "user",
    ["јована", "ana\r\nSet-Cookie: x=y", "🦊" * 256, "a:b", "*", "{x}", " ana ", "\0", '"', "."],
)
def test_a_name_in_any_script_is_one_user(session_pod: RunningPod, redis: Redis, user: str) -> None:
    assert redis
    own, ana = Browser(session_pod.port), Browser(session_pod.port)
    own.log_in(user, remember=True)
    ana.log_in("ana")
    assert "x" not in own.cookies
    assert own.user == user
    assert [each["here"] for each in own.get("/devices")] == [True]
    del own.cookies["session"]
    assert own.user == user
    assert own.post("/logout-everywhere") == {"ended": 1}
    assert (own.user, ana.user) == (None, "ana")


def test_who_loses_the_answer_of_a_refresh_asks_again(
    session_pod: RunningPod, redis: Redis
) -> None:
    browser = Browser(session_pod.port)
    browser.log_in(remember=True)
    del browser.cookies["session"]
    lost = [Browser(session_pod.port, cookies=dict(browser.cookies)) for _ in range(3)]
    assert [each.user for each in (*lost, browser)] == ["ana"] * 4
    assert len({each.cookies["refresh"] for each in (*lost, browser)}) == 1
    # and it goes on with what it got
    del browser.cookies["session"]
    assert browser.user == "ana"
    assert len(list(redis.scan_iter("*:session:*"))) == 1


def test_limits_of_one_request_in_a_second_and_in_a_month(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    document = under(
        limit("second", "/public", window_ms=1_000), limit("month", "/me", window_ms=30 * DAY_MS)
    )
    browser = Browser(start_sessions(redis_server, document, pod="web-one").port)

    def statuses(path: str) -> list[int]:
        found: list[int] = []
        for _ in range(2):
            browser.get(path)
            found.append(browser.status)
        return found

    assert statuses("/me") == [200, 429]
    assert 29 * 86400 < int(browser.headers["retry-after"]) <= 30 * 86400
    eventually(lambda: statuses("/public") == [200, 429])
    assert browser.headers["retry-after"] == "1"
    eventually(lambda: statuses("/public")[0] == 200)


def test_an_address_is_none_of_the_clients_invention(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    document = under(limit("one", "/public"), proxies=("127.0.0.0/8", "10.0.0.0/8"))
    pod = start_sessions(redis_server, document, pod="web-proxied")
    forged = b"X-Forwarded-For: " + b", ".join(b"10.0.%d.%d" % divmod(n, 250) for n in range(3_000))
    seen_by_proxy = b"X-Forwarded-For: 198.51.100.7, 10.1.1.1"

    def status(*fields: bytes) -> int:
        return int(answer(pod, *fields, path=b"/public").split(b" ", 2)[1])

    assert status(seen_by_proxy) == 200
    for spoof in (
        [seen_by_proxy],
        [forged, seen_by_proxy],
        [b"X-Forwarded-For: 9.9.9.9", seen_by_proxy],
        [b"X-Forwarded-For: ::ffff:198.51.100.7"],
        [b"X-Forwarded-For: \xff\xfe, 198.51.100.7:80"],
        [b"X-Forwarded-For: [::ffff:c633:6407]:443"],
        [b"x-forwarded-for: 198.51.100.7", b"Forwarded: for=9.9.9.9", b"X-Real-IP: 9.9.9.9"],
    ):
        assert status(*spoof) == 429, spoof
    assert status(b"X-Forwarded-For: 198.51.100.8") == 200


def test_a_session_has_the_address_that_a_trusted_proxy_saw(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    trusting = under(limit("one", "/devices"), proxies=("127.0.0.0/8",))
    for document, seen in ((trusting, "2001:db8::7"), (app_document(), "127.0.0.1")):
        browser = Browser(start_sessions(redis_server, document, pod=f"web-{seen[-1]}").port)
        browser.post("/login", {"user": "ana"}, **{"X-Forwarded-For": "9.9.9.9, 2001:db8::7"})
        assert browser.get("/me")["ip_address"] == seen


def test_head_is_no_way_around_a_limit_of_get(
    start_sessions: StartSessionPod, redis_server: RedisServer, redis: Redis
) -> None:
    assert redis
    match = (MatchDocument(path="/public", methods=("GET",)),)
    document = under(LimitDocument(name="get", max=2, window_ms=60_000, per=Per.IP, match=match))
    pod = start_sessions(redis_server, document, pod="web-head")

    def status(method: bytes) -> int:
        return int(answer(pod, path=b"/public", method=method).split(b" ", 2)[1])

    assert [status(each) for each in (b"HEAD", b"OPTIONS", b"GET", b"HEAD", b"GET")] == [
        200,
        405,
        200,
        429,
        429,
    ]
