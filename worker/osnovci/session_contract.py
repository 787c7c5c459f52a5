"""Sessions in Redis: the keys of an app's sessions, and the document of one. Pure.

Of an id only its hash is kept: who reads Redis, or a copy of it, can take over no session.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from osnovci.contract import Document, key_prefix

ENV_SESSION_KEYS = "OSNOVCI_SESSION_KEYS"
"""The keys that sign what is handed to browsers: `NAME:SECRET`, the one that signs first."""

SESSIONS_SECRET = "osnovci-sessions"  # noqa: S105  # its name
"""The Secret of a namespace with the signing keys, under the key `keys`. Only pods read it."""

TOUCH_SECONDS = 60.0
"""The indexes and `last_activity_ms` of a session are renewed at most so often."""

GRACE_SECONDS = 10.0
"""So long after a refresh the token before it gives the same successor again: to several tabs, and to who
lost the answer and asks anew, as people do after some seconds without a network."""


class DeviceType(StrEnum):
    """What kind of device a session is on."""

    DESKTOP = "desktop"
    MOBILE = "mobile"
    TABLET = "tablet"
    BOT = "bot"
    OTHER = "other"


class Login(Document):
    """Whose a session is, and from where."""

    user_id: Annotated[str, Field(min_length=1, max_length=256)]
    email: Annotated[str, Field(max_length=320)] = ""
    role: Annotated[str, Field(max_length=64)] = ""
    ip_address: Annotated[str, Field(max_length=64)] = ""
    user_agent: Annotated[str, Field(max_length=512)] = ""
    device_id: Annotated[str, Field(max_length=128)] = ""
    device_type: DeviceType = DeviceType.OTHER


class SessionDocument(Login):
    """One session, as Redis keeps it. Times are those of Redis's clock."""

    created_at_ms: int
    last_activity_ms: int
    """To the minute."""
    ends_at_ms: int
    """It ends here, however active it is."""
    family: str = ""
    """The refresh tokens that renew it, if it is remembered."""


def sessions_root(namespace: str, app: str) -> str:
    """Begin every key of an app's sessions; the scripts get this one, which names their slot.

    After it:
    `session:HASH`     a `SessionDocument`; its TTL is the sliding lifetime
    `user:USER`        sorted set of the HASHes of a user's sessions by their last activity
    `devices`          sorted set of all HASHes by type of device, and then by when they run out
    `family:ID`        hash of a family of refresh tokens: user, generation, rotated_ms, session, login
    `families:USER`    sorted set of the IDs of a user by when they run out
    """
    return f"{key_prefix(namespace)}sessions:{app}:"
