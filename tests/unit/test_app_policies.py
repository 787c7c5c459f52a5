"""Rate limits of an app: they are in its config, and belong to no revision of it."""

from dataclasses import replace

from apps import APP, app, decided, deployed, reports, seen
from policies import policy

from osnovci_operator.app import status
from osnovci_operator.app.build import revision
from osnovci_operator.app.rollout import Course
from osnovci_operator.app.status import Outcome
from osnovci_operator.attachment import attach, in_force

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
    of = app()
    outcome = Outcome(decided(of, seen()), Course(revision(of), {}))
    given = seen(deployed=deployed())
    for policies, expected in (
        ((), []),
        (POLICIES, ["requests are limited by RateLimitPolicy first, second"]),
    ):
        observed = replace(given, policies=policies)
        written = status.status(of, {}, observed, outcome)
        found = [
            each["message"]
            for each in written["conditions"]
            if each["type"] == "RateLimitPolicyAffected"
        ]
        assert found == expected
