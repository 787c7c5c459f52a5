"""The keys that sign what browsers are handed. Pure: no I/O, no clock.

The first of them signs, all of them count, so that keys change while tokens of the old one live.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from osnovci.errors import SettingsError
from osnovci.session_contract import ENV_SESSION_KEYS, SESSIONS_SECRET

KEY = re.compile(r"([A-Za-z0-9_-]{1,32}):(\S{32,512})")
SEPARATOR = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class KeyRing:
    """Signing keys by their names; the first signs."""

    secrets: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "KeyRing":
        """Read the keys: `NAME:SECRET`, with spaces or commas between.

        Raises SettingsError, which shows no secret.
        """
        words = [each for each in SEPARATOR.split(environment.get(ENV_SESSION_KEYS, "")) if each]
        if not words:
            raise SettingsError(
                f"{ENV_SESSION_KEYS} is not set, so sessions cannot be signed; make the Secret "
                f"{SESSIONS_SECRET} in the app's namespace with the key `keys`: NAME:SECRET, of 32 "
                "characters or more, such as 1:$(openssl rand -hex 32)"
            )
        found: dict[str, str] = {}
        for number, word in enumerate(words, start=1):
            matched = KEY.fullmatch(word)
            if not matched:
                raise SettingsError(
                    f"{ENV_SESSION_KEYS}: key {number} is none; it should be NAME:SECRET, the name of "
                    "letters, digits, - or _, the secret of 32 to 512 characters"
                )
            name, secret = matched.groups()
            if name in found:
                raise SettingsError(f"{ENV_SESSION_KEYS}: two keys are named {name!r}")
            found[name] = secret
        return cls(found)

    @property
    def signing(self) -> str:
        """Name the key that signs."""
        return next(iter(self.secrets))

    def mac(self, key: str, *parts: str) -> str:
        """Give the 256 bits that only who has the key can tell of these parts."""
        text = "\0".join(parts).encode()
        digest = hmac.new(self.secrets[key].encode(), text, sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
