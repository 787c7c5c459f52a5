"""What is kept of who comes again: by what, for how long, and how much of it."""

from typing import Any

import pytest
from session_builders import APP, NAMESPACE, SESSION_KEYS, login

from osnovci.app_contract import AppDocument
from osnovci.contract import ENV_REDIS_URL
from osnovci.limit_contract import LimitDocument, MatchDocument, Per, PolicyDocument
from osnovci.limits.policies import Policies
from osnovci.session_contract import ENV_SESSION_KEYS, SessionDocument
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.settings import SessionSettings
from osnovci.web import callers as module
from osnovci.web.callers import Asked, Caller, Callers

PEER = "192.0.2.7"
PROXY = "10.0.0.1"
FOR_EVER_MS = 4_000_000_000_000


def limit(name: str, path: str, per: Per = Per.USER) -> LimitDocument:
    return LimitDocument(
        name=name, max=5, window_ms=60_000, per=per, match=(MatchDocument(path=path),)
    )


LIMITS = limit("all", "/", Per.IP), limit("api", "/api")
POLICIES = Policies(
    NAMESPACE,
    AppDocument(
        app=APP,
        policies=(PolicyDocument(name="limits", limits=LIMITS),),
        trusted_proxies=(f"{PROXY}/32",),
    ),
)


@pytest.fixture
def sessions() -> Sessions:
    told = {ENV_REDIS_URL: "redis://127.0.0.1:1/0", ENV_SESSION_KEYS: SESSION_KEYS}
    return Sessions(settings=SessionSettings.parse(told))


@pytest.fixture
def callers(sessions: Sessions) -> Callers:
    return Callers(POLICIES, sessions)


def token(sessions: Sessions, user: str = "ana", ends_at_ms: int = FOR_EVER_MS) -> bytes:
    document = SessionDocument(
        **login(user).model_dump(), created_at_ms=1, last_activity_ms=1, ends_at_ms=ends_at_ms
    )
    return b"Bearer " + sessions.tokens.session_token(f"id of {user}", document).encode()


def find(
    callers: Callers, *headers: tuple[bytes, bytes], peer: str = PEER, user: str | None = None
) -> Caller:
    scope: dict[str, Any] = {"type": "http", "headers": list(headers), "client": (peer, 1)}
    return callers.find(scope, user)


def ask(callers: Callers, caller: Caller, path: str = "/api", user: str | None = None) -> Asked:
    key = user, "GET", path
    return caller.asked.get(key) or callers.ask(caller, key, is_told=user is not None)


def subjects(asked: Asked) -> list[str]:
    return [window.subject for window in asked.question.windows]


def test_who_comes_again_is_known(sessions: Sessions, callers: Callers) -> None:
    ana, boris = (b"authorization", token(sessions)), (b"authorization", token(sessions, "boris"))
    caller = find(callers, ana, (b"accept", b"text/html"))
    assert find(callers, (b"accept", b"image/png"), ana) is caller
    assert subjects(ask(callers, caller)) == [PEER, "user ana"]
    for other in (find(callers, boris), find(callers, ana, peer="192.0.2.8")):
        assert other is not caller
    assert subjects(ask(callers, find(callers, boris))) == [PEER, "user boris"]


def test_paths_that_meet_the_same_limits_are_asked_about_alike(
    sessions: Sessions, callers: Callers
) -> None:
    caller = find(callers, (b"authorization", token(sessions)))
    one = ask(callers, caller, "/api/homework/1")
    assert ask(callers, caller, "/api/homework/2") is one
    assert len(ask(callers, caller, "/").rules) == 1
    for number in range(100):
        assert ask(callers, caller, f"/api/homework/{number}") is one
    assert len(caller.asked) == module.ASKED_KEPT
    before = set(caller.asked)
    ask(callers, caller, "/api/" + "x" * module.PATH_KEPT_CHARACTERS)
    callers.ask(caller, (None, "M" * module.PATH_KEPT_CHARACTERS, "/api"), is_told=False)
    assert set(caller.asked) == before


