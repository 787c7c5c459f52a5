"""What a RateLimitPolicy says: the models of its spec and status, from which the CRD is generated.

Pure: no I/O, no clock. Defaults are the figures of docs/reference/ratelimitpolicy.md.
"""

from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field

from osnovci.limit_contract import (
    FailureMode,
    LimitDocument,
    MatchDocument,
    Mode,
    Per,
    PolicyDocument,
)
from osnovci_operator.conditions import Conditions
from osnovci_operator.resource import (
    GROUP,
    Cidr,
    Duration,
    Key,
    Model,
    Resource,
    rule,
    rules,
    text,
)

KIND = "RateLimitPolicy"
PLURAL = "ratelimitpolicies"
TARGET_KIND = "OsnovciApp"
TOP = 5
"""So many of those most often denied are in the status."""

MOST_EXACT = 100_000
"""What an exact limit may allow at most: it remembers each request in up to eight bytes."""

NAME = text(
    40,
    "self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
    "must begin with a letter, with letters, digits and - after it, all in lower case: api, log-in",
)


class Method(StrEnum):
    """What a request asks to be done."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"
    CONNECT = "CONNECT"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    PATCH = "PATCH"


class TargetRef(Model):
    """The app whose requests are limited, in the policy's namespace."""

    group: Annotated[str, Field(json_schema_extra={"enum": [GROUP]})] = GROUP
    """The API group of the target."""
    kind: Annotated[str, Field(json_schema_extra={"enum": [TARGET_KIND]})] = TARGET_KIND
    """The kind of the target."""
    name: Annotated[
        str,
        text(
            63,
            "self.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
            "must be the name of an OsnovciApp",
        ),
    ]
    """The name of the target."""


class Match(Model):
    """Requests that a limit is for: path and method both have to fit."""

    path: Annotated[
        str,
        text(
            256,
            # As the Gateway API has it; but apps see the path decoded, so no % is left in it.
            "self.matches('^(/([.]*[^/.?#%[:space:]][^/?#%[:space:]]*|[.]{3,}))*/?$')",
            "must begin with / and be a path alone, as the app sees it, "
            "without ?, #, %, //, /./ or /../: /api/upload",
            shortest=1,
        ),
    ] = "/"
    """A prefix of whole segments: /api has /api and /api/x, and not /apis."""
    methods: Annotated[
        list[Method],
        Field(max_length=9, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = []
    """The methods, in capitals; none is any, and GET is HEAD too."""

    def document(self) -> MatchDocument:
        """Give what the pods are told."""
        return MatchDocument(path=self.path, methods=tuple(str(each) for each in self.methods))


class Limit(Model):
    """At most so many requests of one client or user within any window."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "duration(self.window) >= duration('1s')"
                " && duration(self.window) <= duration('720h')",
                "window is below 1s or above 720h, which is 30 days: choose one between",
                ".window",
            ),
            rule(
                f"!self.exact || self.max <= {MOST_EXACT}",
                f"exact is for a max of at most {MOST_EXACT}: lower max, or remove exact",
                ".exact",
            ),
        )
    }

    name: Annotated[str, NAME]
    """What the limit is called in answers and figures; of all policies of an app, the oldest one's counts."""
    max: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """So many requests are let through."""
    window: Duration
    """The length of any time within which they are counted, from 1s to 720h (30 days)."""
    per: Per = Per.IP
    """Whose requests are counted together: IP (a client address; IPv6 by /64) or User (a user, or the address of a request without one)."""
    match: Annotated[list[Match], Field(max_length=16)] = []
    """The requests that the limit is for: those that fit any of these; none is every request."""
    failure_mode: FailureMode | None = None
    """What becomes of these requests while Redis cannot be asked, Open or Closed; by default what the policy says."""
    exact: bool = False
    """Whether a max above 128 forgets each request at its own moment, at up to eight bytes a request; otherwise up to a sixtieth of the window later. Smaller limits are exact always."""

    def document(self, failure_mode: FailureMode) -> LimitDocument:
        """Give what the pods are told."""
        return LimitDocument(
            name=self.name,
            max=self.max,
            window_ms=self.window // timedelta(milliseconds=1),
            per=self.per,
            match=tuple(each.document() for each in self.match),
            failure_mode=self.failure_mode or failure_mode,
            exact=self.exact,
        )


class Spec(Model):
    """Which requests are limited, and how."""

    target_ref: TargetRef
    """The app whose requests are limited."""
    mode: Mode = Mode.ENFORCE
    """What becomes of a request beyond a limit: Enforce (it is turned away) or DryRun (it is counted, reported and let through)."""
    failure_mode: FailureMode = FailureMode.OPEN
    """What becomes of requests while Redis cannot be asked: Open (let through, as far as each process alone can count) or Closed (turned away)."""
    exempt: Annotated[
        list[Cidr],
        Field(max_length=128, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = []
    """Networks of clients that are not limited."""
    limits: Annotated[
        list[Limit],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ]
    """The limits; all that fit a request are charged, or none."""

    def document(self, name: str) -> PolicyDocument:
        """Give what the pods are told."""
        return PolicyDocument(
            name=name,
            mode=self.mode,
            exempt=tuple(self.exempt),
            limits=tuple(each.document(self.failure_mode) for each in self.limits),
        )


class TopStatus(Model):
    """One who was turned away, or would have been."""

    limit: str
    """The limit."""
    key: str
    """The client or user."""
    denied: int
    """How often."""


class Status(Model):
    """What the operator observed."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    enforced_pods: int | None = None
    """Ready pods of the app of which each server process enforces the policy."""
    target_pods: int | None = None
    """Ready pods of the app."""
    revision: int | None = None
    """The revision of the app's config that is published; 0 while none is."""
    denied: int | None = None
    """Requests turned away since the policy is in force; kept as last seen while Redis cannot be read."""
    would_deny: int | None = None
    """Requests that DryRun let through and Enforce had turned away."""
    top: Annotated[list[TopStatus], Field(max_length=TOP)] = []
    """Those denied most often."""
    conditions: Conditions = []
    """Accepted and Programmed."""


class Policy(Resource[Spec]):
    """One RateLimitPolicy."""

    kind = KIND
    model = Spec

    @cached_property
    def target(self) -> Key:
        """The app."""
        return Key(TARGET_KIND, self.identity.namespace, self.spec.target_ref.name)

    @cached_property
    def document(self) -> PolicyDocument:
        """What the pods are told where nothing of it is overridden."""
        return self.spec.document(self.identity.name)
