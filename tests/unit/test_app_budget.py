"""The connections of a database are divided so that they are never exceeded."""

from dataclasses import replace

from apps import APP, POD, app, beat, decided, deployed, reports, seen
from budget_world import DATABASE, SHOP
from builders import AWAY
from hypothesis import given
from hypothesis import strategies as st

from osnovci.app_contract import AppDocument, DatabaseDocument, PoolUse
from osnovci_operator.app.budget import Share, Sharer, Workers, divide, grant
from osnovci_operator.app.decide import Decision, Reason, sharer
from osnovci_operator.app.reports import sized
from osnovci_operator.app.seen import Neighbour, Seen

SMALL = st.integers(0, 12)


@st.composite
def sharers(draw: st.DrawFn) -> list[Sharer]:
    """Draw a few apps with a database, and workers that follow one."""
    kinds = [Sharer, *draw(st.lists(st.sampled_from([Sharer, Workers]), max_size=3))]
    return [
        kind(
            name=f"sharer-{number}",
            replicas=draw(SMALL),
            surge=draw(st.integers(0, 2)),
            spare=draw(st.integers(0, 2)),
            staying=draw(SMALL),
            leaving=draw(SMALL),
            processes=draw(st.integers(1, 4)),
            connections=1 if kind is Workers else draw(st.integers(1, 20)),
            limit=draw(st.integers(1, 200)),
            beside=0 if kind is Workers else draw(st.integers(0, 1)),
        )
        for number, kind in enumerate(kinds)
    ]


def most(of: Sharer, share: Share, pods: int) -> int:
    """The most that so many pods and those of a rollout open."""
    return (pods + of.surge + of.spare) * of.processes * share.connections + of.beside


@given(sharers())
def test_the_limit_is_never_exceeded_where_one_pod_of_each_fits(given: list[Sharer]) -> None:
    shares = divide(given)
    limit = min(each.limit for each in given)
    given = [each for each in given if not shares[each.name].exceeded]
    if given:
        assert sum(most(each, shares[each.name], shares[each.name].replicas) for each in given) <= (
            limit
        ) or all(share.connections == 1 for share in shares.values())
        # Pods that are leaving are not there for long; no new one is asked for that does not fit.
        assert sum(most(e, Share(0, 0, 1, 0, 0), shares[e.name].replicas) for e in given) <= limit


@given(sharers())
def test_nobody_gets_more_than_it_would_like_and_all_get_something(given: list[Sharer]) -> None:
    for each in given:
        share = divide(given)[each.name]
        is_outside = share.exceeded and isinstance(each, Workers)
        assert (0 if is_outside else min(each.replicas, 1)) <= share.replicas <= each.replicas
        assert 1 <= share.connections <= each.connections


@given(sharers())
def test_everybody_gets_all_where_all_fits(given: list[Sharer]) -> None:
    roomy = sum(
        each.most_pods(each.replicas) * each.processes * each.connections + each.beside
        for each in given
    )
    shares = divide([replace(each, limit=roomy) for each in given])
    for each in given:
        share = shares[each.name]
        assert (share.replicas, share.connections) == (each.replicas, each.connections)


@given(sharers())
def test_pools_shrink_before_there_are_fewer_pods(given: list[Sharer]) -> None:
    shares = divide(given)
    if any(shares[each.name].replicas < each.replicas for each in given):
        capped = [each for each in given if shares[each.name].replicas < each.replicas]
        spent = sum(
            (shares[e.name].replicas + e.surge + e.spare) * e.processes + e.beside for e in given
        )
        limit = min(each.limit for each in given)
        assert all(spent + each.processes > limit for each in capped)


@given(sharers())
def test_the_order_of_the_apps_does_not_matter(given: list[Sharer]) -> None:
    assert divide(given) == divide(given[::-1])


def document(connections: int) -> AppDocument:
    return (
        app(database=DATABASE)
        .spec.document(APP)
        .model_copy(update={"database": DatabaseDocument(connections_per_process=connections)})
    )


def decide(given: Seen, *, replicas: int) -> Decision:
    return decided(app(replicas=replicas, database=DATABASE), given)


def test_twelve_pods_share_what_the_database_allows() -> None:
    decision = decide(seen(), replicas=12)
    assert decision.share == Share(12, 12, 3, 42, 50)
    assert decision.replicas == 12


def growing(connections: int, *, size: int, opened: int) -> Seen:
    """Give an app of three pods whose published config allows so many connections."""
    told = document(connections)
    pool = PoolUse(size=size, open=opened, in_use=opened)
    published = reports(beat(document=told, database=pool), document=told)
    return seen(deployed=deployed(), reports=published)


def test_more_pods_come_when_every_pool_has_shrunk() -> None:
    asked = decide(growing(10, size=10, opened=10), replicas=12)
    assert (asked.replicas, asked.reason, asked.share) == (
        3,
        Reason.POOLS_SHRINKING,
        Share(12, 12, 3, 42, 50),
    )
    assert asked.message == ("holding 3 of 12 pods: the pools of homework are to shrink to 3")
    shrinking = decide(growing(3, size=3, opened=10), replicas=12)
    assert shrinking.message == (
        f"holding 3 of 12 pods: pod {POD} of homework still has more than 3 a process"
    )
    assert decide(growing(3, size=3, opened=3), replicas=12).replicas == 12


