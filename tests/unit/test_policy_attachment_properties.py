"""Whatever policies target an app: its limits have each name once, and a younger policy loosens nothing."""

from datetime import timedelta
from typing import Any

from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from policies import policy

from osnovci_operator.attachment import MOST_BYTES, attach, in_force
from osnovci_operator.ratelimit.spec import Policy

LONG = [{"path": f"/{number}/{'a' * 250}"} for number in range(16)]


@st.composite
def several(draw: st.DrawFn) -> list[Policy]:
    """Draw policies of an app, some large, some of the same moment, with names in common."""
    made: list[Policy] = []
    for name in draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)):
        names = draw(st.lists(st.sampled_from("uvwxyz"), unique=True, min_size=1))
        match = draw(st.sampled_from([[], LONG]))
        limits: list[dict[str, Any]] = [
            {"name": each, "max": 9, "window": "1m", "match": match} for each in names
        ]
        age = timedelta(seconds=draw(st.integers(0, 3)))
        made.append(policy(name=name, created_at=NOON - age, limits=limits))
    return made


@given(several(), st.randoms(use_true_random=False))
def test_each_name_is_once_and_all_fit(policies: list[Policy], random: Any) -> None:
    found = attach(policies)
    told = in_force(found)
    names = [limit.name for each in told for limit in each.limits]
    assert len(names) == len(set(names))
    assert sum(len(each.model_dump_json()) for each in told) <= MOST_BYTES
    assert found.keys() == {each.key.name for each in policies}
    random.shuffle(policies)
    assert list(attach(policies).items()) == list(found.items())


@given(several())
def test_a_younger_policy_changes_nothing_of_older_ones(policies: list[Policy]) -> None:
    order = list(attach(policies))
    by_name = {each.key.name: each for each in policies}
    for count in range(len(order)):
        older = attach([by_name[name] for name in order[:count]])
        assert older == {name: attach(policies)[name] for name in order[:count]}


@given(several())
def test_what_is_not_in_force_is_told_with_the_reason(policies: list[Policy]) -> None:
    found = attach(policies)
    for each in policies:
        attached = found[each.key.name]
        said = {limit.name for limit in each.spec.limits}
        kept = {limit.name for limit in attached.document.limits} if attached.document else set()
        if not attached.excess_bytes:
            assert kept | attached.overridden.keys() == said
            assert not kept & attached.overridden.keys()
