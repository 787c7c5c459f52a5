"""A revision whose pods open more waits until the pools of all apps have shrunk for it."""

from dataclasses import replace
from typing import Any

import pytest
from apps import APP, TEMPLATE_HASH, app, beat, decided, deployed, reports, seen
from builders import AWAY, NOON

from osnovci.app_contract import AppDocument, PoolUse
from osnovci_operator.app import build, status
from osnovci_operator.app.build import revision
from osnovci_operator.app.reports import sized
from osnovci_operator.app.rollout import course
from osnovci_operator.app.seen import Deployed, Pace, Seen
from osnovci_operator.app.spec import App
from osnovci_operator.app.status import Outcome
from osnovci_operator.labels import release_of

DATABASE = {"maxConnections": 60, "reservedConnections": 10, "connectionsPerProcess": 10}
BEFORE = app(replicas=3, database=DATABASE)


def running(*, size: int, document: AppDocument | None = None) -> Seen:
    """Give the app of before as it runs, its pools of a size, and its Deployment as we made it."""
    was = revision(BEFORE)
    manifest = build.deployment(BEFORE, 3, course(was, seen(), "3m"))
    manifest["metadata"] |= {"generation": 1, "uid": "u"}
    found = Deployed.parse(manifest, (), NOON)
    told = document or sized(was.document, size)
    use = PoolUse(size=size, open=size, in_use=0)
    given = seen(
        deployed=replace(deployed(), template=found.template, processes=1, pace=found.pace),
        reports=reports(beat(document=told, database=use), document=told),
    )
    return replace(given, standing={release_of(was.template["metadata"]): told}, processes=1)


def test_what_a_deployment_has_is_read_from_it() -> None:
    found = running(size=10).deployed
    assert found
    assert (found.processes, found.pace) == (1, Pace(surge=1, unavailable=0))


MORE: list[dict[str, Any]] = [
    {"processes": 3},
    {"rollout": {"maxSurge": 3}},
    {"rollout": {"maxUnavailable": 3}},
]


@pytest.mark.parametrize("more", MORE, ids=["processes", "surge", "unavailable"])
def test_what_opens_more_waits_until_pools_have_shrunk(more: dict[str, Any]) -> None:
    after = app(replicas=3, database=DATABASE, **more)
    held = decided(after, running(size=10))
    assert held.share
    assert held.holds == f"the pools of {APP} are to shrink to {held.share.connections}"
    assert held.replicas == 3
    assert decided(after, running(size=held.share.connections)).holds == ""


def test_what_opens_no_more_waits_for_nobody() -> None:
    assert decided(app(replicas=3, database=DATABASE), running(size=10)).holds == ""
    slower = app(replicas=3, database=DATABASE, rollout={"maxSurge": 1, "maxUnavailable": 0})
    assert decided(slower, running(size=10)).holds == ""


def test_what_is_not_seen_has_not_shrunk() -> None:
    after = app(replicas=3, database=DATABASE, processes=3)
    unseen = replace(running(size=10), reports=AWAY)
    assert "were not heard of yet" in decided(after, unseen).holds


def test_what_does_not_fit_at_all_waits_for_a_change_of_the_spec() -> None:
    held = decided(app(replicas=3, database=DATABASE, processes=30), running(size=1))
    assert "raise maxConnections, or lower processes, maxSurge" in held.holds


def test_an_app_that_had_no_database_waits_too() -> None:
    given = running(size=10, document=app().spec.document(APP))
    neighbour = running(size=10)
    assert decided(BEFORE, given).holds == ""  # There is room.
    tight = app(replicas=3, database=DATABASE | {"maxConnections": 12})
    assert decided(tight, replace(neighbour, standing={})).holds


def after(spec: App, given: Seen) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the Deployment that is applied, and the conditions that are told."""
    decision = decided(spec, given)
    chosen = course(revision(spec), given, "3m", decision.holds)
    written = status.status(spec, {}, given, Outcome(decision, chosen))
    conditions = {
        each["type"]: f"{each['status']} {each['reason']}: {each['message']}"
        for each in written["conditions"]
    }
    return build.deployment(spec, decision.replicas, chosen)["spec"], conditions


def test_meanwhile_the_deployment_stays_as_it_is_and_says_why() -> None:
    spec = app(replicas=3, database=DATABASE, processes=3, rollout={"maxSurge": 3})
    given = running(size=10)
    assert given.deployed
    applied, told = after(spec, given)
    assert applied["template"] == given.deployed.template
    assert applied["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    why = "holding the new revision: the pools of homework are to shrink to 1"
    assert told["Progressing"].startswith(f"True PoolsShrinking: {why}")
    assert told["Ready"].startswith(f"False PoolsShrinking: {why}")
    applied, told = after(spec, running(size=1))
    assert applied["template"] == revision(spec).template
    assert applied["strategy"]["rollingUpdate"] == {"maxSurge": 3, "maxUnavailable": 0}
    assert told["Progressing"].startswith("True RollingOut")


def test_a_good_revision_stays_with_the_pools_that_its_spec_asks_for() -> None:
    was = revision(BEFORE)
    given = running(size=2)
    assert given.deployed
    notes = course(was, given, "3m").notes
    good = replace(
        given.deployed,
        notes={**notes, "osnovci.app/good-template": TEMPLATE_HASH}
        | {"osnovci.app/good-document": was.document.model_dump_json()},
        template_hash=TEMPLATE_HASH,
        templates={TEMPLATE_HASH: was.template},
    )
    other = revision(app(replicas=3, database=DATABASE, processes=3))
    chosen = course(other, replace(given, deployed=good), "3m", "others have to shrink")
    assert chosen.revision.document == was.document
