"""What browsers and programs are handed: a JWT for a session, and tokens that renew it.

Both are checked before Redis is asked, so that nothing made up gets there.
A refresh token is `KEY.FAMILY.GENERATION.MAC`. Its successor, and the id of the session that it gives,
follow from it and the keys: who presents it twice at once gets the same, and Redis keeps no secret.
"""

import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt

from osnovci.session_contract import SessionDocument
from osnovci.sessions.keys import KeyRing
from osnovci.sessions.operations import hashed

ALGORITHM = "HS256"
CLAIMS = ["exp", "sub", "sid", "aud"]
TOKEN_MAX_CHARACTERS = 4096
VERIFIED_MAX = 4096
"""So many tokens are known to be ours without another look, each until it ends; about 2 MB."""


class _Short(json.JSONEncoder):
    """Writes letters as they are: escaped, a long name would make a token that no cookie holds."""

    def __init__(self, **told: Any) -> None:
        told["ensure_ascii"] = False
        super().__init__(**told)


@dataclass(frozen=True)
class Identity:
    """Who a request says it is from, by a token that we signed; whether the session lives, Redis knows."""

    user: str
    role: str


@dataclass(frozen=True)
class SessionToken:
    """What a JWT of ours says."""

    session_id: str = field(repr=False)
    identity: Identity
    ends_at: float
    """In the seconds of Unix."""

    @cached_property
    def handle(self) -> str:
        """What Redis keeps of the id."""
        return hashed(self.session_id)


@dataclass(frozen=True)
class RefreshToken:
    """What a refresh token of ours says."""

    key: str
    family: str
    generation: int


def new_id() -> str:
    """Give an id that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_family() -> str:
    """Give the id of a family of refresh tokens; no secret."""
    return secrets.token_urlsafe(16)


class Tokens:
    """Signs and reads the tokens of one app."""

    def __init__(self, keys: KeyRing, namespace: str, app: str) -> None:
        self._keys = keys
        self._audience = f"{namespace}/{app}"
        # Checking a signature takes longer than all else that is done to a request.
        self._verified: dict[str, SessionToken] = {}

    def session_token(self, session_id: str, session: SessionDocument) -> str:
        """Sign the JWT of a session; it is valid until the session ends at the latest."""
        claims = {
            "sub": session.user_id,
            "sid": session_id,
            "role": session.role,
            "aud": self._audience,
            "iat": session.created_at_ms // 1000,
            "exp": session.ends_at_ms // 1000 + 1,
        }
        key = self._keys.signing
        secret = self._keys.secrets[key]
        return jwt.encode(claims, secret, ALGORITHM, headers={"kid": key}, json_encoder=_Short)

    def read_session_token(self, token: str) -> SessionToken | None:
        """Read a JWT; nothing where it is none of ours, or its time is over."""
        if found := self._verified.get(token):
            if time.time() < found.ends_at:
                return found
            del self._verified[token]
        if len(token) > TOKEN_MAX_CHARACTERS:
            return None
        try:
            secret = self._keys.secrets.get(jwt.get_unverified_header(token).get("kid", ""))
            if secret is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                # Its beginning is Redis's time, which may be ahead of this clock.
                options={"require": CLAIMS, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, TypeError):
            return None
        identity = Identity(claims["sub"], claims.get("role", ""))
        presented = self._verified[token] = SessionToken(claims["sid"], identity, claims["exp"])
        if len(self._verified) > VERIFIED_MAX:
            del self._verified[next(iter(self._verified))]
        return presented

    def refresh_token(self, family: str, generation: int) -> str:
        """Sign the token of a generation."""
        key = self._keys.signing
        return f"{key}.{family}.{generation}.{self._mac('refresh', key, family, generation)}"

    def read_refresh_token(self, token: str) -> RefreshToken | None:
        """Read a refresh token; nothing where it is none of ours."""
        key, _, rest = token[:TOKEN_MAX_CHARACTERS].partition(".")
        family, _, rest = rest.partition(".")
        generation, _, mac = rest.partition(".")
        if key not in self._keys.secrets or not (generation.isascii() and generation.isdecimal()):
            return None
        number = int(generation[:15])
        expected = self._mac("refresh", key, family, number)
        if not hmac.compare_digest(expected.encode(), mac.encode(errors="replace")):
            return None
        return RefreshToken(key, family, number)

    def successor_id(self, token: RefreshToken) -> str:
        """Give the id of the session that a refresh token gives: the same each time."""
        return self._mac("session", token.key, token.family, token.generation)

    def _mac(self, purpose: str, key: str, family: str, generation: int) -> str:
        return self._keys.mac(key, purpose, self._audience, family, str(generation))
