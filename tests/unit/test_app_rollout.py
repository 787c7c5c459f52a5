"""Which revision of an app is rolled out, and what is remembered of those that were."""

from typing import Any

from apps import TEMPLATE_HASH, app, deployed, revision

from osnovci_operator.app.rollout import Course, course
from osnovci_operator.app.seen import Deployed

GOOD = revision(app())
BAD = revision(app(pod={"image": "homework:broken"}))
BETTER = revision(app(pod={"image": "homework:2"}))
OTHER_HASH = "77b9d6"
TROUBLE = "pod homework-77b9d6-x2x8z cannot start, ErrImagePull: not found"


def choose(wanted: Any, seen: Deployed | None, trouble: str | None = None) -> Course:
    return course(wanted, seen, "3m", trouble)


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
    seen = deployed(
        notes=back.notes, templates={TEMPLATE_HASH: GOOD.template, OTHER_HASH: BAD.template}
    )
    again = choose(BAD, seen)
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
    seen = deployed(notes=back.notes, templates={TEMPLATE_HASH: GOOD.template})
    tried = choose(BETTER, seen)
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
