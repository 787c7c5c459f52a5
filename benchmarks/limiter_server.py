"""What the limiter costs Redis: the time of one call in steady traffic, and the memory of full windows.

Beside it a script that only reads three keys and writes them, which is the least that anybody can do
who keeps three limits, and the recipe that many follow: a sorted set for each limit (limiter_recipes.py).

The traffic is that of ten schools. Each has one address, and 25 pupils who come in bursts of one to six
requests, some 13 an hour: together nearly what their address may. After an hour the address's
window is full or nearly, a pupil's of an hour holds some 12 of 20, that of a minute a burst; one request in twelve is denied. Clocks are
told (limiter_clock.py), and all scripts get the same requests.
"""

import heapq
import random
import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice, repeat
from typing import Any, NamedTuple

from redis import Redis

from benchmarks.limiter_clock import START_MS, moment, told, window
from benchmarks.limiter_recipes import FLOOR, ONLY_LEFT, SAME_LETTERS, SORTED_SETS
from osnovci.limits.limit import SCRIPT, Limit, Question, State, Window

ROUNDS = 200
WARM_UP = 6_000
A_ROUND = 100
BATCH = 100
SCHOOLS = 10
PUPILS = 25
BURST = 6
PAUSE_MS = 1_000_000
POLICY = "homework-limits"
PER_ADDRESS = Limit("global", 100, 900_000, policy=POLICY)
PER_PUPIL = Limit("api", 60, 60_000, policy=POLICY), Limit("upload", 20, 3_600_000, policy=POLICY)
LIMITS = [PER_ADDRESS, *PER_PUPIL]

OURS, LEAST, SETS = "ours", "floor", "sorted sets"
LETTERS, LEFT = "floor, the same letters", "sorted sets, only what is left"
Request = tuple[int, str, str]
"""When, from which address, and whose."""


def windows(subject: str, limits: list[Limit] = LIMITS) -> list[Window]:
    return [window(limit, subject) for limit in limits]


def traffic() -> Iterator[Request]:
    """Give the requests of all pupils in their order, no two in the same ms, and the same each time."""
    chance = random.Random(7)
    pupils = [(f"203.0.113.{s}", f"user {s}-{n}") for s in range(SCHOOLS) for n in range(PUPILS)]
    coming = [(START_MS + chance.randrange(PAUSE_MS), *each, BURST) for each in pupils]
    heapq.heapify(coming)
    now = START_MS
    while True:
        at, address, pupil, left = coming[0]
        now = max(now + 1, at)
        yield now, address, pupil
        left = left or chance.randint(1, BURST)
        pause = chance.randrange(200, 3_000) if left > 1 else chance.randrange(2 * PAUSE_MS)
        heapq.heapreplace(coming, (now + pause, address, pupil, left - 1))


class Answer(NamedTuple):
    """What a script told of one request."""

    allowed: bool
    states: Sequence[State]


def _ours(reply: Any) -> Answer:
    decision = Question(windows("anybody's")).parse(reply)
    return Answer(decision.allowed, decision.states)


def _of_sets(reply: Any) -> Answer:
    allowed = reply[0] == 1
    pairs = zip(reply[1::2], reply[2::2], strict=True)
    states = [State(left, reset, 0 if left or allowed else reset) for left, reset in pairs]
    return Answer(allowed, states)


def _only_left(reply: Any) -> Answer:
    return Answer(reply[0] == 1, ())


def _nothing(_: Any) -> Answer:
    return Answer(True, ())


def ids() -> Iterator[str]:
    """Give what names each request, whichever process makes it: 16 characters, half of a UUID's."""
    process = secrets.token_hex(4)
    return (f"{process}-{n}" for n in count(1_000_000))


