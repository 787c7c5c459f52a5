"""When a revision is given up: what its own pods say of its config, and its own deadline."""

from datetime import timedelta
from typing import Any

import pytest
from apps import TEMPLATE_HASH, app, app_body, beat, deployed, reports, seen
from builders import NAMESPACE, NOON
from hypothesis import given
from hypothesis import strategies as st

from osnovci.app_contract import AppHeartbeat, Refusal
from osnovci_operator.app.build import revision
from osnovci_operator.app.rollout import Course, course
from osnovci_operator.app.seen import APPLIED_AT, Deployed
from osnovci_operator.labels import APP as LABEL
from osnovci_operator.labels import RELEASE
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

GOOD, STRICT = revision(app()), revision(app(health={"maxInFlight": 7}))
KEPT = {TEMPLATE_HASH: GOOD.template}
REFUSAL = Refusal(revision=1, error="too few")


def takes(pod: str) -> AppHeartbeat:
    return beat(pod=pod, document=STRICT.document)


def refuses(pod: str) -> AppHeartbeat:
    return beat(pod=pod, refused=REFUSAL)


def undecided(pod: str) -> AppHeartbeat:
    return beat(pod=pod)


def notes() -> dict[str, str]:
    """Give the notes of an app whose good revision gives way to one that is tried."""
    first = course(GOOD, seen(), "3m")
    proven = course(GOOD, seen(deployed=deployed(notes=first.notes)), "3m")
    was = deployed(notes=proven.notes, templates=KEPT)
    return dict(course(STRICT, seen(deployed=was), "3m").notes)


def choose(
    *beats: AppHeartbeat, new: set[str] | None = None, ready: set[str] | None = None
) -> Course:
    pods = frozenset(each.pod for each in beats)
    given = seen(
        deployed=deployed(notes=notes(), templates=KEPT),
        reports=reports(*beats, document=STRICT.document),
        ready_pods=pods if ready is None else frozenset(ready),
        new_pods=pods if new is None else frozenset(new),
    )
    return course(STRICT, given, "3m")


@pytest.mark.parametrize(
    ("beats", "given_up"),
    [
        ([refuses("a")], True),
        ([refuses("a"), refuses("b"), takes("c")], True),
        ([refuses("a"), takes("b")], False),
        ([refuses("a"), takes("b"), takes("c")], False),
        ([refuses("a"), undecided("b"), undecided("c")], False),
        ([refuses("a"), refuses("b"), undecided("c")], True),
    ],
    ids=["the only one", "most", "half", "one of many", "the first to answer", "enough answered"],
)
def test_a_config_is_given_up_when_most_pods_refuse_it(
    beats: list[AppHeartbeat],
    given_up: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert bool(choose(*beats).refused) is given_up


@given(st.lists(st.sampled_from([takes, refuses, undecided]), min_size=1, max_size=20))
def test_it_is_so_however_many_there_are(answers: list[Any]) -> None:
    told = reports(
        *(answer(f"pod-{number}") for number, answer in enumerate(answers)),
        document=STRICT.document,
    )
    pods = told.beats.keys()
    assert told.is_refused(pods) is (2 * answers.count(refuses) > len(answers))
    assert bool(told.refusal(pods)) is (refuses in answers)


def test_pods_that_leave_or_are_of_another_release_have_no_say() -> None:
    assert not choose(refuses("old"), takes("new"), new={"new"}).refused
    assert not choose(refuses("old"), new=set()).refused
    assert choose(takes("old"), takes("older"), refuses("new"), new={"new"}).refused


def test_a_pod_that_is_ready_and_silent_counts_and_one_that_starts_does_not() -> None:
    assert not choose(refuses("a"), new={"a", "b"}, ready={"a", "b"}).refused
    assert choose(refuses("a"), new={"a", "b"}, ready={"a"}).refused


def test_which_refuses_and_how_many_is_said() -> None:
    told = reports(refuses("a"), refuses("b"), takes("c"), document=STRICT.document)
    assert told.refusal(["a", "b", "c"]) == "pod a refuses the config: too few; 2 of 3 pods do"
    assert told.refusal(["b", "c"]) == "pod b refuses the config: too few"
    assert told.refusal(["c"]) is None


def stalled(at: str | None, deadline: int = 180) -> dict[str, Any]:
    """Give a Deployment that Kubernetes says has made no progress, with when it was applied."""
    return {
        "metadata": {
            "name": "d",
            "uid": "d",
            "generation": 1,
            "annotations": {APPLIED_AT: at} if at is not None else {},
        },
        "spec": {
            "progressDeadlineSeconds": deadline,
            "template": {"metadata": {"labels": {}}},
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
            ],
        },
    }


