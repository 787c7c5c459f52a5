"""The good revisions of an app: what is kept of them, and what a rollback by a person puts back."""

import json
from typing import Any

import pytest
from apps import APP, TEMPLATE_HASH, app, app_body, deployed, reports, seen

from osnovci.app_revisions import GoodRevision, GoodRevisions
from osnovci.cli.rollback import choose, patch
from osnovci.errors import OsnovciError
from osnovci_operator.app import build, objects
from osnovci_operator.app.build import revision
from osnovci_operator.app.rollout import course
from osnovci_operator.app.spec import OF_A_REVISION, Spec

ELSEWHERE = {"replicas", "scaling", "rollout", "ingress", "load_balancer"}
"""Fields that no pod and no config is made of."""


def good(image: str, **spec: Any) -> GoodRevision:
    return build.good_revision(app(pod={"image": image}, **spec))


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
    assert GoodRevisions.parse(kept.data(), kept.notes({})) == kept
    assert kept.after(THIRD) == kept


def test_the_same_spec_under_another_name_is_the_same() -> None:
    """As after an upgrade of the operator, whose pods are a little different."""
    renamed = FIRST.model_copy(update={"name": "another"})
    assert GoodRevisions(FIRST, SECOND).after(renamed) == GoodRevisions(renamed, SECOND)


KEPT = GoodRevisions(SECOND, FIRST)
UNTRUE = SECOND.model_copy(update={"spec": {"pod": {"image": "evil:1"}}})
UNKNOWN = good("evil:1")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{", "it cannot be read"),
        (UNTRUE.model_dump_json(), f"{SECOND.name} was changed since the operator found it good"),
        (UNKNOWN.model_dump_json(), f"{UNKNOWN.name} is none that the operator found good"),
    ],
    ids=["nonsense", "changed", "unknown"],
)
def test_what_somebody_else_wrote_is_refused_and_said(written: str, why: str) -> None:
    read = GoodRevisions.parse({**KEPT.data(), "current": written}, KEPT.notes({}))
    assert read == GoodRevisions(None, FIRST)
    assert read.refused == (f"its revision `current` is not used: {why}",)
    with pytest.raises(OsnovciError, match=f"nothing is put back: its revision .* {why}"):
        choose(body(THIRD), read)
    # The next one that is good takes its place, and the one that is still known stays.
    assert read.after(THIRD).data() == GoodRevisions(THIRD, FIRST).data()


def test_without_a_word_of_the_deployment_nothing_counts() -> None:
    read = GoodRevisions.parse(KEPT.data(), {})
    assert read == GoodRevisions()
    assert len(read.refused) == 2


def test_the_config_map_of_before_is_known_until_it_is_written() -> None:
    """The Deployment is written first; the operator may be replaced between the two."""
    after = KEPT.after(THIRD)
    noted = after.notes(KEPT.notes({}))
    for data in (KEPT.data(), after.data()):
        assert GoodRevisions.parse(data, noted).refused == ()
    assert after.notes(noted) == noted


OLDER_SHAPE = [
    pytest.param({}, {}, id="other pods of the same spec"),
    pytest.param({"sessions": None, "trustedProxies": None}, {}, id="fields it did not know"),
    pytest.param({}, {"retired": 1}, id="fields that are no more"),
]


@pytest.mark.parametrize(("missing", "more"), OLDER_SHAPE)
def test_what_an_older_operator_kept_is_the_same_revision(
    missing: dict[str, Any], more: dict[str, Any]
) -> None:
    """It named revisions by the pods that it built, and wrote the fields that it knew."""

    def older(of: GoodRevision) -> GoodRevision:
        spec = {field: value for field, value in of.spec.items() if field not in missing} | more
        return GoodRevision(name=f"v0-{of.name[:6]}", spec=spec)

    was = GoodRevisions(older(SECOND), older(FIRST))
    config_map = {"data": was.data()}
    read = objects.good(app(), config_map, deployed(notes=was.notes({})))
    assert read == KEPT
    assert read.refused == ()
    # So what is good again pushes no former one out, and a rollback goes to that.
    assert read.after(SECOND) == KEPT
    assert choose(body(SECOND), read) == FIRST
    # And it is known under its new name from then on.
    noted = read.notes(was.notes({}))
    again = objects.good(app(), {"data": read.data()}, deployed(notes=noted))
    assert again == KEPT
    assert again.refused == ()
    # Nobody is accused where it ends before it has written the ConfigMap.
    assert objects.good(app(), config_map, deployed(notes=noted)).refused == ()


def test_what_this_operator_cannot_read_stays_as_it_was_kept() -> None:
    of_before = GoodRevision(name="old", spec={"pod": {"image": "homework:1"}, "port": "http"})
    was = GoodRevisions(SECOND, of_before)
    read = objects.good(app(), {"data": was.data()}, deployed(notes=was.notes({})))
    assert read == was


def test_the_pods_of_a_good_revision_of_an_older_operator_are_put_back_as_they_are() -> None:
    """Else an upgrade amid a rollout that fails would replace pods that serve."""
    template = json.loads(json.dumps(revision(app()).template))
    (container,) = template["spec"]["containers"]
    container["env"] = [each for each in container["env"] if each["name"] != "SERVER_ID"]
    container["terminationMessagePath"] = "/dev/termination-log"  # As the API server fills it in.
    older_document = {"app": APP, "port": 3000, "processes": 1}
    templates = {TEMPLATE_HASH: template, "new": revision(app()).template}
    kept = {
        "osnovci.app/revision": "of-before",
        "osnovci.app/good-template": TEMPLATE_HASH,
        "osnovci.app/good-document": json.dumps(older_document),
    }
    wanted = revision(app(pod={"image": "homework:broken"}))
    tried = course(wanted, seen(deployed=deployed(notes=kept, templates=templates)), "3m")
    assert tried.revision == wanted
    failed = deployed(
        notes=tried.notes, templates=templates, template_hash="new", stalled=True, complete=False
    )
    back = course(wanted, seen(deployed=failed, reports=None), "3m")
    assert back.revision.template == template
    assert back.revision.document == app().spec.document(APP)
    # It rests there, however often it is looked at.
    rests = deployed(notes=back.notes, templates=templates)
    for _ in range(2):
        again = course(wanted, seen(deployed=rests), "3m")
        assert (again.revision, again.notes) == (back.revision, back.notes)


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
