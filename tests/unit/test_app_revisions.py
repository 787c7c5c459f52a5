"""The good revisions of an app: what is kept of them, and what a rollback by a person puts back."""

from typing import Any

import pytest
from apps import APP, app, app_body, deployed, reports, revision, seen

from osnovci.app_revisions import GoodRevision, GoodRevisions
from osnovci.cli.rollback import choose, patch
from osnovci.errors import OsnovciError
from osnovci_operator.app.rollout import course
from osnovci_operator.app.spec import OF_A_REVISION, Spec

ELSEWHERE = {"replicas", "scaling", "rollout", "ingress", "load_balancer"}
"""Fields that no pod and no config is made of."""


def good(image: str, **spec: Any) -> GoodRevision:
    of = app(pod={"image": image}, **spec)
    return GoodRevision(name=revision(of).name, spec=of.spec.revision())


FIRST, SECOND, THIRD = good("homework:1"), good("homework:2"), good("homework:3")


def body(asked: GoodRevision, *, observed: int = 3, **spec: Any) -> dict[str, Any]:
    """Give an app whose spec asks for a revision."""
    told = {"observedGeneration": observed, "revision": asked.name}
    return app_body(**spec) | {"status": told}


def test_every_field_of_the_spec_is_of_a_revision_or_is_not() -> None:
    assert set(OF_A_REVISION) | ELSEWHERE == set(Spec.model_fields)
    assert not set(OF_A_REVISION) & ELSEWHERE


def test_the_last_two_good_ones_are_kept() -> None:
    kept = GoodRevisions().after(FIRST).after(SECOND).after(THIRD)
    assert kept == GoodRevisions(THIRD, SECOND)
    assert GoodRevisions.parse(kept.data()) == kept
    assert kept.after(THIRD) == kept


def test_the_same_spec_under_another_name_is_the_same() -> None:
    """As after an upgrade of the operator, whose pods are a little different."""
    renamed = FIRST.model_copy(update={"name": "another"})
    assert GoodRevisions(FIRST, SECOND).after(renamed) == GoodRevisions(renamed, SECOND)


def test_what_somebody_else_wrote_is_none() -> None:
    assert GoodRevisions.parse({"current": "{", "former": "[]", "more": "x"}) == GoodRevisions()


def test_a_revision_is_good_when_its_pods_are_available_and_run_its_config() -> None:
    wanted = revision(app())
    begun = course(wanted, seen(), "3m")
    assert not begun.proven
    for complete, published in ((False, 1), (True, 0)):
        given = seen(
            deployed=deployed(notes=begun.notes, complete=complete),
            reports=reports(revision=published),
        )
        assert not course(wanted, given, "3m").proven
    assert course(wanted, seen(deployed=deployed(notes=begun.notes)), "3m").proven


@pytest.mark.parametrize(
    ("asked", "kept", "chosen"),
    [
        pytest.param(SECOND, GoodRevisions(SECOND, FIRST), FIRST, id="it is good: the one before"),
        pytest.param(THIRD, GoodRevisions(SECOND, FIRST), SECOND, id="it is not: the last good"),
        pytest.param(FIRST, GoodRevisions(SECOND, FIRST), SECOND, id="it was once: the last good"),
    ],
)
def test_a_rollback_puts_back(
    asked: GoodRevision, kept: GoodRevisions, chosen: GoodRevision
) -> None:
    assert choose(body(asked), kept) == chosen


@pytest.mark.parametrize("kept", [GoodRevisions(), GoodRevisions(FIRST)], ids=["none", "one"])
def test_without_a_former_one_it_says_so(kept: GoodRevisions) -> None:
    with pytest.raises(OsnovciError, match=f"app/{APP} has no former revision"):
        choose(body(FIRST), kept)


def test_it_waits_until_the_operator_knows_the_spec() -> None:
    with pytest.raises(OsnovciError, match="has not seen the newest spec"):
        choose(body(SECOND, observed=2), GoodRevisions(SECOND, FIRST))


def test_it_writes_what_the_revision_is_made_of_and_nothing_else() -> None:
    now = body(SECOND, migration={"command": ["x"]}, replicas=7, ingress={"host": "a.app"})
    target = good("homework:1", health={"maxInFlight": 7}, shutdown={"grace": "1m30s"})
    changes = patch(now, target)
    assert changes[0] == {"op": "test", "path": "/metadata/generation", "value": 3}
    written = {each["path"]: each for each in changes[1:]}
    assert written["/spec/migration"] == {"op": "remove", "path": "/spec/migration"}
    assert written["/spec/pod"]["value"]["image"] == "homework:1"
    assert written["/spec/health"]["value"]["maxInFlight"] == 7
    assert written["/spec/shutdown"]["value"]["grace"] == "1m30s"
    assert not written.keys() & {"/spec/replicas", "/spec/ingress", "/spec/database"}
    # What it writes gives the same revision again.
    spec = {path.rpartition("/")[2]: each.get("value") for path, each in written.items()}
    again = app(**{field: value for field, value in spec.items() if value is not None})
    assert revision(again).name == target.name
