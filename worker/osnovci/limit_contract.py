"""Rate limits, as the operator tells them to the pods of an OsnovciApp and hears of them. Pure.

A `PolicyDocument` is a RateLimitPolicy in force on an app; it lies in the app's `AppDocument`.
"""

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from osnovci.contract import Document, key_prefix

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
"""Of a limit: it stands in keys and in header fields."""

POLICY_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
"""As Kubernetes has it; it may stand in header fields too."""

MAX = 1_000_000_000
WINDOW_MAX_MS = 30 * 24 * 3600 * 1000
EXACT_MAX = 1_000_000
"""An exact limit costs up to 8 bytes for each unit, for each subject."""

STATISTICS_KEPT_SECONDS = 7 * 24 * 3600
"""Counts of denials are forgotten so long after the last one."""

TOP_KEPT = 100

RESETS = "resets"
"""A field of the app's config hash, counted up when a window is reset by hand: processes remember who
is denied, and a message alone may be lost."""


def _cidr(text: str) -> str:
    ip_network(text)
    return text


Cidr = Annotated[str, AfterValidator(_cidr)]
Cidrs = Annotated[tuple[Cidr, ...], Field(max_length=256)]


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
    """In capitals; none is any, and GET is HEAD too."""


class LimitDocument(Document):
    """At most `max` requests of one subject within any `window`."""

    name: Annotated[str, Field(pattern=NAME)]
    max: Annotated[int, Field(ge=1, le=MAX)]
    window_ms: Annotated[int, Field(ge=1, le=WINDOW_MAX_MS)]
    per: Per = Per.IP
    match: tuple[MatchDocument, ...] = ()
    """Any of these; none is every request."""
    failure_mode: FailureMode = FailureMode.OPEN
    exact: bool = False
    """A large limit, too, forgets each request at its own moment; it costs memory."""

    @model_validator(mode="after")
    def _exact_is_bounded(self) -> "LimitDocument":
        if self.exact and self.max > EXACT_MAX:
            raise ValueError(f"an exact limit is at most {EXACT_MAX:,}, and max is {self.max:,}")
        return self


class PolicyDocument(Document):
    """The limits of one RateLimitPolicy; all of them that match a request are charged, or none."""

    name: Annotated[str, Field(pattern=POLICY_NAME)]
    mode: Mode = Mode.ENFORCE
    exempt: Cidrs = ()
    """CIDRs of clients that are not limited."""
    limits: tuple[LimitDocument, ...]


class LimiterState(StrEnum):
    """Where an app's process counts."""

    REDIS = "Redis"
    FALLBACK = "Fallback"
    """Redis cannot be asked: each limit's failure mode is in force."""


def window_key(namespace: str, app: str, limit: str, form: str, subject: str) -> str:
    """Name the key that holds what one subject has used of a limit, `POLICY/NAME`.

    The form says how its bytes are read, so that those of a limit before a change are not misread.
    """
    return f"{key_prefix(namespace)}limit:{app}:{limit}:{form}:{subject}"


def denials_key(namespace: str, app: str) -> str:
    """Name the hash of counts: `POLICY/denied`, and `POLICY/wouldDeny` of a policy in DryRun."""
    return f"{key_prefix(namespace)}limits:denials:{app}"


def top_key(namespace: str, app: str, policy: str) -> str:
    """Name the sorted set of those most often denied: `LIMIT SUBJECT` by how often."""
    return f"{key_prefix(namespace)}limits:top:{app}:{policy}"