class Script:
    """One of the scripts, in a database of its own, with its own place in the same traffic."""

    def __init__(
        self, redis: Redis, database: int, text: str, answer: Callable[[Any], Answer] = _nothing
    ) -> None:
        port = redis.get_connection_kwargs()["port"]
        self.redis = Redis(port=port, db=database)
        self._sha: Any = redis.script_load(text)
        self._traffic = traffic()
        self._answer = answer
        self._ids = ids() if answer == _of_sets else None
        self.answers: list[Answer] = []

    def run(self, count: int) -> float:
        """Send so many requests, and give the microseconds that Redis counted for one.

        Its counts are not reset: Redis would make its histograms anew, in the time of these calls.
        """
        commands = [self._command(*each) for each in islice(self._traffic, count)]
        before = self._microseconds()
        for start in range(0, count, BATCH):
            pipe = self.redis.pipeline(transaction=False)
            for command in commands[start : start + BATCH]:
                pipe.execute_command(*command)
            self.answers += map(self._answer, pipe.execute())
        return (self._microseconds() - before) / count

    def _microseconds(self) -> int:
        stats: Any = self.redis.info("commandstats")
        return stats.get("cmdstat_evalsha", {"usec": 0})["usec"]

    def _command(self, at_ms: int, address: str, pupil: str) -> list[Any]:
        asked = [window(PER_ADDRESS, address), *(window(each, pupil) for each in PER_PUPIL)]
        arguments = Question.of(asked).arguments()
        if self._ids:
            arguments[0] = next(self._ids)
        keys = (each.key for each in asked)
        return ["EVALSHA", self._sha, len(asked), *keys, *arguments, *moment(at_ms)]


def microseconds_a_call(redis: Redis) -> tuple[dict[str, float], float]:
    """Give the median over the rounds of what a call of each script takes, and the share let through.

    Rounds are short and by turns, so that what else the machine does meets all alike.
    """
    redis.flushall()
    time = "redis.call('TIME')"
    scripts = {
        OURS: Script(redis, 1, told(SCRIPT.text), _ours),
        SETS: Script(redis, 2, told(SORTED_SETS, time), _of_sets),
        LEFT: Script(redis, 3, told(ONLY_LEFT, time), _only_left),
        LEAST: Script(redis, 4, FLOOR),
        LETTERS: Script(redis, 5, SAME_LETTERS),
    }
    for script in scripts.values():
        script.run(WARM_UP)
    for floor in (LEAST, LETTERS):
        _same_lengths(scripts[OURS].redis, scripts[floor].redis)
    found: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(ROUNDS):
        for name, script in scripts.items():
            found[name].append(script.run(A_ROUND))
    # All keep the same limits exactly; and those that are held to the bar tell the same.
    answers = scripts[OURS].answers
    assert answers == scripts[SETS].answers
    through = [each.allowed for each in answers]
    assert through == [each.allowed for each in scripts[LEFT].answers]
    share = statistics.mean(through[WARM_UP:])
    return {name: statistics.median(each) for name, each in found.items()}, share


def _same_lengths(ours: Redis, least: Redis) -> None:
    least.flushdb()
    for key in ours.scan_iter():
        length: Any = ours.strlen(key)
        least.set(key, "x" * length)


def memory(redis: Redis, limit: Limit) -> tuple[int, int]:
    """Give the bytes of a full window, ours and a sorted set's under the same name."""
    redis.flushall()
    [window] = windows("203.0.113.7", [limit])
    ours, recipe = redis.register_script(SCRIPT.text), redis.register_script(SORTED_SETS)
    arguments: list[Any] = Question([window]).arguments()
    found: list[int] = []
    for script, firsts in ((ours, repeat(arguments[0])), (recipe, ids())):
        redis.delete(window.key)
        for start in range(0, limit.max, BATCH):
            pipe = redis.pipeline(transaction=False)
            for first in islice(firsts, min(BATCH, limit.max - start)):
                script(keys=[window.key], args=[first, *arguments[1:]], client=pipe)
            pipe.execute()
        used: Any = redis.memory_usage(window.key, samples=0)
        found.append(used)
    return found[0], found[1]
