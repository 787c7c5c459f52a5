"""What a pool says of its schedules, and what is reported of them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from builders import AWAY, NOON, pool_body, reading, seen, workers
from hypothesis import given
from hypothesis import strategies as st

from osnovci.contract import ENV_POOL, Overlap, PoolDocument
from osnovci.schedules.cron import Cron, CronError
from osnovci_operator import crds
from osnovci_operator.kinds import QUEUE_POOL
from osnovci_operator.queuepool.build import deployment
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.schedule import KWARGS_MAX_BYTES
from osnovci_operator.queuepool.seen import ScheduleReading, Seen
from osnovci_operator.queuepool.spec import Pool, Status
from osnovci_operator.queuepool.status import status
from osnovci_operator.resource import InvalidSpecError

REMINDERS = {
    "name": "reminders",
    "cron": "0 7 * * *",
    "timeZone": "Europe/Belgrade",
    "task": "homework.jobs.send_reminders",
    "queue": "email",
}
READING = ScheduleReading("reminders", upcoming=NOON + timedelta(hours=18))


def pool(**changed: Any) -> Pool:
    made = pool_body()
    return Pool.parse(made | {"spec": made["spec"] | {"schedules": [REMINDERS | changed]}})


def field(name: str) -> dict[str, Any]:
    (version,) = crds.crd(QUEUE_POOL)["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec["properties"]["schedules"]["items"]["properties"][name]


def accepts(expression: str) -> bool:
    """Whether the API server would: the pattern is one that Python and CEL read alike."""
    (rule,) = field("cron")["x-kubernetes-validations"]
    pattern = rule["rule"].removeprefix("self.matches('").removesuffix("')")
    return re.search(pattern, expression) is not None


def readable(expression: str) -> bool:
    try:
        return bool(Cron.parse(expression, "UTC"))
    except CronError:
        return False


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "*/5 * * * *", "0 7 * * 1-5", "0,30 6-22/2 1,15 jan,JUL mon-FRI", "0 0 L * *",
     "0 0 LW * *", "0 0 * * 5L", "0 0 * * mon#1", "05 07 01 01 0", "0-59/7 * * * 7"],
)  # fmt: skip
def test_the_api_server_lets_pass_what_is_cron(expression: str) -> None:
    assert accepts(expression)
    assert readable(expression)


@pytest.mark.parametrize(
    "expression",
    ["", "@daily", "0 7 * *", "0 0 7 * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
     "* * * 13 *", "* * * * 8", "*/0 * * * *", "* * * * mon#6", "a * * * *", " 0 7 * * *",
     "TZ=UTC 0 7 * * *", "* * * * 5,"],
)  # fmt: skip
def test_the_api_server_refuses_what_is_none(expression: str) -> None:
    assert not accepts(expression)
    assert not readable(expression) or expression != expression.strip()


number = st.integers(0, 70).map(str)
item = st.one_of(st.just("*"), number, st.tuples(number, number).map("-".join))
stepped = st.one_of(item, st.tuples(item, number).map("/".join))
fields = st.lists(stepped, min_size=1, max_size=2).map(",".join)


@given(st.lists(fields, min_size=5, max_size=5).map(" ".join))
def test_it_refuses_nothing_that_the_library_reads(expression: str) -> None:
    assert accepts(expression) or not readable(expression)


def test_a_schedule_in_a_sentence_has_sensible_defaults() -> None:
    (schedule,) = pool().spec.schedules
    document = schedule.document()
    assert (document.overlap, document.starting_deadline_seconds) == (Overlap.SKIP, 3600)
    assert document.kwargs == {}
    assert field("timeZone")["default"] == "UTC"
    assert field("overlap")["default"] == "Skip"
    assert field("startingDeadline")["default"] == "1h"


def test_the_pools_document_carries_them_to_the_workers() -> None:
    text = pool(kwargs={"days": 2}).spec.document("homework-jobs").model_dump_json()
    (document,) = PoolDocument.model_validate_json(text).schedules
    assert (document.cron, document.time_zone) == ("0 7 * * *", "Europe/Belgrade")
    assert document.kwargs == {"days": 2}


def test_the_kubelet_finds_nothing_to_replace_in_it() -> None:
    made = pool(kwargs={"price": "$$5", "name": "$(OSNOVCI_POD)"})
    (container,) = deployment(made, 1)["spec"]["template"]["spec"]["containers"]
    (value,) = (each["value"] for each in container["env"] if each["name"] == ENV_POOL)
    assert "$" not in value
    (document,) = PoolDocument.model_validate_json(value).schedules
    assert document.kwargs == {"price": "$$5", "name": "$(OSNOVCI_POD)"}


def test_arguments_that_no_pod_could_carry_are_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"schedules.0.kwargs: .* store the data"):
        pool(kwargs={"data": "x" * KWARGS_MAX_BYTES})


def report(observed: Seen, last: dict[str, Any] | None = None) -> dict[str, Any]:
    decision, _ = decide(pool().spec, observed, ScalingState())
    written = status(pool(), last or {}, observed, decision, None)
    Status.model_validate(written)
    return written


def scheduled(written: dict[str, Any]) -> tuple[str, str, str]:
    (found,) = (each for each in written["conditions"] if each["type"] == "Scheduled")
    return found["status"], found["reason"], found["message"]


def observed(*schedules: ScheduleReading) -> Seen:
    return Seen(NOON, workers(), reading(), schedules=schedules)


def test_the_next_time_is_said() -> None:
    fired = ScheduleReading("sync", NOON + timedelta(hours=1), fired=NOON, job="j_sync_1")
    written = report(observed(READING, fired))
    assert scheduled(written) == (
        "True",
        "Scheduled",
        "2 schedules; next: sync at 2026-03-01T13:00:00Z",
    )
    assert written["schedules"] == [
        {"name": "reminders", "nextTime": "2026-03-02T06:00:00Z"},
        {
            "name": "sync",
            "nextTime": "2026-03-01T13:00:00Z",
            "lastScheduleTime": "2026-03-01T12:00:00Z",
            "lastJob": "j_sync_1",
        },
    ]


def test_one_that_cannot_fire_is_said_with_what_would_be_right() -> None:
    written = report(observed(ScheduleReading("x", broken="timeZone: there is no 'Mars'"), READING))
    assert scheduled(written) == (
        "False",
        "InvalidSchedule",
        "schedule x never fires, the others do: timeZone: there is no 'Mars'",
    )


@pytest.mark.parametrize(
    "unseen",
    [
        pytest.param(Seen(NOON, workers(), reading(), schedules=None), id="not looked at"),
        pytest.param(Seen(NOON, workers(), AWAY, schedules=None), id="Redis is away"),
    ],
)
def test_not_observed_keeps_what_was_seen(unseen: Seen) -> None:
    before = report(observed(READING))
    written = report(unseen, before)
    assert written["schedules"] == before["schedules"]
    assert scheduled(written)[:2] == ("Unknown", "NotObserved")


def test_a_pool_without_schedules_says_nothing_of_them() -> None:
    plain = Pool.parse(pool_body())
    decision, _ = decide(plain.spec, seen(), ScalingState())
    written = status(plain, {}, seen(), decision, None)
    assert "schedules" not in written
    assert "Scheduled" not in {each["type"] for each in written["conditions"]}
