"""Which revision of an app is rolled out, and what is remembered of those that were."""

import pytest
from apps import POD, TEMPLATE_HASH, app, beat, deployed, reports, seen
from builders import AWAY

from osnovci.app_contract import Refusal
from osnovci_operator.app.build import revision
from osnovci_operator.app.reports import Reports, sized
from osnovci_operator.app.rollout import Course, Revision, course
from osnovci_operator.app.seen import Deployed
from osnovci_operator.backend import Unreadable

GOOD = revision(app())
BAD = revision(app(pod={"image": "homework:broken"}))
BETTER = revision(app(pod={"image": "homework:2"}))
OTHER_HASH = "77b9d6"
Told = Reports | Unreadable | None
DEFAULT = reports()
TROUBLE = "pod homework-77b9d6-x2x8z cannot start, ErrImagePull: not found"


def choose(
    wanted: Revision, was: Deployed | None, trouble: str | None = None, told: Told = DEFAULT
) -> Course:
    """Choose; unless something else is told, the config is published and no pod refuses it."""
    told = reports(document=wanted.document) if told is DEFAULT else told
    return course(wanted, seen(deployed=was, trouble=trouble, reports=told), "3m")


def proven() -> dict[str, str]:
    """Give the notes of an app whose first revision became good."""
    first = choose(GOOD, None)
    return dict(choose(GOOD, deployed(notes=first.notes)).notes)


def going(notes: dict[str, str], *, stalled: bool) -> Deployed:
    """Give a Deployment whose new revision has no ready pod."""
    return deployed(
        existing=4,
        updated=1,
        complete=False,
        stalled=stalled,
        notes=notes,
        template_hash=OTHER_HASH,
        templates={TEMPLATE_HASH: GOOD.template, OTHER_HASH: BAD.template},
    )


def failed() -> tuple[Course, dict[str, str]]:
    """Roll out a revision until it is given up; give the course, and the notes from before it."""
    begun = choose(BAD, deployed(notes=proven(), templates={TEMPLATE_HASH: GOOD.template}))
    return choose(BAD, going(dict(begun.notes), stalled=True), TROUBLE), dict(begun.notes)


def test_the_first_revision_is_the_one_of_the_spec() -> None:
    chosen = choose(GOOD, None)
    assert chosen.revision == GOOD
    assert not chosen.refused


def test_a_new_revision_is_rolled_out_until_its_deadline() -> None:
    begun = choose(BAD, deployed(notes=proven(), templates={TEMPLATE_HASH: GOOD.template}))
    assert begun.revision == BAD
    waiting = choose(BAD, going(dict(begun.notes), stalled=False), TROUBLE)
    assert waiting.revision == BAD
    assert not waiting.refused


def test_one_that_does_not_become_ready_gives_way_to_the_last_good_one() -> None:
    back, _ = failed()
    assert back.revision == GOOD
    assert back.refused == f"the new revision did not become ready within 3m: {TROUBLE}"


def test_it_stays_back_whoever_looks_and_whatever_the_pods_say_later() -> None:
    back, _ = failed()
    was = deployed(
        notes=back.notes, templates={TEMPLATE_HASH: GOOD.template, OTHER_HASH: BAD.template}
    )
    again = choose(BAD, was)
    assert again == back
    scaled = choose(
        BAD,
        deployed(
            asked=9,
            ready=1,
            complete=False,
            notes=back.notes,
            templates={TEMPLATE_HASH: GOOD.template},
        ),
    )
    assert scaled == back


def test_a_changed_spec_is_tried_again() -> None:
    back, _ = failed()
    was = deployed(notes=back.notes, templates={TEMPLATE_HASH: GOOD.template})
    tried = choose(BETTER, was)
    assert tried.revision == BETTER
    assert not tried.refused
    # What was refused is forgotten, so that it may be asked for again.
    begun = deployed(notes=tried.notes, complete=False, templates={TEMPLATE_HASH: GOOD.template})
    assert choose(BAD, begun).revision == BAD


def test_the_verdict_on_another_revision_is_not_this_ones() -> None:
    """The Deployment may say that it stalls though the new spec was not applied yet."""
    back, before = failed()
    assert back.refused
    stalled = going(before, stalled=True)
    assert choose(BETTER, stalled).revision == BETTER