@pytest.mark.parametrize(
    ("at", "judged"),
    [
        ("2026-03-01T12:00:00Z", False),
        ("2026-03-01T11:57:01Z", False),
        ("2026-03-01T11:57:00Z", True),
        (None, True),
        ("yesterday", True),
        ("2026-03-01T11:00:00", True),
        ("9999-12-31T23:59:59Z", False),
    ],
    ids=[
        "now",
        "a second short",
        "for as long",
        "before it was noted",
        "nonsense",
        "no zone",
        "late",
    ],
)
def test_a_verdict_that_a_revision_cannot_have_earned_is_of_the_one_before(
    at: str | None,
    judged: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Kubernetes leaves it where a template comes back whose ReplicaSet it kept."""
    assert Deployed.parse(stalled(at), (), NOON).stalled is judged


def test_a_template_that_comes_back_has_its_deadline_anew() -> None:
    """From a broken revision back to an earlier one by hand: the verdict is still the broken one's."""
    earlier = revision(app(pod={"image": "homework:0"}))
    broken = dict(notes())
    templates = {TEMPLATE_HASH: GOOD.template, "broken": STRICT.template, "old": earlier.template}
    of_before = deployed(
        notes=broken, complete=False, stalled=True, template_hash="broken", templates=templates
    )
    begun = course(earlier, seen(deployed=of_before, reports=None), "3m")
    assert begun.revision == earlier
    # The Deployment has the earlier template now, and the condition is as it was.
    body = stalled(begun.notes[APPLIED_AT])
    soon, late = NOON + timedelta(seconds=1), NOON + timedelta(minutes=3)
    for now, refused in ((soon, False), (late, True)):
        read = Deployed.parse(body, (), now).stalled
        was = deployed(
            notes=begun.notes,
            complete=False,
            stalled=read,
            template_hash="old",
            templates=templates,
        )
        chosen = course(earlier, seen(now=now, deployed=was, reports=None), "3m")
        assert bool(chosen.refused) is refused


def test_since_when_a_revision_is_applied_does_not_move() -> None:
    before = notes()
    later = seen(now=NOON + timedelta(minutes=1), deployed=deployed(notes=before, templates=KEPT))
    assert course(STRICT, later, "3m").notes[APPLIED_AT] == before[APPLIED_AT]


def pod(name: str, release: str, **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "labels": {LABEL: "homework"}}
    metadata |= {"annotations": {RELEASE: release}} | status.pop("metadata", {})
    return {"kind": "Pod", "metadata": metadata, "status": status}


def test_the_trouble_of_an_older_release_is_not_the_new_ones() -> None:
    store, key = Store(), Key("OsnovciApp", NAMESPACE, "homework")
    no_room = {"type": "PodScheduled", "status": "False", "message": "no room"}
    store.put(app_body())
    store.put(pod("a-old", "old", conditions=[no_room]))
    store.put(pod("b-new", "new"))
    store.put(pod("c-new", "new", metadata={"deletionTimestamp": NOON.isoformat()}))
    assert (
        store.trouble(key) == store.trouble(key, "old") == "pod a-old cannot be scheduled: no room"
    )
    assert store.trouble(key, "new") is None
    assert store.of_release(key, "new") == {"b-new"}
