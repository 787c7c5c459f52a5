"""Workers that follow an app, and migrations, have their place among the connections of its database."""

from dataclasses import replace
from typing import Any

import pytest
from apps import APP, app, beat, decided, deployed, reports
from apps import seen as seen_of_app
from budget_world import DATABASE, JOBS, LIMIT, SHOP
from builders import AWAY, reading, scaling, seen, spec, workers
from hypothesis import given
from hypothesis import strategies as st

from osnovci.app_contract import ENV_DATABASE, PoolUse
from osnovci.database.settings import DatabaseSettings
from osnovci_operator.app import build, migration
from osnovci_operator.app.budget import divide, grant, unready
from osnovci_operator.app.build import revision
from osnovci_operator.app.migration import Run, State
from osnovci_operator.app.reports import Reports, sized
from osnovci_operator.app.rollout import MIGRATED, course
from osnovci_operator.app.seen import Neighbour, Pace, Seen
from osnovci_operator.app.status import database_budget
from osnovci_operator.database import Grant
from osnovci_operator.queuepool.decide import Bound, Reason, ScalingState, decide
from osnovci_operator.queuepool.spec import Scaling, Spec
from osnovci_operator.sharers import most_workers

OF_APP = app(replicas=3, database=DATABASE)
MINE = replace(SHOP, name=APP, limit=LIMIT)


def telling(connections: int) -> dict[str, Reports | None]:
    """Give what the app's pods report: pools of a size, as they were told."""
    told = sized(OF_APP.spec.document(APP), connections)
    use = PoolUse(size=connections, open=connections, in_use=0)
    return {APP: reports(beat(document=told, database=use), document=told)}


def test_room_is_kept_for_as_many_workers_as_there_may_be() -> None:
    shares = divide([MINE, JOBS])
    # 8 workers and 2 of a rollout, with two jobs each; the rest is the app's.
    assert (shares[JOBS.name].replicas, shares[JOBS.name].budget) == (8, 20)
    assert (shares[APP].replicas, shares[APP].connections, shares[APP].budget) == (3, 6, 30)


@given(st.integers(0, 40), st.integers(0, 12), st.integers(1, 4), st.integers(1, 80))
def test_what_is_granted_fits_beside_one_pod_of_the_app(
    most: int, leaving: int, slots: int, limit: int
) -> None:
    jobs = replace(JOBS, replicas=most, leaving=leaving, processes=slots, limit=limit)
    mine = replace(MINE, limit=limit)
    granted = grant(jobs, 0, [mine, jobs], {}).replicas
    assert 0 <= granted <= most
    shares = divide([mine, jobs])
    if granted > 0:
        least = (min(shares[APP].replicas, 1) + 2) * mine.processes
        assert (granted + 2) * slots + least <= limit
    rising = jobs.rising(Grant(granted)).replicas
    assert rising <= granted
    assert rising + leaving <= max(granted + jobs.spare, leaving)


def test_more_workers_come_when_the_pools_of_apps_have_shrunk() -> None:
    everybody = [MINE, JOBS]
    waits = grant(JOBS, 2, everybody, telling(10))
    assert waits == Grant(2, f"the pools of {APP} are to shrink to 6")
    assert grant(JOBS, 2, everybody, telling(6)) == Grant(8)
    assert grant(JOBS, 2, everybody, {APP: None}).replicas == 2
    # What is granted stays, whatever is heard.
    assert grant(JOBS, 8, everybody, {APP: None}) == Grant(8)


def test_workers_for_whom_there_is_no_room_are_fewer_at_once() -> None:
    many = replace(JOBS, replicas=40)
    capped = grant(many, 40, [MINE, many], telling(10))
    assert capped.replicas == 20
    assert capped.why == f"the database allows 50 connections, of which 5 for {APP}"
    nobody = replace(JOBS, processes=30)
    assert "raise maxConnections" in grant(nobody, 8, [MINE, nobody], telling(1)).why


def test_workers_that_end_have_their_connections_until_then() -> None:
    ending = replace(JOBS, staying=2, leaving=5)
    assert ending.rising(Grant(8)) == Grant(4, "5 workers that end still have connections")
    # None is removed for it.
    assert replace(ending, staying=7).rising(Grant(8)).replicas == 7
    assert replace(ending, leaving=1).rising(Grant(8)) == Grant(8)


def test_whose_pods_end_for_long_is_said() -> None:
    everybody = [MINE, replace(JOBS, staying=8, leaving=20)]
    assert unready(everybody, divide(everybody), telling(1)) == (
        "pods that leave still have their connections, most of them of QueuePool jobs"
    )


def test_the_budget_says_what_each_takes() -> None:
    migrating = replace(MINE, beside=1)
    other = replace(MINE, name="shop", connections=2)
    shares = divide([migrating, other, JOBS])
    condition = database_budget(OF_APP, shares[APP])
    assert condition.reason == "PoolsShrunk"
    assert condition.message == (
        "at most 16 connections of the 50 for all apps, 1 of them for its migration: a process "
        "opens 3 instead of 10; 20 are for 8 workers of QueuePool jobs; 10 for shop"
    )


