"""Who a request says it is from, before Redis is asked; and what sessions need to be told."""

import gc
from typing import Any
from weakref import ref

import pytest
from session_builders import OPERATIONS, SESSION_KEYS, SETTINGS, login

from osnovci.app_contract import ENV_APP, AppDocument, SessionsDocument
from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL
from osnovci.errors import SettingsError
from osnovci.session_contract import ENV_SESSION_KEYS, SessionDocument
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.settings import SessionSettings
from osnovci.sessions.tokens import Identity
from osnovci.settings import AppSettings
from osnovci.web.asgi import Receive, Scope, Send
from osnovci.web.runtime import WebRuntime

ALONE = {ENV_REDIS_URL: "redis://127.0.0.1:1/0", ENV_SESSION_KEYS: SESSION_KEYS}
IN_A_POD = ALONE | {
    ENV_NAMESPACE: "homework",
    ENV_POD: "homework-1",
    ENV_APP: AppDocument(app="homework", sessions=SETTINGS).model_dump_json(),
}
SESSION = SessionDocument(
    **login("ana", role="teacher").model_dump(),
    created_at_ms=1,
    last_activity_ms=1,
    ends_at_ms=4_000_000_000_000,
)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(settings=SessionSettings.parse(IN_A_POD))


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": list(headers), "client": ("192.0.2.7", 1)}


def test_a_signed_token_tells_whose_request_it_is(sessions: Sessions) -> None:
    token = sessions.tokens.session_token("the-id", SESSION).encode()
    for header in (
        (b"authorization", b"Bearer " + token),
        (b"cookie", b"a=b; __Host-session=" + token),
    ):
        request = scope(header)
        visit = sessions.visit(request)
        assert visit.presented
        assert visit.presented.identity == Identity("ana", "teacher")
        lookup = visit.lookup()
        assert lookup
        assert lookup.command == OPERATIONS.get("the-id", SETTINGS, 0).command


@pytest.mark.parametrize(
    "header",
    [
        (b"host", b"localhost"),
        (b"authorization", b"Basic YTpi"),
        (b"authorization", b"Bearer made.up.token"),
        (b"cookie", b"__Host-session=made.up.token; session=made.up.token"),
    ],
)
def test_without_one_nobody_is_told_and_redis_is_not_asked(
    sessions: Sessions, header: tuple[bytes, bytes]
) -> None:
    request = scope(header)
    assert sessions.visit(request).presented is None
    assert sessions.visit(request).lookup() is None


class Watched(dict[str, Any]):
    """A scope, which can be seen to go; with its session it would be a ring."""


async def test_a_request_that_is_over_leaves_nothing_to_the_garbage_collector(
    sessions: Sessions,
) -> None:
    seen: list[ref[Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        assert scope["osnovci.session"]
        seen.append(ref(scope))

    runtime = WebRuntime(app, sessions=sessions, settings=AppSettings.parse(IN_A_POD, ""))
    gc.disable()
    try:
        await runtime(Watched(scope(), path="/", method="GET"), nothing, nothing)
        [request] = seen
        assert request() is None
    finally:
        gc.enable()


async def nothing(*_: object) -> Any:
    """Be the server's `receive` and `send`."""


def test_lifetimes_are_those_in_force(sessions: Sessions) -> None:
    token = sessions.tokens.session_token("the-id", SESSION).encode()
    sessions.configure(SessionsDocument(ttl_seconds=7))
    lookup = sessions.visit(scope((b"authorization", b"Bearer " + token))).lookup()
    assert lookup
    assert lookup.command[-2:] == ("PX", 7_000)


def test_in_a_pod_and_alone() -> None:
    pod, alone = SessionSettings.parse(IN_A_POD), SessionSettings.parse(ALONE)
    assert (pod.namespace, pod.app, pod.document) == ("homework", "homework", SETTINGS)
    assert (alone.namespace, alone.app, alone.document) == ("local", "app", SessionsDocument())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({ENV_REDIS_URL: ""}, "OSNOVCI_REDIS_URL is not set; sessions are kept in Redis"),
        ({ENV_REDIS_URL: "http://x"}, "OSNOVCI_REDIS_URL must begin with redis://"),
        ({ENV_SESSION_KEYS: ""}, "OSNOVCI_SESSION_KEYS is not set"),
    ],
)
def test_what_is_missing(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        SessionSettings.parse(ALONE | change)
