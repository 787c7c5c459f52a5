"""Which rate limits are in force on an app: how several policies with one target become one, as GEP-713 asks.

The limits of all policies of an app are merged by their names. Where two have one of the same name,
that of the older policy counts (of the same second, the one whose name comes first), and the other
is overridden. And whether they can tell the app's clients apart. Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from osnovci.limit_contract import Per, PolicyDocument
from osnovci.words import first_of
from osnovci_operator.app.spec import App
from osnovci_operator.ratelimit.spec import Policy
from osnovci_operator.resource import Resource, SpecT

MOST_BYTES = 48 * 1024
"""So large the policies of one app may be together, as JSON; the rest of a document is the app's."""

NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Attached:
    """What became of one policy."""

    document: PolicyDocument | None
    """What of it is in force; None: nothing."""
    overridden: Mapping[str, str] = field(default_factory=lambda: NONE)
    """The limits that are not, each with the older policy that has one of its name."""
    excess_bytes: int = 0
    """By how much it would exceed what the app's policies may be together."""


NOTHING = Attached(None)


def attach(sharers: Iterable[Resource[SpecT]]) -> dict[str, Attached]:
    """Tell what becomes of each policy among those who share an app; by name, the oldest first."""
    policies = [each for each in sharers if isinstance(each, Policy)]
    owners: dict[str, str] = {}
    attached: dict[str, Attached] = {}
    free = MOST_BYTES
    for policy in sorted(policies, key=lambda each: (each.identity.created_at, each.key.name)):
        each = _merged(policy.document, owners)
        size = len(each.document.model_dump_json().encode()) if each.document else 0
        if size > free:
            each = Attached(None, excess_bytes=size - free)
        elif each.document:
            free -= size
            owners |= {limit.name: policy.key.name for limit in each.document.limits}
        attached[policy.key.name] = each
    return attached


def in_force(attached: Mapping[str, Attached]) -> tuple[PolicyDocument, ...]:
    """Give the policies that the app's pods are told."""
    return tuple(each.document for each in attached.values() if each.document)


def counted_as_one(target: object, policies: Iterable[PolicyDocument]) -> str:
    """Say why all clients have one address to limits; empty where they do not, as far as is known."""
    if not isinstance(target, App) or target.spec.trusted_proxies:
        return ""
    limits = [each.name for policy in policies for each in policy.limits if each.per == Per.IP]
    by = "the nginx of loadBalancer" if target.spec.load_balancer else "the Ingress"
    if not limits or not (target.spec.load_balancer or target.spec.ingress):
        return ""
    return (
        f"limit {first_of(limits)} counts by address, and {by} hands on all requests with its own: "
        f"clients share one count; set trustedProxies of OsnovciApp {target.identity.name} to the "
        "network of its addresses"
    )


def _merged(document: PolicyDocument, owners: Mapping[str, str]) -> Attached:
    """Leave out the limits whose names older policies have."""
    names = [limit.name for limit in document.limits]
    overridden = {name: owners[name] for name in names if name in owners}
    if not overridden:
        return Attached(document)
    left = tuple(each for each in document.limits if each.name not in overridden)
    return Attached(document.model_copy(update={"limits": left}) if left else None, overridden)
