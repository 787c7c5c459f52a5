"""Which limits are in force on an app that several policies target."""

from datetime import timedelta
from typing import Any

import pytest
from apps import app, app_body
from builders import NOON
from policies import SEED, key, policy, policy_body

from osnovci.limit_contract import FailureMode, LimitDocument, MatchDocument, Mode, Per
from osnovci_operator.attachment import MOST_BYTES, Attached, attach, in_force
from osnovci_operator.ratelimit.spec import Policy
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

HOUR = timedelta(hours=1)


def limit(name: str, most: int = 10, **more: Any) -> dict[str, Any]:
    return {"name": name, "max": most, "window": "1m", **more}


def limits(*names: str) -> list[dict[str, Any]]:
    return [limit(name) for name in names]


def told(policies: list[Policy]) -> dict[str, list[str]]:
    """Name the limits that are in force, by policy, in the order in which pods hear of them."""
    found = in_force(attach(policies))
    return {each.name: [one.name for one in each.limits] for each in found}


def test_what_a_policy_says_reaches_the_document() -> None:
    given = policy(limits=SEED, mode="DryRun", exempt=["10.0.0.0/8"])
    (document,) = in_force(attach([given]))
    assert document.mode is Mode.DRY_RUN
    assert document.exempt == ("10.0.0.0/8",)
    assert document.limits == (
        LimitDocument(name="global", max=100, window_ms=900_000),
        LimitDocument(
            name="api", max=60, window_ms=60_000, per=Per.USER, match=(MatchDocument(path="/api/"),)
        ),
        LimitDocument(
            name="auth",
            max=5,
            window_ms=900_000,
            match=(MatchDocument(path="/api/auth/", methods=("POST",)),),
            failure_mode=FailureMode.CLOSED,
        ),
    )


def test_a_limit_has_the_policys_failure_mode_unless_it_says_its_own() -> None:
    given = policy(
        failureMode="Closed",
        limits=[limit("one"), limit("two", failureMode="Open", exact=True)],
    )
    (document,) = in_force(attach([given]))
    modes = [each.failure_mode for each in document.limits]
    assert modes == [FailureMode.CLOSED, FailureMode.OPEN]
    assert [each.exact for each in document.limits] == [False, True]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param(
            [
                policy(name="b", created_at=NOON, limits=limits("x")),
                policy(name="a", created_at=NOON + HOUR, limits=limits("y")),
            ],
            {"b": ["x"], "a": ["y"]},
            id="the older comes first",
        ),
        pytest.param(
            [policy(name="b", limits=limits("x")), policy(name="a", limits=limits("y"))],
            {"a": ["y"], "b": ["x"]},
            id="of one second, by name",
        ),
        pytest.param(
            [
                policy(name="old", created_at=NOON, limits=limits("x", "y")),
                policy(name="new", created_at=NOON + HOUR, limits=limits("y", "z")),
            ],
            {"old": ["x", "y"], "new": ["z"]},
            id="the older one's limit counts",
        ),
        pytest.param(
            [
                policy(name="old", created_at=NOON, limits=limits("x", "y")),
                policy(name="new", created_at=NOON + HOUR, limits=limits("y")),
            ],
            {"old": ["x", "y"]},
            id="nothing is left of the younger",
        ),
    ],
)
def test_limits_are_merged_by_name(policies: list[Policy], expected: dict[str, list[str]]) -> None:
    assert told(policies) == told(policies[::-1]) == expected
    assert list(told(policies)) == list(expected)


def test_what_is_overridden_is_named_with_the_policy_that_has_it() -> None:
    first = policy(name="first", created_at=NOON, limits=limits("x"))
    second = policy(name="second", created_at=NOON + HOUR, limits=limits("x", "y"))
    third = policy(name="third", created_at=NOON + 2 * HOUR, limits=limits("x", "y"))
    found = attach([third, second, first])
    assert found["second"].overridden == {"x": "first"}
    assert found["third"] == Attached(None, {"x": "first", "y": "second"})


def test_who_does_not_fit_takes_nothing_from_others() -> None:
    paths = [{"path": f"/{number}/{'a' * 200}"} for number in range(16)]

    def large(name: str, age: timedelta) -> Policy:
        """Give one of 27 KiB: two are too many."""
        each = [limit(f"{name}-{number}", match=paths) for number in range(7)]
        return policy(name=name, created_at=NOON - age, limits=[*each, limit("last")])

    old, new = large("old", 3 * HOUR), large("new", 2 * HOUR)
    small = policy(name="small", created_at=NOON, limits=limits("last", "new-0"))
    found = attach([small, new, old])
    assert found["old"] == Attached(old.document)
    assert found["new"].document is None
    sizes = [len(each.document.model_dump_json()) for each in (old, new)]
    # "last" is overridden, so it takes no room.
    assert 0 < found["new"].excess_bytes < sum(sizes) - MOST_BYTES
    assert told([small, new, old]) == {
        "old": [each.name for each in old.spec.limits],
        "small": ["new-0"],
    }


def test_an_app_and_its_policies_wake_each_other() -> None:
    store, target = Store(), app().key
    assert store.put(policy_body()) == {key()}
    assert store.put(app_body()) == {target, key()}
    assert store.put(policy_body(name="other")) == {target, key(), key("other")}
    names = {"other", "homework-limits", "homework"}
    assert {each.key.name for each in store.sharers(target)} == names
    pod = {
        "kind": "Pod",
        "metadata": {
            "name": "web-1",
            "namespace": "homework",
            "uid": "p",
            "labels": {"osnovci.app/app": "homework"},
        },
    }
    assert store.put(pod) == {target, key(), key("other")}
    assert store.remove(policy_body(name="other")) == {target, key(), key("other")}
    assert store.remove(app_body()) == {target, key()}


def test_a_policy_that_takes_another_target_wakes_both() -> None:
    store = Store()
    store.put(app_body())
    store.put(policy_body())
    woken = store.put(policy_body(target="shop"))
    assert woken == {app().key, key()}
    assert store.sharers(Key("OsnovciApp", "homework", "shop"))
