"""The bars of the queue: met, not met, or not measured."""

from benchmarks.queue_bars import verdicts


def test_a_bar_is_met_or_not() -> None:
    found = {"io10: osnovci Thread 1": 94, "io10: BullMQ 1": 90, "noop: rq.Worker": 50}
    assert verdicts(found) == [("io10: above BullMQ at 1", True)]
    found |= {"noop: osnovci Process 1": 1500}
    assert verdicts(found)[0] == ("no-op: 30 times rq's Worker", False)


def test_a_backlog_may_cost_a_tenth() -> None:
    name = "1,000,000 waiting: jobs/s, "
    assert verdicts({f"{name}few": 1000, f"{name}many": 901})[-1][1]
    assert not verdicts({f"{name}few": 1000, f"{name}many": 900})[-1][1]
