"""The rate of a queue, on a clock that the test sets: in no window start more than its limit."""

from dataclasses import dataclass, field
from typing import Any

from hand import add
from hypothesis import given, settings
from hypothesis import strategies as st
from redis_server import RedisServer
from workers import NAMESPACE, queue_document

from osnovci.contract import RateDocument
from osnovci.queues.client import Queues
from osnovci.queues.engine.turns import Turn, plan, turn

WINDOW_MICROS = 400_000
GRAIN_MICROS = WINDOW_MICROS // 1000
BEGIN_MICROS = 2_000_000_000 * 10**6
CLOCK = "call('TIME')"
SET_CLOCK = "{ARGV[12], ARGV[13]}"


@dataclass
class Clocked:
    """A worker whose turns run at the moments it says."""

    queues: Queues
    limit: int
    now: int = BEGIN_MICROS
    starts: list[int] = field(default_factory=list[int])

    def turn(self, want: int) -> Turn:
        rate = RateDocument(limit=self.limit, window_seconds=WINDOW_MICROS / 1e6)
        written = plan([queue_document(rate=rate)])
        name = str(len(self.starts))
        call = turn("clocked", name, want=want, slots=want, first=1, plan=written, ended=())
        assert call.script.text.count(CLOCK) == 1
        text = call.script.text.replace(CLOCK, SET_CLOCK)
        clock = divmod(self.now, 10**6)
        held: Any = self.queues.redis.scard(f"{self.queues.prefix}held:clocked")
        given = [*call.args[:-2], held, 0, *clock]
        reply = call.parse(self.queues.redis.eval(text, 0, self.queues.prefix, *given))
        self.starts += [self.now] * len(reply.jobs)
        return reply

    def started_since(self, moment: int) -> int:
        return sum(moment < each for each in self.starts)


@settings(deadline=None, max_examples=100)
@given(
    limit=st.integers(1, 12),
    steps=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 3), st.integers(0, WINDOW_MICROS + 2 * GRAIN_MICROS)),
            st.integers(0, 6),
        ),
        max_size=25,
    ),
)
def test_in_no_window_start_more_than_the_limit(
    redis_server: RedisServer, limit: int, steps: list[tuple[int, int]]
) -> None:
    redis_server.client.flushall()
    worker = Clocked(Queues(redis_server.client, NAMESPACE), limit)
    for passed, want in steps:
        for _ in range(want):
            add(worker.queues)
        worker.now += passed
        surely_free = limit - worker.started_since(worker.now - WINDOW_MICROS - GRAIN_MICROS)
        reply = worker.turn(want)
        assert len(reply.jobs) >= min(want, surely_free)
        assert worker.started_since(worker.now - WINDOW_MICROS) <= limit
        if len(reply.jobs) < want:
            assert reply.due_seconds is not None
            worker.now += round(reply.due_seconds * 1e6)
            assert worker.turn(1).jobs
            assert worker.started_since(worker.now - WINDOW_MICROS) <= limit
    assert worker.queues.redis.zcard(f"{worker.queues.prefix}starts:email") <= len(steps) + 1
