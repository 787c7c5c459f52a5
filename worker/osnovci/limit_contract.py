"""Rate limits, as the operator tells them to the pods of an OsnovciApp and hears of them. Pure.

A `PolicyDocument` is a RateLimitPolicy in force on an app; it lies in the app's `AppDocument`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt

from osnovci.contract import Document, key_prefix


class Per(StrEnum):
    """Whose requests a limit counts together."""

    IP = "IP"
    """A client address; IPv6 by /64."""
    USER = "User"
    """The user, or the address of a request without one."""


class FailureMode(StrEnum):
    """What becomes of a request while Redis cannot be asked."""

    OPEN = "Open"
    """Let through, as far as this process alone can count."""
    CLOSED = "Closed"
    """Turned away."""


class Mode(StrEnum):
    """What becomes of a request beyond a limit."""

    ENFORCE = "Enforce"
    DRY_RUN = "DryRun"
    """Counted and reported, and let through."""


class MatchDocument(Document):
    """Requests that a limit is for; all of what is said has to hold."""

    path: str = "/"
    """A prefix of whole segments: `/api` has `/api` and `/api/x`, not `/apis`."""
    methods: tuple[str, ...] = ()
    """In capitals; none is any."""


class LimitDocument(Document):
    """At most `max` requests of one subject within any `window`."""

    name: str
    max: PositiveInt
    window_ms: PositiveInt
    per: Per = Per.IP
    match: tuple[MatchDocument, ...] = ()
    """Any of these; none is every request."""
    failure_mode: FailureMode = FailureMode.OPEN
    exact: bool = False
    """A large limit, too, forgets each request at its own moment; it costs memory."""


class PolicyDocument(Document):
    """The limits of one RateLimitPolicy; all of them that match a request are charged, or none."""

    name: str
    mode: Mode = Mode.ENFORCE
    exempt: tuple[str, ...] = ()
    """CIDRs of clients that are not limited."""
    limits: tuple[LimitDocument, ...]


Cidrs = Annotated[tuple[str, ...], Field(max_length=256)]


class LimiterState(StrEnum):
    """Where an app's process counts."""

    REDIS = "Redis"
    FALLBACK = "Fallback"
    """Redis cannot be asked: each limit's failure mode is in force."""


def window_key(namespace: str, app: str, policy: str, limit: str, subject: str) -> str:
    """Name the key that holds what one subject has used of a limit."""
    return f"{key_prefix(namespace)}limit:{app}:{policy}/{limit}:{subject}"


def denials_key(namespace: str, app: str) -> str:
    """Name the hash of counts: `POLICY/denied`, and `POLICY/wouldDeny` of a policy in DryRun."""
    return f"{key_prefix(namespace)}limits:denials:{app}"


def top_key(namespace: str, app: str, policy: str) -> str:
    """Name the sorted set of those most often denied: `LIMIT SUBJECT` by how often."""
    return f"{key_prefix(namespace)}limits:top:{app}:{policy}"