def test_a_token_that_has_ended_or_is_gone_is_a_strangers(
    sessions: Sessions, callers: Callers
) -> None:
    ana = (b"authorization", token(sessions))
    caller = find(callers, ana)
    assert caller.visitor
    assert caller.visitor.presented
    sessions.gone.note(caller.visitor.presented.handle, sessions.now_ms())
    stranger = find(callers, ana)
    assert stranger.visitor
    assert stranger.visitor.presented is None
    asked = ask(callers, stranger)
    assert (subjects(asked), asked.has_session) == ([PEER, PEER], False)
    # As that of anyone from there without a token.
    assert ask(callers, find(callers, (b"cookie", b"theme=dark"))) is asked
    sessions.gone.forget(caller.visitor.presented.handle)
    assert find(callers, ana) is caller


def test_what_anyone_can_make_up_fills_nothing_that_users_need(
    sessions: Sessions, callers: Callers
) -> None:
    ana = (b"authorization", token(sessions))
    caller = find(callers, ana)
    for number in range(module.CALLERS_KEPT + 10):
        made_up = (b"cookie", b"__Host-session=%d" % number)
        find(callers, made_up, (b"x-forwarded-for", b"2001:db8:%x::1" % number), peer=PROXY)
    assert find(callers, ana) is caller
    long = (b"cookie", b"x" * module.HEADERS_KEPT_BYTES)
    assert find(callers, ana, long) is not find(callers, ana, long)


def test_who_varies_another_cookie_drives_out_nobody_else(
    sessions: Sessions, callers: Callers
) -> None:
    ana, boris = (b"authorization", token(sessions)), (b"authorization", token(sessions, "boris"))
    themes = [(b"cookie", b"theme=%d" % number) for number in range(module.CALLERS_KEPT + 10)]
    caller, *before = (find(callers, each) for each in (ana, boris))
    found = [find(callers, boris, theme) for theme in themes]
    assert find(callers, ana) is caller
    # Boris's own are kept as long as there is room for them.
    assert all(
        find(callers, boris, themes[-n]) is found[-n] for n in range(1, module.SENT_KEPT + 1)
    )
    assert find(callers, boris) not in before


def test_of_more_sessions_than_are_kept_the_first_goes_first(
    monkeypatch: pytest.MonkeyPatch, sessions: Sessions, callers: Callers
) -> None:
    monkeypatch.setattr(module, "CALLERS_KEPT", 4)
    sent = [(b"authorization", token(sessions, f"user-{number}")) for number in range(6)]
    theme = (b"cookie", b"theme=dark")
    first = [find(callers, sent[0]), find(callers, sent[0], theme)]
    for each in sent[1:4]:
        find(callers, each)
    # One of the two has gone, and the other is as it was.
    assert find(callers, sent[0], theme) is first[1]
    assert find(callers, sent[0]) is not first[0]
    kept = [find(callers, each) for each in sent[3:]]
    assert [find(callers, each) for each in sent[3:]] == kept


def test_all_cookies_and_all_addresses_count(sessions: Sessions, callers: Callers) -> None:
    session = b"__Host-session=" + token(sessions).removeprefix(b"Bearer ")
    caller = find(callers, (b"cookie", b"theme=dark"), (b"cookie", session))
    assert subjects(ask(callers, caller)) == [PEER, "user ana"]
    forwarded = [(b"x-forwarded-for", each) for each in (b"203.0.113.9", b"203.0.113.7")]
    behind = find(callers, *forwarded, peer=PROXY)
    assert subjects(ask(callers, behind)) == ["203.0.113.7"] * 2


def test_whose_it_is_the_application_may_say() -> None:
    callers = Callers(POLICIES, None)
    for user in ("ana", "boris", "ana"):
        caller = find(callers, user=user)
        assert subjects(ask(callers, caller, user=user)) == [PEER, f"user {user}"]