def test_a_pod_of_more_processes_counts_with_all_of_them() -> None:
    before = replace(seen(deployed=deployed()), processes=4)
    share = decide(before, replicas=3).share
    assert share
    assert share.connections == 2


def test_a_budget_that_fits_nobody_is_said_at_once() -> None:
    small = {"maxConnections": 12, "reservedConnections": 10}
    given = seen(deployed=deployed(asked=0))
    decision = decided(app(database=small, replicas=1), given)
    assert (decision.replicas, decision.reason) == (0, Reason.BUDGET_TOO_SMALL)
    assert decision.message == (
        "holding 0 of 1 pod: the database allows 2 connections to all apps and their "
        "workers, and one pod of each with those of a rollout needs 3, at one a process: raise "
        "maxConnections, or lower processes, maxSurge or the concurrency of workers"
    )


def test_pods_that_serve_stay_where_nothing_fits() -> None:
    jobs = Workers("QueuePool jobs", 8, 1, 1, 1, 0, processes=30, connections=1, limit=50)
    given = replace(seen(deployed=deployed(asked=3)), neighbours=(Neighbour(jobs, None),))
    assert (decide(given, replicas=3).replicas, decide(given, replicas=2).replicas) == (3, 2)
    held = decide(given, replicas=12)
    assert (held.replicas, held.reason) == (3, Reason.BUDGET_TOO_SMALL)
    assert held.message.startswith("holding 3 of 12 pods: the database allows 50 connections")


def test_a_pool_without_workers_that_does_not_fit_holds_up_nobody() -> None:
    jobs = Workers("QueuePool jobs", 8, 1, 1, 0, 0, processes=30, connections=1, limit=50)
    alone = decide(seen(), replicas=12)
    beside = replace(seen(), neighbours=(Neighbour(jobs, None),))
    assert decide(beside, replicas=12) == alone
    mine = sharer(APP, app(replicas=12, database=DATABASE).spec, 12, (0, 0))
    none = grant(jobs, 0, [mine, jobs], {})
    assert none.replicas == 0
    assert none.why.startswith("the database allows 50 connections to all apps and their workers")
    # The large one waits, not the small one.
    small = replace(jobs, name="QueuePool mail", processes=1)
    shares = divide([mine, jobs, small])
    assert [shares[each.name].exceeded for each in (mine, jobs, small)] == [False, True, False]
    assert shares[small.name].replicas == 8


def test_fewer_pods_need_no_wait() -> None:
    assert decide(growing(10, size=10, opened=10), replicas=2).replicas == 2


def test_what_is_not_seen_has_not_shrunk() -> None:
    away = seen(deployed=deployed(), reports=AWAY)
    held = decide(away, replicas=12)
    assert (held.replicas, held.reason) == (3, Reason.POOLS_SHRINKING)
    # Where all fit as they are, nobody has to be heard.
    assert decide(away, replicas=3).replicas == 3


def test_the_first_pods_need_no_wait() -> None:
    assert decide(seen(reports=None), replicas=12).replicas == 12


def test_pools_grow_again_when_the_pods_beyond_have_gone() -> None:
    leaving = decide(seen(deployed=deployed(), pods=(3, 9)), replicas=3)
    assert leaving.share
    assert leaving.share.connections == 3
    gone = decide(seen(deployed=deployed(asked=3)), replicas=3)
    assert gone.share
    assert gone.share.connections == 10


def test_a_neighbour_counts_and_is_waited_for() -> None:
    told = document(10).model_copy(update={"app": "shop"})
    held = seen(
        deployed=deployed(),
        reports=reports(document=document(3)),
        neighbours=(Neighbour(SHOP, reports(document=told)),),
    )
    decision = decide(held, replicas=5)
    assert decision.share
    assert decision.share.connections < 10
    assert decision.reason == Reason.POOLS_SHRINKING
    assert "the pools of shop are to shrink" in decision.message


def test_who_wants_little_gets_it_in_full() -> None:
    little = Sharer(
        "a", replicas=2, surge=1, spare=1, staying=2, leaving=0, processes=1, connections=2, limit=8
    )
    shares = divide([little, replace(little, name="b", replicas=30)])
    assert (shares["a"].replicas, shares["b"].replicas) == (2, 2)
    wide = replace(little, limit=40)
    pools = divide([wide, replace(wide, name="b", connections=30)])
    assert (pools["a"].connections, pools["b"].connections) == (2, 8)


def test_a_new_app_waits_for_its_neighbours() -> None:
    told = document(10).model_copy(update={"app": "shop"})
    given = seen(deployed=deployed(asked=0), neighbours=(Neighbour(SHOP, reports(document=told)),))
    held = decide(given, replicas=3)
    assert (held.replicas, held.wanted, held.reason) == (0, 3, Reason.POOLS_SHRINKING)
    small = sized(told, 1)
    given = seen(deployed=deployed(asked=0), neighbours=(Neighbour(SHOP, reports(document=small)),))
    assert decide(given, replicas=3).replicas == 3


def test_where_not_even_one_connection_a_process_fits_there_are_fewer_pods() -> None:
    capped = decide(seen(), replicas=100)
    assert (capped.replicas, capped.reason) == (48, Reason.CAPPED)
    assert capped.message == (
        "48 of 100 pods: the database allows 50 connections to all apps, and each pod needs one a "
        "process"
    )
