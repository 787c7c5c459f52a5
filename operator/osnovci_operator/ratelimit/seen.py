"""What one reconcile of a RateLimitPolicy knows before it decides. Pure: frozen values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from osnovci.app_contract import AppHeartbeat
from osnovci.app_observation import Denials
from osnovci.limit_contract import PolicyDocument
from osnovci_operator.attachment import NOTHING, Attached
from osnovci_operator.backend import Unreadable


@dataclass(frozen=True)
class Running:
    """What the app's pods are told and report, at one moment."""

    revision: int
    """Of the config that is published; 0 while it is not yet."""
    published: tuple[PolicyDocument, ...]
    """The rate limits in it."""
    policies: Mapping[str, tuple[PolicyDocument, ...]]
    """The rate limits of the configs published lately, by checksum."""
    beats: Mapping[str, tuple[AppHeartbeat, ...]]
    """By pod, one for each server process that reports."""
    denials: Denials | None
    """What the policy denied; None: not known."""


@dataclass(frozen=True)
class Seen:
    """All that was observed, at one moment."""

    now: datetime
    target: str = ""
    """Why there is no target; empty where there is one."""
    attached: Attached = NOTHING
    """What became of the policy among those of the app."""
    counted_as_one: str = ""
    """Why limits take all clients for one; empty where they do not."""
    running: Running | Unreadable | None = None
    """None: Redis was not read yet, or nothing was told to the app's pods."""
    ready_pods: Mapping[str, int] = field(default_factory=dict[str, int])
    """The app's ready pods that stay, each with its number of server processes."""
