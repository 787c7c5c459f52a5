"""When a worker may trust what it was given: by its own clock, and only within one term of its lease."""

from osnovci.queues.engine.lease import Lease
from osnovci.queues.engine.turns import LEASE_MS

LASTS = LEASE_MS / 1000


def test_what_was_taken_is_ours_while_the_lease_is_renewed_in_time() -> None:
    lease = Lease(0)
    term = lease.term
    for second in range(1, 10):
        lease.renew(second, second + 0.1)
    assert lease.lasts_since(term, 9 + LASTS - 0.1)
    # Redis gives it to others at that very moment.
    assert not lease.lasts_since(term, 9 + LASTS)


def test_what_was_taken_before_a_gap_is_never_ours_again() -> None:
    lease = Lease(0)
    before = lease.term
    lease.renew(LASTS + 1, LASTS + 1.1)
    assert not lease.lasts_since(before, LASTS + 1.2)
    assert lease.lasts_since(lease.term, LASTS + 1.2)


def test_a_renewal_that_was_asked_in_time_may_have_come_too_late() -> None:
    lease = Lease(0)
    before = lease.term
    lease.renew(1, LASTS + 0.1)
    assert not lease.lasts_since(before, LASTS + 0.2)
    assert lease.lasts_since(lease.term, 1 + LASTS - 0.1)
    assert lease.is_over(1 + LASTS)
