"""Conditions: since when they hold, and how much of a message is kept."""

from datetime import timedelta

import pytest
from builders import NOON

from osnovci_operator.conditions import MESSAGE_MAX, Condition, merge

LATER = NOON + timedelta(minutes=5)
STARTING = Condition("Ready", status=False, reason="WorkersStarting", message="0 of 1 ready")


@pytest.mark.parametrize(
    ("following", "moves"),
    [
        pytest.param(STARTING, False, id="the same again"),
        pytest.param(
            Condition("Ready", status=False, reason="Unreachable", message="no Redis"),
            False,
            id="another reason",
        ),
        pytest.param(
            Condition("Ready", status=True, reason="WorkersReady", message="1 of 1 ready"),
            True,
            id="another status",
        ),
        pytest.param(
            Condition("Ready", status=None, reason="Unknown", message="not looked at"),
            True,
            id="no longer known",
        ),
    ],
)
def test_a_transition_time_moves_only_with_the_status(following: Condition, *, moves: bool) -> None:
    before = merge((), [STARTING], 1, NOON)
    (after,) = merge(before, [following], 2, LATER)
    since = "2026-03-01T12:05:00Z" if moves else "2026-03-01T12:00:00Z"
    assert (after["lastTransitionTime"], after["observedGeneration"]) == (since, 2)
    assert (after["reason"], after["message"]) == (following.reason, following.message)


def test_a_message_is_cut_to_what_the_api_takes() -> None:
    long = Condition("Ready", status=False, reason="PodRefused", message="x" * 2000)
    (written,) = merge((), [long], 1, NOON)
    assert len(written["message"]) == MESSAGE_MAX
