"""What the operator counts as come and gone, while the scripts of the queues do what they do."""

from datetime import timedelta
from typing import Any

from hand import Hand, add
from workers import NAMESPACE

from osnovci import observation
from osnovci.observation import QueueReading
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind
from osnovci_operator.queuepool.flow import Flow
from osnovci_operator.queuepool.queue import Queue, Rate
from osnovci_operator.queuepool.seen import PoolReading


def look(queues: Queues, flow: Flow, *, paused: bool = False) -> Flow:
    """Read as the tick does, and count."""
    arguments = observation.arguments(NAMESPACE, {"email": timedelta(seconds=5)}, [])
    reply: Any = queues.redis.eval(observation.SCRIPT.text, 0, *arguments)
    row = observation.parse(reply, ["email"], []).queues["email"]
    assert isinstance(row, QueueReading)
    queue = Queue(name="email", paused=paused)
    runnable = PoolReading((row,), 0).runnable([queue], timedelta(seconds=5))
    after = flow.after(runnable)
    assert after.arrivals - after.departures - after.withdrawn == runnable[0].jobs
    return after


def test_however_a_job_ends_it_departs_once_and_comes_again_if_it_does(queues: Queues) -> None:
    flow, hand = look(queues, Flow()), Hand(queues)
    for _ in range(5):
        add(queues, retries=1)
    done, failed, *_ = hand.take(4)
    flow = look(queues, flow)
    assert (flow.arrivals, flow.departures) == (5, 0)
    hand.end(done, Kind.COMPLETED)
    hand.end(failed, Kind.FAILED, "it waits again")
    flow = look(queues, flow)
    assert (flow.arrivals, flow.departures) == (6, 2)
    queues.run(operations.release(hand.name, "its pod is gone"))
    flow = look(queues, flow)
    assert (flow.arrivals, flow.departures, flow.withdrawn) == (8, 4, 0)
    flow = look(queues, flow, paused=True)
    assert (flow.arrivals, flow.departures, flow.withdrawn) == (8, 4, 4)


def test_the_operator_and_the_workers_agree_how_many_a_rate_lets_start(queues: Queues) -> None:
    rate = Rate(limit=5, window=timedelta(hours=1))
    limited = Queue(name="email", rate=rate)
    hand = Hand(queues, [limited.document()])
    for _ in range(9):
        add(queues)
    assert len(hand.take(3)) == 3
    arguments = observation.arguments(NAMESPACE, {"email": timedelta()}, [])
    reply: Any = queues.redis.eval(observation.SCRIPT.text, 0, *arguments)
    row = observation.parse(reply, ["email"], []).queues["email"]
    assert isinstance(row, QueueReading)
    assert rate.starts(timedelta(), row.rate_taken) == len(hand.take(9)) == 2
