"""What is reported of a pool: figures and conditions, and since when they hold."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import AWAY, NOON, pool, reading, scaling, seen, spec, workers

from osnovci_operator.conditions import invalid
from osnovci_operator.database import Grant
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.seen import Seen
from osnovci_operator.queuepool.spec import Spec, Status
from osnovci_operator.queuepool.status import Refusal, status

FOLLOWS = spec(scaling=scaling())
CRASHED = "pod jobs-1 ended with exit status 2: osnovci: no such module"
QUOTA = "pods jobs-1 is forbidden: exceeded quota: few, requested: pods=1, used: pods=2"
LATER = NOON + timedelta(minutes=5)


NOBODY = Grant(0, "the database is full")


def report(
    observed: Seen,
    *,
    given: Spec = FOLLOWS,
    before: dict[str, Any] | None = None,
    refusal: Refusal | None = None,
) -> dict[str, Any]:
    """Decide and write the status, as a reconcile does."""
    decision, _ = decide(given, observed, ScalingState())
    return status(pool(), before or {}, observed, decision, refusal)


def condition(of: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (each for each in of["conditions"] if each["type"] == kind)
    return found


@pytest.mark.parametrize(
    ("observed", "refusal", "verdict", "message"),
    [
        pytest.param(
            seen(reading=reading(waiting=5)),
            None,
            ("False", "RollingOut"),
            "asked for 2 workers",
            id="no Deployment yet",
        ),
        pytest.param(
            seen(workers=workers(asked=2, settled=False), reading=reading(active=3)),
            None,
            ("False", "RollingOut"),
            "asked for 2 workers",
            id="the newest spec is not taken up yet",
        ),
        pytest.param(
            seen(workers=workers(asked=2, updated=1), reading=reading(active=3)),
            None,
            ("False", "RollingOut"),
            "2 of 2 workers ready, 1 of the new spec",
            id="a rollout is under way",
        ),
        pytest.param(
            seen(workers=workers(asked=2, ready=0), reading=reading(active=3)),
            None,
            ("False", "WorkersStarting"),
            "0 of 2 workers ready",
            id="no worker is ready",
        ),
        pytest.param(
            seen(workers=workers(asked=2, ready=0), reading=reading(active=3), trouble=CRASHED),
            None,
            ("False", "WorkersNotStarting"),
            f"0 of 2 workers ready; {CRASHED}",
            id="no worker is ready, for a reason",
        ),
        pytest.param(
            seen(workers=workers(asked=2, ready=0, trouble=QUOTA), reading=reading(active=3)),
            None,
            ("False", "WorkersNotStarting"),
            f"0 of 2 workers ready; {QUOTA}",
            id="pods cannot be made",
        ),
        pytest.param(
            seen(
                workers=workers(asked=2, existing=3, ready=1, updated=1),
                reading=reading(active=3),
                trouble=CRASHED,
            ),
            None,
            ("False", "WorkersNotStarting"),
            f"1 of 2 workers ready; {CRASHED}",
            id="a rollout does not come on, for a reason",
        ),
        pytest.param(
            seen(workers=workers(asked=2, ready=1), reading=reading(active=3), trouble=CRASHED),
            None,
            ("True", "WorkersReady"),
            f"1 of 2 workers ready; {CRASHED}",
            id="one is ready, and why the other is not",
        ),
        pytest.param(
            seen(workers=workers(asked=2, ready=1), reading=reading(active=3)),
            None,
            ("True", "WorkersReady"),
            "1 of 2 workers ready",
            id="one ready worker is enough",
        ),
        pytest.param(
            seen(workers=workers(asked=0)),
            None,
            ("True", "NoneNeeded"),
            "no worker is needed; the first job brings one",
            id="at zero the pool is ready",
        ),
        pytest.param(
            replace(seen(workers=workers(asked=0), reading=reading(waiting=1)), grant=NOBODY),
            None,
            ("False", "ReplicasCapped"),
            "0 of 1 worker: the database is full",
            id="the database allows none",
        ),
        pytest.param(
            seen(workers=workers(asked=2), reading=AWAY),
            None,
            ("False", "Unreachable"),
            AWAY.message,
            id="Redis is away",
        ),
        pytest.param(
            seen(workers=workers(asked=2), taken=(("email", "older"),)),
            Refusal("forbidden"),
            ("False", "QueueTaken"),
            "queue email belongs to the older pool older: remove it from one of the two; "
            "until then this pool's workers stay as they are",
            id="a queue is taken",
        ),
        pytest.param(
            seen(workers=workers(asked=2), reading=AWAY),
            Refusal("the namespace is being deleted"),
            ("False", "PodRefused"),
            "the namespace is being deleted",
            id="the API server's refusal is said before Redis",
        ),
    ],
)
def test_ready(
    observed: Seen, refusal: Refusal | None, verdict: tuple[str, str], message: str
) -> None:
    ready = condition(report(observed, refusal=refusal), "Ready")
    assert (ready["status"], ready["reason"]) == verdict
    assert ready["message"] == message


def test_the_figures_of_a_pool() -> None:
    observed = seen(
        workers=workers(asked=1, existing=2, ready=1),
        reading=reading(waiting=5, active=1, busy=2, oldest_wait=timedelta(seconds=61.9)),
    )
    written = report(observed)
    del written["conditions"]
    assert written == {
        "observedGeneration": 3,
        "replicas": 2,
        "readyReplicas": 1,
        "desiredReplicas": 3,
        "selector": "osnovci.app/pool=homework-jobs",
        "busy": 2,
        "waiting": 5,
        "expectedWait": "5s",
        "queues": [
            {
                "name": "email",
                "waiting": 5,
                "active": 1,
                "scheduled": 0,
                "completed": 0,
                "failed": 0,
                "paused": False,
                "oldestWait": "1m",
            }
        ],
    }


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(seen(workers=workers(), reading=reading(waiting=3)), id="readable"),
        pytest.param(seen(reading=AWAY), id="never readable"),
    ],
)
def test_what_is_written_is_in_the_schema(observed: Seen) -> None:
    written = report(observed)
    read_back = Status.model_validate(written).model_dump(exclude_unset=True)
    assert read_back == written


def test_figures_are_kept_while_redis_is_away() -> None:
    before = report(seen(workers=workers(), reading=reading(waiting=3, busy=2)))
    after = report(seen(now=LATER, workers=workers(), reading=AWAY), before=before)
    kept = ("busy", "waiting", "queues")
    assert [after[field] for field in kept] == [before[field] for field in kept]
    assert condition(after, "BackendReachable")["reason"] == "Unreachable"
    assert condition(after, "ScalingActive")["status"] == "False"


def test_figures_never_seen_are_left_out() -> None:
    assert not {"busy", "waiting", "queues"} & report(seen(reading=AWAY)).keys()


def test_a_limit_is_a_condition() -> None:
    limited = report(seen(reading=reading(waiting=9)), given=spec(scaling=scaling(maximum=1)))
    assert condition(limited, "ScalingLimited")["reason"] == "TooManyReplicas"
    within = report(seen(reading=reading(waiting=1)))
    assert condition(within, "ScalingLimited")["reason"] == "WithinBounds"


UNKNOWN_STATUS = "job 7 of email is waiting: left: its status is unknown"


@pytest.mark.parametrize(
    ("observed", "verdict", "message"),
    [
        pytest.param(
            seen(accounts=Accounts(4)),
            ("True", "AllAccounted"),
            "4 jobs, each in exactly one place",
            id="all are accounted for",
        ),
        pytest.param(seen(accounts=Accounts(0)), ("True", "AllAccounted"), "no jobs", id="none"),
        pytest.param(
            seen(accounts=Accounts(4, (UNKNOWN_STATUS, UNKNOWN_STATUS))),
            ("False", "Unaccounted"),
            f"{UNKNOWN_STATUS}; and 1 more",
            id="two could not be mended",
        ),
        pytest.param(
            seen(accounts=Accounts(0, unknown="it did not end within 900s")),
            ("Unknown", "AuditFailed"),
            "it did not end within 900s",
            id="the audit failed",
        ),
        pytest.param(
            seen(), ("Unknown", "NotAuditedYet"), "the first audit is to come", id="not audited yet"
        ),
        pytest.param(
            seen(reading=AWAY, accounts=Accounts(4)),
            ("Unknown", "Unreachable"),
            f"the jobs cannot be audited: {AWAY.message}",
            id="Redis is away, whatever the last audit said",
        ),
    ],
)
def test_jobs_accounted(observed: Seen, verdict: tuple[str, str], message: str) -> None:
    found = condition(report(observed), "JobsAccounted")
    assert (found["status"], found["reason"]) == verdict
    assert found["message"] == message


def test_writing_the_same_again_changes_nothing() -> None:
    observed = seen(workers=workers(), reading=reading(waiting=1))
    before = report(observed)
    assert report(
        seen(now=LATER, workers=workers(), reading=reading(waiting=1)), before=before
    ) == (before)


def test_an_invalid_spec_touches_only_ready() -> None:
    before = report(seen(workers=workers(), reading=reading(waiting=3)))
    after = invalid("spec.pod: Field required", before, 4, LATER)
    assert {**after, "conditions": 0} == {**before, "conditions": 0, "observedGeneration": 4}
    ready = condition(after, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert ready["message"] == "spec.pod: Field required"
    others = {each["type"] for each in before["conditions"]} - {"Ready"}
    assert len(others) == 5
    for kind in others:
        assert condition(after, kind) == condition(before, kind)


def test_a_change_of_the_count_does_not_take_back_ready() -> None:
    scaling_up = seen(workers=workers(asked=3, settled=False), reading=reading(active=9))
    before = report(seen(workers=workers(asked=3), reading=reading(active=6)))
    assert condition(report(scaling_up, before=before), "Ready")["status"] == "True"
    of_another_spec = before | {"observedGeneration": 1}
    assert condition(report(scaling_up, before=of_another_spec), "Ready")["status"] == "False"
