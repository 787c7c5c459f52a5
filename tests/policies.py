"""Test objects of a RateLimitPolicy: what matters to a test is named, everything else has a default."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps import APP, POD
from builders import NAMESPACE, NOON

from osnovci.app_contract import AppDocument, AppHeartbeat, checksum
from osnovci.app_observation import Denials
from osnovci.limit_contract import PolicyDocument
from osnovci_operator.attachment import Attached, attach
from osnovci_operator.backend import Unreadable
from osnovci_operator.ratelimit.seen import Running, Seen
from osnovci_operator.ratelimit.spec import Policy
from osnovci_operator.resource import GROUP, VERSION, Key

POLICY = "homework-limits"
GLOBAL = {"name": "global", "max": 100, "window": "15m"}
SEED: list[dict[str, Any]] = [
    {**GLOBAL, "per": "IP"},
    {"name": "api", "max": 60, "window": "1m", "per": "User", "match": [{"path": "/api/"}]},
    {
        "name": "auth",
        "max": 5,
        "window": "15m",
        "per": "IP",
        "match": [{"path": "/api/auth/", "methods": ["POST"]}],
        "failureMode": "Closed",
    },
]


def policy_body(
    *,
    name: str = POLICY,
    target: str = APP,
    created_at: datetime = NOON,
    limits: list[dict[str, Any]] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Give a RateLimitPolicy as a watch does."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "RateLimitPolicy",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "generation": 3,
            "creationTimestamp": created_at.isoformat(),
        },
        "spec": {"targetRef": {"name": target}, "limits": limits or [GLOBAL], **spec},
        "status": {},
    }


def policy(**given: Any) -> Policy:
    return Policy.parse(policy_body(**given))


def key(name: str = POLICY) -> Key:
    return Key("RateLimitPolicy", NAMESPACE, name)


DOCUMENT = AppDocument(app=APP, policies=(policy().document,))


def running(
    *beats: AppHeartbeat,
    document: AppDocument = DOCUMENT,
    revision: int = 7,
    earlier: Mapping[str, tuple[PolicyDocument, ...]] | None = None,
    denials: Denials | None = None,
) -> Running:
    """Give what pods report, of which the config is published under revision 7."""
    by_pod: dict[str, tuple[AppHeartbeat, ...]] = {}
    for each in beats:
        by_pod[each.pod] = (*by_pod.get(each.pod, ()), each)
    known = {**(earlier or {}), checksum(document.model_dump_json()): document.policies}
    return Running(revision, document.policies, known, by_pod, denials)


def seen(
    *,
    now: datetime = NOON,
    target: str = "",
    attached: Attached | None = None,
    counted_as_one: str = "",
    running: Running | Unreadable | None = None,
    ready_pods: Mapping[str, int] | None = None,
) -> Seen:
    """Give what was seen of a policy that is the only one of an app with one ready pod."""
    return Seen(
        now=now,
        target=target,
        attached=attached or attach([policy()])[POLICY],
        counted_as_one=counted_as_one,
        running=running,
        ready_pods={POD: 1} if ready_pods is None else ready_pods,
    )