def wanted(replicas: int, given: Grant | None, *, asked: int = 3, away: bool = False) -> Any:
    pool = spec(replicas=replicas) if not away else spec(scaling=scaling())
    at = seen(workers=workers(asked=asked), reading=AWAY if away else reading())
    return decide(pool, replace(at, grant=given), ScalingState())[0]


def test_a_pool_keeps_to_what_the_database_allows() -> None:
    why = "the database allows 50 connections"
    capped = wanted(9, Grant(4, why))
    assert (capped.replicas, capped.reason, capped.bound) == (4, Reason.FIXED, Bound.DATABASE)
    assert capped.bound_message == f"4 of 9 workers: {why}"
    assert capped.message.endswith(capped.bound_message)
    # What a job would wait for was reckoned of the workers that do not come.
    busy = seen(workers=workers(asked=1), reading=reading(waiting=9))
    scaled = spec(scaling=scaling())
    assert decide(scaled, busy, ScalingState())[0].expected_wait is not None
    few = decide(scaled, replace(busy, grant=Grant(1, why)), ScalingState())[0]
    assert (few.replicas, few.expected_wait) == (1, None)
    assert wanted(9, Grant(9)) == wanted(9, None)
    # Nobody is removed for want of a good reading.
    assert wanted(0, Grant(1, why), asked=3, away=True).replicas == 3


RECOMMENDS = Scaling.model_validate({"mode": "Recommend", "maxReplicas": 20})


def test_a_count_that_somebody_else_sets_is_not_pulled_at() -> None:
    at = replace(seen(workers=workers(asked=3), reading=reading()), grant=Grant(1, "small"))
    assert decide(spec(scaling=RECOMMENDS), at, ScalingState())[0].replicas == 3
    own = decide(spec(replicas=7, scaling=RECOMMENDS), at, ScalingState())[0]
    assert (own.replicas, own.bound) == (1, Bound.DATABASE)


@pytest.mark.parametrize(
    ("given", "most"),
    [
        (spec(), 1),
        (spec(replicas=7), 7),
        (spec(scaling=scaling(maximum=20)), 20),
        (spec(replicas=7, scaling=RECOMMENDS), 7),
        (spec(scaling=RECOMMENDS), 5),
    ],
    ids=["one", "fixed", "scaled", "recommended beside its own", "as it is found"],
)
def test_how_many_workers_a_pool_may_ask_for(given: Spec, most: int) -> None:
    assert most_workers(given, 5) == most


MIGRATES = app(replicas=3, database=DATABASE, migration={"command": ["x"]})


def migrating(connections: int, notes: dict[str, str] | None) -> Seen:
    """Give what is seen as a migration is to run; without notes there is no Deployment yet."""
    (told,) = telling(connections).values()
    was = None if notes is None else replace(deployed(notes=notes), pace=Pace(surge=1))
    others = (Neighbour(replace(MINE, name="shop", connections=10), told),)
    run = Run(revision(MIGRATES).migration, State.ABSENT, "the migration is to run")
    given = seen_of_app(deployed=was, neighbours=others, migration=run)
    return replace(given, pods=(0, 0), standing={"": OF_APP.spec.document(APP)})


@pytest.mark.parametrize("notes", [None, {}], ids=["a new app", "one that did not migrate before"])
def test_the_first_migration_waits_until_pools_have_shrunk(notes: dict[str, str] | None) -> None:
    given = migrating(10, notes)
    decision = decided(MIGRATES, given)
    assert decision.holds.startswith("the pools of shop are to shrink to")
    chosen = course(revision(MIGRATES), given, "3m", decision.holds)
    assert chosen.holds
    assert not chosen.migrates
    assert chosen.deploys is (notes is not None)
    shrunk = migrating(4, notes)
    assert decided(MIGRATES, shrunk).holds == ""
    assert course(revision(MIGRATES), shrunk, "3m").migrates


def test_a_later_migration_has_its_place_and_waits_for_nobody() -> None:
    given = migrating(10, {MIGRATED: "one"})
    assert decided(MIGRATES, replace(given, pods=(3, 0))).holds == ""


def test_a_migration_is_told_to_open_one_connection() -> None:
    (container,) = migration.job(MIGRATES, build.template(MIGRATES))["spec"]["template"]["spec"][
        "containers"
    ]
    told = {each["name"]: each.get("value", "") for each in container["env"]}
    assert DatabaseSettings.parse(told).connections_per_process == 1
    without = app(migration={"command": ["x"]})
    (container,) = migration.job(without, build.template(without))["spec"]["template"]["spec"][
        "containers"
    ]
    assert ENV_DATABASE not in {each["name"] for each in container["env"]}
