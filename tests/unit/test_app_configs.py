"""Which pods are told which config, while a revision is tried and when it is given up."""

from dataclasses import replace
from typing import Any

from apps import APP, app, deployed, seen
from hypothesis import given
from hypothesis import strategies as st

from osnovci.app_contract import AppDocument
from osnovci_operator.app.budget import Share
from osnovci_operator.app.build import revision
from osnovci_operator.app.configs import configs, standing
from osnovci_operator.app.objects import standing as read
from osnovci_operator.app.rollout import Course, Revision
from osnovci_operator.app.seen import Seen


def of(image: str, most: int, connections: int = 10) -> Revision:
    spec: dict[str, Any] = {
        "pod": {"image": f"homework:{image}"},
        "health": {"maxInFlight": most},
        "database": {"connectionsPerProcess": connections},
    }
    return revision(app(**spec))


OLD, NEW, HOT = of("1", 100), of("2", 7), of("1", 50)


def after(before: Revision, *others: Revision) -> Seen:
    """Give what is seen with pods of these revisions, the first of which is the Deployment's."""
    every = (before, *others)
    deployment = replace(deployed(), template=before.template)
    return replace(
        seen(deployed=deployment),
        standing={each.release: each.document for each in every},
        releases=frozenset(each.release for each in every),
    )


def told(given: Seen, chosen: Revision, share: Share | None = None) -> dict[str, AppDocument]:
    return dict(configs(given, Course(chosen, {}), share).documents)


def test_the_first_revision_has_its_config() -> None:
    assert told(seen(), NEW) == {NEW.release: NEW.document}
    assert standing(seen(), None) is None


def test_a_change_of_the_config_alone_reaches_the_pods_that_run() -> None:
    assert told(after(OLD), HOT) == {OLD.release: HOT.document}


def test_the_config_of_another_image_reaches_its_own_pods_alone() -> None:
    both = {OLD.release: OLD.document, NEW.release: NEW.document}
    assert told(after(OLD), NEW) == both
    assert told(after(NEW, OLD), NEW) == both
    # Given up: what is left of the new pods keeps its own, and the old ones never had it.
    assert told(after(OLD, NEW), OLD) == both
    assert told(after(OLD), OLD) == {OLD.release: OLD.document}


def test_a_refused_hot_change_is_taken_back() -> None:
    assert told(after(HOT), OLD) == {OLD.release: OLD.document}


def test_until_the_deployment_is_taken_what_was_told_is() -> None:
    before = standing(after(OLD), None)
    assert before
    assert (before.release, before.documents) == (OLD.release, {OLD.release: OLD.document})


def test_pools_of_old_pods_shrink_with_those_of_the_new_ones() -> None:
    share = Share(replicas=3, wanted=3, connections=4, budget=12, limit=12)
    sizes = {
        release: each.database and each.database.connections_per_process
        for release, each in told(after(OLD), NEW, share).items()
    }
    assert sizes == {OLD.release: 4, NEW.release: 4}


def test_what_somebody_else_wrote_is_no_config() -> None:
    text = OLD.document.model_dump_json()
    assert read({"data": {"a": text, "b": "{"}}) == {"a": OLD.document}
    assert read(None) == {}


REVISIONS = st.builds(of, st.sampled_from("123"), st.integers(1, 4))


@given(st.lists(REVISIONS, min_size=1, max_size=8), st.data())
def test_no_pod_is_ever_told_the_config_of_another_image(
    wanted: list[Revision], data: st.DataObject
) -> None:
    """Whatever is asked for, and in whatever order pods go."""
    asked: dict[str, set[str]] = {}
    now = seen()
    for each in wanted:
        asked.setdefault(each.release, set()).add(each.document.model_dump_json())
        found = told(now, each)
        assert found[each.release] == each.document
        for release, document in found.items():
            assert document.app == APP
            assert document.model_dump_json() in asked[release]
        left = data.draw(st.sets(st.sampled_from(sorted(found))))
        now = replace(
            seen(deployed=replace(deployed(), template=each.template)),
            standing=found,
            releases=frozenset(left | {each.release}),
        )
