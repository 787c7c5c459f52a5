"""Rate limits of an app: they are in its config, and belong to no revision of it."""

from dataclasses import replace
from typing import Any

import pytest
from apps import APP, app, decided, deployed, reports, seen
from policies import policy
from policies import seen as policy_seen

from osnovci.limit_contract import PolicyDocument
from osnovci_operator.app import status
from osnovci_operator.app.build import revision
from osnovci_operator.app.rollout import Course
from osnovci_operator.app.spec import App
from osnovci_operator.app.status import Outcome
from osnovci_operator.attachment import attach, counted_as_one, in_force
from osnovci_operator.ratelimit.decide import decide
from osnovci_operator.ratelimit.spec import Policy

FIRST, SECOND = (
    policy(name="first"),
    policy(name="second", limits=[{"name": "api", "max": 9, "window": "1s"}]),
)
POLICIES = in_force(attach([FIRST, SECOND]))


def test_trusted_proxies_are_told_to_the_pods() -> None:
    of = app(trustedProxies=["10.0.0.0/8"])
    assert of.spec.document(APP).trusted_proxies == ("10.0.0.0/8",)
    assert app().spec.document(APP).trusted_proxies == ()


def test_a_config_with_rate_limits_is_about_the_same_revision() -> None:
    document = app().spec.document(APP)
    limited = document.model_copy(update={"policies": POLICIES})
    assert reports(document=limited).is_about(document)
    assert not reports(document=limited).is_about(app(port=4000).spec.document(APP))


def test_an_app_tells_which_policies_limit_it() -> None:
    assert affected(app(), ()) == []
    assert affected(app(), POLICIES) == ["requests are limited by RateLimitPolicy first, second"]


def affected(of: App, policies: tuple[PolicyDocument, ...]) -> list[str]:
    outcome = Outcome(decided(of, seen()), Course(revision(of), {}))
    observed = replace(seen(deployed=deployed()), policies=policies)
    written = status.status(of, {}, observed, outcome)
    return [
        each["message"]
        for each in written["conditions"]
        if each["type"] == "RateLimitPolicyAffected"
    ]


HOST: dict[str, Any] = {"host": "homework.example.com"}
NGINX: dict[str, Any] = {"replicas": 1}
BY_USER = policy(limits=[{"name": "api", "max": 9, "window": "1s", "per": "User"}])


@pytest.mark.parametrize(
    ("spec", "of", "by"),
    [
        ({"ingress": HOST}, FIRST, "the Ingress"),
        ({"loadBalancer": NGINX}, FIRST, "the nginx of loadBalancer"),
        ({"ingress": HOST, "loadBalancer": NGINX}, FIRST, "the nginx of loadBalancer"),
        ({"ingress": HOST, "trustedProxies": ["10.0.0.0/8"]}, FIRST, None),
        ({"ingress": HOST}, BY_USER, None),
        ({}, FIRST, None),
    ],
)
def test_it_is_said_where_limits_take_all_clients_for_one(
    spec: dict[str, Any], of: Policy, by: str | None
) -> None:
    [document] = policies = in_force(attach([of]))
    expected = by and (
        f"limit global counts by address, and {by} hands on all requests with its own: clients share "
        "one count; set trustedProxies of OsnovciApp homework to the network of its addresses"
    )
    [message] = affected(app(**spec), policies)
    names = f"requests are limited by RateLimitPolicy {document.name}"
    assert message == (f"{names}; {expected}" if expected else names)
    why = counted_as_one(app(**spec), policies)
    assert why == (expected or "")
    accepted = decide(of, policy_seen(counted_as_one=why)).accepted
    assert accepted.status
    assert accepted.message.endswith(expected or "OsnovciApp homework")


def test_of_a_target_that_cannot_be_read_nothing_is_said() -> None:
    assert counted_as_one(None, POLICIES) == ""
