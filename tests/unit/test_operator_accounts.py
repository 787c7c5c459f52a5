"""What an audit says of one pool, and when the next is due."""

from datetime import timedelta

import pytest

from osnovci.queues.audit import Finding, Freed, Report
from osnovci_operator.queuepool.accounts import EVERY, NEW, QUIET, RETRY, Accounts, mended, of, wait

MENDED = Finding("1", "email", "queued, in no place", "waits again")
LEFT = Finding("2", "report", "waiting", 'left: its status "odd" is unknown')
FREED = Freed("laptop", "email", 2)
EMAIL, REPORT = frozenset({"email"}), frozenset({"report", "schedule"})


def report(
    *findings: Finding,
    jobs: dict[str, int] | None = None,
    freed: tuple[Freed, ...] = (),
    broken: dict[str, str] | None = None,
    is_complete: bool = True,
) -> Report:
    return Report(jobs or {}, findings, freed, broken or {}, is_complete)


def test_a_pool_is_told_of_its_own_jobs() -> None:
    found = report(MENDED, LEFT, jobs={"email": 3, "report": 2, "others": 9})
    assert of(found, EMAIL) == Accounts(3)
    said = 'job 2 of report is waiting: left: its status "odd" is unknown'
    assert of(found, REPORT) == Accounts(2, (said,))


def test_what_could_not_be_read_is_not_known() -> None:
    found = report(broken={"report": "rq:failed:report: WRONGTYPE"})
    assert of(found, EMAIL) == Accounts(0)
    unknown = of(found, REPORT).unknown
    assert unknown == "a key cannot be read: rq:failed:report: WRONGTYPE"
    assert of("Redis is away", EMAIL) == Accounts(0, unknown="Redis is away")


def test_an_audit_with_too_many_findings_accounts_for_nobody() -> None:
    unknown = of(report(MENDED, is_complete=False), REPORT).unknown
    assert unknown == "1 job had to be mended, and there are more: it goes on"


def test_what_was_set_right_is_told_by_queue() -> None:
    found = report(MENDED, LEFT, freed=(FREED, Freed("idle", "email", 0)))
    assert list(mended(found)) == [
        ("email", "job 1 was queued, in no place: waits again"),
        ("email", "worker laptop had no lease: 2 jobs freed"),
    ]


@pytest.mark.parametrize(
    ("outcome", "busy", "new", "failing", "expected"),
    [
        pytest.param(report(), True, False, False, EVERY, id="there are jobs"),
        pytest.param(report(), False, False, False, QUIET, id="nothing happens"),
        pytest.param(report(LEFT), False, False, False, EVERY, id="something is not accounted for"),
        pytest.param(report(is_complete=False), False, False, False, RETRY, id="there was more"),
        pytest.param("away", False, False, True, RETRY, id="it failed"),
        pytest.param(report(), False, True, False, NEW, id="a queue is new"),
        pytest.param(report(), False, False, True, RETRY, id="it failed, and an older one counts"),
    ],
)
def test_when_the_next_is_due(
    outcome: Report | str, *, busy: bool, new: bool, failing: bool, expected: timedelta
) -> None:
    assert wait(outcome, busy=busy, new=new, failing=failing) == expected
