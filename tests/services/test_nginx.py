"""The nginx in front of an app, with the operator's config: the real one, before real servers."""

import json
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from names import Names
from nginx import Nginx, answered
from upstream import Upstream
from waiting import eventually
from web_pods import StartPod
from websockets.sync.client import connect
from workers import free_port

pytestmark = pytest.mark.more_programs
FIRST, SECOND, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
Balance = Callable[..., Nginx]


@pytest.fixture
def names() -> Iterator[Names]:
    server = Names(free_port(), FIRST, SECOND)
    yield server
    server.close()


@pytest.fixture
def servers(names: Names) -> Iterator[dict[str, Upstream]]:
    started = {each: Upstream(each, names.servers_port) for each in (FIRST, SECOND, THIRD)}
    yield started
    for each in started.values():
        each.kill()


@pytest.fixture
def balance(names: Names, tmp_path: Path) -> Iterator[Balance]:
    """Start an nginx before the servers; it ends with the test."""
    running: list[Nginx] = []

    def start(*, sticky: bool = False) -> Nginx:
        running.append(Nginx(names, tmp_path, sticky=sticky))
        eventually(lambda: running[-1].ask("/").status == 200)
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def balanced(balance: Balance, servers: dict[str, Upstream]) -> Nginx:
    assert servers
    return balance()


def told(nginx: Nginx, path: str = "/", **request: Any) -> dict[str, Any]:
    answer = nginx.ask(path, **request)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def who(nginx: Nginx, **request: Any) -> str:
    return told(nginx, **request)["server"]


@contextmanager
def one_held(
    nginx: Nginx, servers: dict[str, Upstream]
) -> Generator[tuple[Future[dict[str, Any]], str]]:
    """Have a request wait for its answer until the end of the block; give it, and where it is."""
    with ThreadPoolExecutor() as clients:
        held = clients.submit(told, nginx, "/wait")
        began = {each: clients.submit(servers[each].get, "/waiting") for each in (FIRST, SECOND)}
        eventually(lambda: any(each.done() for each in began.values()))
        try:
            yield held, next(each for each in began if began[each].done())
        finally:
            for path in ("/open", "/wait"):  # The second ends /waiting of the other.
                for each in began:
                    servers[each].get(path)


def test_a_server_learns_who_asked_and_how(balanced: Nginx) -> None:
    plain = told(balanced)["headers"]
    assert plain["host"] == plain["x-forwarded-host"] == f"127.0.0.1:{balanced.port}"
    assert plain["x-real-ip"] == plain["x-forwarded-for"] == "127.0.0.1"
    assert plain["x-forwarded-proto"] == "http"
    assert "upgrade" not in plain
    assert "connection" not in plain
    behind = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    passed_on = told(balanced, headers=behind)["headers"]
    assert passed_on["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert passed_on["x-forwarded-proto"] == "https"
    invented = told(balanced, headers={"X-Forwarded-Proto": "gopher"})["headers"]
    assert invented["x-forwarded-proto"] == "http"


def test_requests_go_where_the_fewest_are(balanced: Nginx, servers: dict[str, Upstream]) -> None:
    assert {who(balanced) for _ in range(20)} == {FIRST, SECOND}
    with one_held(balanced, servers) as (held, busy):
        assert {who(balanced) for _ in range(20)} == {FIRST, SECOND} - {busy}
        assert not held.done()
    assert held.result()["server"] == busy


def test_a_client_stays_with_its_server_if_asked(
    balance: Balance, servers: dict[str, Upstream], names: Names
) -> None:
    nginx = balance(sticky=True)
    first = nginx.ask("/")
    cookie, *attributes = first.headers["set-cookie"].split("; ")
    assert cookie.startswith("server-affinity=")
    assert {each.lower() for each in attributes} >= {"httponly", "path=/", "samesite=lax"}
    mine = json.loads(first.body)["server"]
    kept = {"Cookie": cookie}
    assert {who(nginx, headers=kept) for _ in range(20)} == {mine}
    assert {who(nginx) for _ in range(20)} == {FIRST, SECOND}
    # One that goes gives its clients to the others.
    servers[mine].kill()
    names.addresses.remove(mine)
    (other,) = {FIRST, SECOND} - {mine}
    assert {who(nginx, headers=kept) for _ in range(20)} == {other}


def test_a_websocket_passes(balance: Balance, names: Names, start_pod: StartPod) -> None:
    names.addresses, names.servers_port = ["127.0.0.1"], start_pod().port
    nginx = balance()
    with connect(f"ws://127.0.0.1:{nginx.port}/echo") as websocket:
        websocket.send("a word")
        assert websocket.recv(timeout=30) == "a word"


def test_no_request_fails_when_a_server_is_killed(
    balanced: Nginx, servers: dict[str, Upstream]
) -> None:
    def ask() -> str:
        return who(balanced)

    with ThreadPoolExecutor(8) as clients:
        before = [clients.submit(ask) for _ in range(200)]
        eventually(before[50].done)
        servers[FIRST].kill()
        after = [clients.submit(ask) for _ in range(200)]
        served = [each.result() for each in (*before, *after)]
    assert {FIRST, SECOND} == set(served)
    # The name still has its address. What nobody has begun may be sent elsewhere, POST or not.
    sent = [told(balanced, method="POST", body=b"x" * 100_000) for _ in range(20)]
    assert {(each["server"], each["body"]) for each in sent} == {(SECOND, 100_000)}


def test_servers_that_come_and_go_are_followed(balanced: Nginx, names: Names) -> None:
    names.addresses = [THIRD]
    eventually(lambda: who(balanced) == THIRD)
    eventually(lambda: {who(balanced) for _ in range(20)} == {THIRD})
    names.addresses = [FIRST, THIRD]
    eventually(lambda: {who(balanced) for _ in range(20)} == {FIRST, THIRD})


def test_a_drain_asks_clients_to_leave_and_ends_what_was_begun(
    balanced: Nginx, servers: dict[str, Upstream]
) -> None:
    kept = HTTPConnection("127.0.0.1", balanced.port, timeout=30)
    kept.request("GET", "/")
    assert answered(kept.getresponse()).headers["connection"] == "keep-alive"
    with one_held(balanced, servers) as (held, busy):
        balanced.drain()
        kept.request("POST", "/", body=b"x" * 100_000)
        last = answered(kept.getresponse())
        assert (last.status, last.headers["connection"]) == (200, "close")
        assert json.loads(last.body)["body"] == 100_000
        assert balanced.ask("/teapot").status == 418
        balanced.quit()
        eventually(lambda: _refuses(balanced))
        assert not held.done()
    assert held.result()["server"] == busy
    assert balanced.process.wait(timeout=60) == 0


def test_what_a_server_answers_is_passed_on(balanced: Nginx) -> None:
    """418 is what the config uses of itself."""
    assert balanced.ask("/teapot").status == 418


def test_a_body_that_is_too_large_is_refused(balanced: Nginx) -> None:
    largest = 16 * 2**20
    assert told(balanced, method="POST", body=b"x" * largest)["body"] == largest
    too_large = {"Content-Length": str(largest + 1)}
    assert balanced.ask("/", method="POST", headers=too_large).status == 413


def _refuses(nginx: Nginx) -> bool:
    try:
        nginx.ask("/")
    except ConnectionRefusedError:
        return True
    except (OSError, HTTPException):  # It closes at this moment.
        return False
    return False
