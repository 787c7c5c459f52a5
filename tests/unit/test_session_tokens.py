"""What browsers are handed: who made it, and what it says."""

import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_builders import login
from waiting import eventually

from osnovci.errors import SettingsError
from osnovci.session_contract import ENV_SESSION_KEYS, DeviceType, SessionDocument
from osnovci.sessions.cookies import PLAIN, SECURE, is_loopback, read
from osnovci.sessions.devices import device_type
from osnovci.sessions.keys import KeyRing
from osnovci.sessions.tokens import Identity, RefreshToken, SessionToken, Tokens, new_id

ONE, TWO = "one:" + "1" * 32, "two:" + "2" * 32
FAR_MS = 4_000_000_000_000


def ring(*keys: str) -> KeyRing:
    return KeyRing.parse({ENV_SESSION_KEYS: " ".join(keys)})


def tokens(*keys: str, app: str = "homework") -> Tokens:
    return Tokens(ring(*keys), "school", app)


def session(ends_at_ms: int = FAR_MS) -> SessionDocument:
    times = {"created_at_ms": 1, "last_activity_ms": 1, "ends_at_ms": ends_at_ms}
    return SessionDocument.model_validate(login("ana", role="teacher").model_dump() | times)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "OSNOVCI_SESSION_KEYS is not set, so sessions cannot be signed; make the Secret"),
        ("secret", "key 1 is none; it should be NAME:SECRET"),
        (f"{ONE} two:short", "key 2 is none"),
        (f"{ONE},{ONE}", "two keys are named 'one'"),
        ("a b:" + "1" * 32, "key 1 is none"),
        ("a.b:" + "1" * 32, "key 1 is none"),
    ],
)
def test_keys_that_are_none(value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        KeyRing.parse({ENV_SESSION_KEYS: value})
    assert sentence in str(raised.value)
    assert "1" * 32 not in str(raised.value)


def test_no_secret_is_shown() -> None:
    assert "1" * 32 not in repr(ring(ONE))
    assert "the-id" not in repr(SessionToken("the-id", Identity("ana", "teacher"), 1.0))


def test_an_id_has_256_bits_and_is_another_each_time() -> None:
    assert len(new_id()) == 43
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_session_token_says_the_id_and_the_user() -> None:
    token = tokens(ONE).session_token("the-id", session())
    found = tokens(ONE).read_session_token(token)
    assert found == SessionToken("the-id", Identity("ana", "teacher"), FAR_MS // 1000 + 1)
    assert jwt.get_unverified_header(token)["kid"] == "one"


@pytest.mark.parametrize("user", ["јована", "ana\r\nx", '";ana=', "\0", "🦊" * 256, '"' * 256])
def test_any_name_comes_back_and_fits_into_a_cookie(user: str) -> None:
    of_user = session().model_copy(update={"user_id": user, "role": "🦊" * 64})
    token = tokens(ONE).session_token(new_id(), of_user)
    found = tokens(ONE).read_session_token(token)
    assert found
    assert found.identity == Identity(user, "🦊" * 64)
    [_, cookie] = SECURE.set(SECURE.session, token, 10**9)
    assert len(cookie) < 4096
    assert b"\n" not in cookie


def test_the_first_key_signs_and_all_count() -> None:
    before, after = tokens(ONE), tokens(TWO, ONE)
    old, new = before.session_token("x", session()), after.session_token("x", session())
    assert after.read_session_token(old)
    assert jwt.get_unverified_header(new)["kid"] == "two"
    assert before.read_session_token(new) is None
    assert tokens(TWO).read_session_token(old) is None
    assert after.read_refresh_token(before.refresh_token("fam", 7)) == RefreshToken("one", "fam", 7)
    assert tokens(TWO).read_refresh_token(before.refresh_token("fam", 7)) is None


def test_a_session_token_ends_with_its_session() -> None:
    token = tokens(ONE).session_token("x", session(ends_at_ms=1))
    assert tokens(ONE).read_session_token(token) is None


def test_a_token_is_for_its_app() -> None:
    shop, school = tokens(ONE, app="shop"), tokens(ONE)
    assert school.read_session_token(shop.session_token("x", session())) is None
    assert school.read_refresh_token(shop.refresh_token("fam", 1)) is None


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_no_other_algorithm_counts(algorithm: str) -> None:
    claims = {"sub": "ana", "sid": "x", "aud": "school/homework", "exp": FAR_MS // 1000}
    secret = None if algorithm == "none" else "1" * 64
    forged = jwt.encode(claims, secret, algorithm, headers={"kid": "one"})  # type: ignore[arg-type]
    assert tokens("one:" + "1" * 64).read_session_token(forged) is None


@pytest.mark.parametrize("missing", ["sub", "sid", "aud", "exp"])
def test_a_token_without_a_claim_is_none(missing: str) -> None:
    claims = {"sub": "ana", "sid": "x", "aud": "school/homework", "exp": FAR_MS // 1000}
    del claims[missing]
    token = jwt.encode(claims, "1" * 32, "HS256", headers={"kid": "one"})
    assert tokens(ONE).read_session_token(token) is None


@given(st.text(max_size=200))
def test_no_text_breaks_a_reader(text: str) -> None:
    assert tokens(ONE).read_session_token(text) is None
    assert tokens(ONE).read_refresh_token(text) is None


@given(st.data())
def test_a_changed_token_is_none_of_ours(data: st.DataObject) -> None:
    right = tokens(ONE).refresh_token("fam", 12)
    at = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.characters().filter(lambda each: each != right[at]))
    found = tokens(ONE).read_refresh_token(right[:at] + other + right[at + 1 :])
    assert found is None


def test_the_session_that_a_token_gives_follows_from_the_token_and_its_key() -> None:
    given_token = RefreshToken("one", "fam", 3)
    assert tokens(ONE).successor_id(given_token) == tokens(TWO, ONE).successor_id(given_token)
    others = {
        tokens(ONE).successor_id(RefreshToken("one", "fam", 4)),
        tokens(ONE).successor_id(RefreshToken("one", "maf", 3)),
        tokens(TWO, ONE).successor_id(RefreshToken("two", "fam", 3)),
        tokens(ONE, app="shop").successor_id(given_token),
    }
    assert len(others | {tokens(ONE).successor_id(given_token)}) == 5


def test_a_token_that_was_good_is_none_when_it_ends() -> None:
    own = tokens(ONE)
    token = own.session_token("the-id", session(ends_at_ms=round(time.time() * 1000) + 1000))
    assert own.read_session_token(token) is own.read_session_token(token)

    def is_over() -> bool:
        return own.read_session_token(token) is None

    eventually(is_over)


def test_cookies_are_read_as_browsers_send_them() -> None:
    assert read("a=1; session=x=y;b ; a=2;c=3") == {"a": "1", "session": "x=y", "b": "", "c": "3"}


def test_a_cookie_that_goes_has_the_attributes_that_it_came_with() -> None:
    for names in (SECURE, PLAIN):
        _, cleared = names.clear(names.session)
        assert cleared.decode() == f"{names.session}=; Max-Age=0{names.attributes}"


@pytest.mark.parametrize(
    ("host", "yes"),
    [
        ("localhost", True),
        ("localhost:8080", True),
        ("127.0.0.1:80", True),
        ("[::1]", True),
        ("[::1]:8080", True),
        ("osnovci.app", False),
        ("localhost.osnovci.app", False),
        ("", False),
        ("[", False),
    ],
)
def test_the_loopback(host: str, yes: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) == yes


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", DeviceType.DESKTOP),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0", DeviceType.DESKTOP),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Safari/605", DeviceType.DESKTOP),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile/15E148", DeviceType.MOBILE),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari", DeviceType.MOBILE),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Safari", DeviceType.TABLET),
        ("Mozilla/5.0 (iPad; CPU OS 17_0) Mobile/15E148", DeviceType.TABLET),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", DeviceType.BOT),
        ("curl/8.5.0", DeviceType.BOT),
        ("", DeviceType.OTHER),
    ],
)
def test_the_kind_of_device(agent: str, kind: DeviceType) -> None:
    assert device_type(agent) == kind