def test_without_a_good_one_there_is_nothing_to_go_back_to() -> None:
    begun = choose(BAD, None)
    stalled = deployed(
        complete=False,
        stalled=True,
        ready=0,
        notes=begun.notes,
        templates={OTHER_HASH: BAD.template},
    )
    assert choose(BAD, stalled).revision == BAD


def test_a_good_one_that_kubernetes_no_longer_keeps_is_none() -> None:
    begun = choose(BAD, deployed(notes=proven()))
    stalled = deployed(complete=False, stalled=True, notes=begun.notes, template_hash=OTHER_HASH)
    assert choose(BAD, stalled).revision == BAD


def test_a_good_one_that_lacks_room_for_more_pods_is_not_given_up() -> None:
    crowded = deployed(
        asked=20,
        existing=20,
        ready=5,
        complete=False,
        stalled=True,
        notes=proven(),
        templates={TEMPLATE_HASH: GOOD.template},
    )
    chosen = choose(GOOD, crowded)
    assert chosen.revision == GOOD
    assert not chosen.refused


def test_the_config_goes_back_with_the_image() -> None:
    bad = revision(app(pod={"image": "homework:broken"}, health={"maxInFlight": 1}))
    begun = choose(bad, deployed(notes=proven(), templates={TEMPLATE_HASH: GOOD.template}))
    back = choose(bad, going(dict(begun.notes), stalled=True), TROUBLE)
    assert back.revision.document == GOOD.document


def test_what_was_not_rolled_out_whole_is_not_good() -> None:
    begun = choose(GOOD, None)
    half = choose(GOOD, deployed(notes=begun.notes, complete=False, updated=1))
    assert half.notes == begun.notes


STRICT = revision(app(health={"maxInFlight": 7}))
REFUSAL = Refusal(revision=1, error="health.max_in_flight: too few")


def test_a_config_that_the_app_refuses_goes_back() -> None:
    kept = {TEMPLATE_HASH: GOOD.template}
    begun = choose(STRICT, deployed(notes=proven(), templates=kept))
    told = reports(beat(refused=REFUSAL), document=STRICT.document)
    back = choose(STRICT, deployed(notes=begun.notes, templates=kept), told=told)
    assert back.revision == GOOD
    assert back.refused == f"pod {POD} refuses the config: health.max_in_flight: too few"
    # The refusal is of what is no longer published; it stays refused.
    assert choose(STRICT, deployed(notes=back.notes, templates=kept)) == back


def test_a_good_config_that_a_pod_refuses_for_a_moment_is_not_given_up() -> None:
    told = reports(beat(refused=REFUSAL), document=GOOD.document)
    chosen = choose(
        GOOD, deployed(notes=proven(), templates={TEMPLATE_HASH: GOOD.template}), told=told
    )
    assert chosen.revision == GOOD
    assert not chosen.refused


def test_a_refusal_of_what_was_published_before_is_not_this_ones() -> None:
    kept = {TEMPLATE_HASH: GOOD.template}
    begun = choose(STRICT, deployed(notes=proven(), templates=kept))
    told = reports(beat(refused=REFUSAL), document=BAD.document)
    assert not choose(STRICT, deployed(notes=begun.notes, templates=kept), told=told).refused


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(None, id="Redis was not read yet"),
        pytest.param(AWAY, id="Redis is away"),
        pytest.param(reports(revision=0), id="the config is not published yet"),
        pytest.param(reports(beat(document=STRICT.document)), id="a pod runs another config"),
    ],
)
def test_a_config_that_is_not_in_force_is_not_good(told: Told) -> None:
    begun = choose(GOOD, None)
    seen = deployed(notes=begun.notes)
    assert choose(GOOD, seen, told=told).notes == begun.notes
    assert choose(GOOD, seen).notes != begun.notes


def test_a_smaller_pool_is_no_other_config() -> None:
    database = revision(app(database={"connectionsPerProcess": 10}))
    begun = choose(database, None)
    shrunk = sized(database.document, 4)
    told = reports(beat(document=shrunk), document=shrunk)
    kept = choose(database, deployed(notes=begun.notes), told=told)
    assert kept.notes != begun.notes
