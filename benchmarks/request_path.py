"""What a request's session and limits cost: their one command, and all of the middleware together.

The command is measured beside GET and beside the calls that it stands for, in turns on one Redis. The
middleware is measured as in web_overhead, beside a bare Starlette: with Redis on the generator's core,
and with Redis on the server's core, where its time counts. The generator's core is full then, so that
the server waits for both: by the server's CPU for each request Redis's own time is really out. The floor
is one GET and the headers alone: what any middleware costs that asks Redis once.
"""

import os
import statistics
from collections.abc import Awaitable, Callable
from itertools import count
from time import perf_counter
from typing import Any

import uvloop
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.limiter_recipes import ONLY_LEFT
from benchmarks.limiter_server import windows
from benchmarks.report import Figure, Result
from benchmarks.web_overhead import BOMBARDIER, CONNECTIONS, SECONDS, Round, round_of
from benchmarks.web_stand import NAMESPACE, pod, redis_server, server
from cluster import compiled, tools
from osnovci.app_contract import AppDocument, SessionsDocument
from osnovci.limit_contract import LimitDocument, MatchDocument, Per, PolicyDocument
from osnovci.limits.limit import Question
from osnovci.limits.with_session import SESSION_SCRIPT, SessionQuestion
from osnovci.line import Line, packed
from osnovci.session_contract import ENV_SESSION_KEYS, Login, SessionDocument
from osnovci.sessions.keys import KeyRing
from osnovci.sessions.operations import Operations, hashed, ttl_ms
from osnovci.sessions.stores import Store
from osnovci.sessions.tokens import Tokens

MOST_OF_GET = 2.2
LEAST_OF_USUAL = 1 / 3
MOST_PERCENT = 25.0
USERS = 2_000
TURNS = 200
CALLS = 20
ROUNDS = 10
KEYS = "bench:" + "k" * 32
SETTINGS = SessionsDocument()
OPERATIONS = Operations(NAMESPACE, "bench")
PLENTY = 100_000_000
LIMITS = tuple(
    LimitDocument(
        name=name, max=PLENTY, window_ms=window_ms, per=per, match=(MatchDocument(path=path),)
    )
    for name, window_ms, per, path in (
        ("global", 900_000, Per.IP, "/"),
        ("api", 60_000, Per.USER, "/api"),
        ("homework", 3_600_000, Per.USER, "/api/homework"),
    )
)
DOCUMENT = AppDocument(app="bench", policies=(PolicyDocument(name="limits", limits=LIMITS),))

BARE, FLOOR, APART, BESIDE = "bare Starlette", "floor", "all, Redis apart", "all, Redis beside"
PLAIN = "all in plain Python, Redis apart"

Act = Callable[[], Awaitable[object]]
Rounds = dict[str, list[Round]]


def measure() -> Result:
    """Measure the command, then the middleware."""
    with redis_server() as redis:
        sessions = [_session(redis, number) for number in range(USERS)]
        port = redis.connection_pool.connection_kwargs["port"]
        turns = uvloop.run(_turns(port))
        rounds = _rounds(redis, sessions[0])
    return Result(
        name="request_path",
        question="What do session and limits cost a request?",
        setting=f"{TURNS} turns of {CALLS} calls; {ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, "
        "one core for the server",
        figures=[*_of_command(turns), *_of_middleware(rounds)],
        detail={"cost percent by round, Redis apart": [round(x, 1) for x in _costs(rounds, APART)]},
    )


def _session(redis: Redis, number: int) -> SessionDocument:
    login = Login(
        user_id=f"user-{number}",
        email=f"user-{number}@example.com",
        role="student",
        ip_address="192.0.2.7",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    )
    return Store(redis).run(OPERATIONS.create(f"{number}", login, SETTINGS))


async def _turns(port: int) -> dict[str, list[float]]:
    """Give the seconds a call of each way takes, one after the other, in each turn."""
    url = f"redis://127.0.0.1:{port}/0"
    line = Line(url)
    async with AsyncRedis(port=port, single_connection_client=True) as redis:
        sha: Any = await redis.script_load(ONLY_LEFT)
        await redis.script_load(SESSION_SCRIPT.text)
        numbers = count()
        # What is sent is kept by the middleware for who comes again; so it is here, for both.
        asked = [_asked(number) for number in range(USERS)]
        commands = [packed(tuple(each.call.command)) for each in asked]
        gets = [packed(("GET", each.key)) for each in asked]

        def key() -> str:
            return asked[next(numbers) % USERS].key

        async def ours() -> None:
            user = next(numbers) % USERS
            decision, document = asked[user].parse(await line.put(commands[user]))
            if document is None or not decision.allowed:
                raise RuntimeError("a session is gone, or a request was denied")

        async def usual() -> None:
            session = key()
            for window in windows(f"203.0.113.{next(numbers)}"):
                arguments = Question([window]).call.command[2:]
                await redis.execute_command("EVALSHA", sha, *arguments)
            text: Any = await redis.get(session)
            await redis.set(session, text, ex=86_400)

        acts: dict[str, Act] = {
            "GET": lambda: line.put(gets[next(numbers) % USERS]),
            "GET by redis-py": lambda: redis.get(key()),
            "session and three limits": ours,
            "usual: three sorted sets, GET, SET": usual,
        }
        found: dict[str, list[float]] = {name: [] for name in acts}
        for turn in range(TURNS + 1):
            order = list(acts.items())
            for name, act in order if turn % 2 else reversed(order):
                began = perf_counter()
                for _ in range(CALLS):
                    await act()
                if turn:  # the first warms up
                    found[name].append((perf_counter() - began) / CALLS)
    await line.aclose()
    return found


def _asked(number: int) -> SessionQuestion:
    question = Question(windows(f"user {number}"))
    session = OPERATIONS.key(hashed(f"{number}"))
    return SessionQuestion(question, question.windows, session, ttl_ms(SETTINGS))


def _of_command(turns: dict[str, list[float]]) -> list[Figure]:
    middle = {name: statistics.median(seconds) for name, seconds in turns.items()}
    get, other_get, ours, usual = turns
    told = [Figure(name, round(each * 1e6, 1), "µs") for name, each in middle.items()]
    share = _ratio(turns, ours, usual)
    return [
        *told,
        Figure("session and limits, times GET", _ratio(turns, ours, get), "x", MOST_OF_GET),
        Figure("session and limits, times GET by redis-py", _ratio(turns, ours, other_get), "x"),
        Figure("session and limits, times the usual calls", share, "x", LEAST_OF_USUAL),
    ]


def _ratio(turns: dict[str, list[float]], one: str, other: str) -> float:
    pairs = zip(turns[one], turns[other], strict=True)
    return round(statistics.median(a / b for a, b in pairs), 3)


def _rounds(redis: Redis, session: SessionDocument) -> Rounds:
    """Measure a bare Starlette, the floor, and all middleware with Redis on the other and the same core."""
    as_in_pods = compiled.environment()
    program = tools.folder(BOMBARDIER) / "bombardier"
    told = {ENV_SESSION_KEYS: KEYS}
    token = Tokens(KeyRing.parse(told), NAMESPACE, "bench").session_token("0", session)
    cookie = f"Cookie: session={token}"
    info: Any = redis.info("server")
    other, same = (os.cpu_count() or 1) - 1, 0
    with (
        server("benchmarks.web_apps:bare", {}, core=same) as plain,
        server(
            "benchmarks.web_apps:floor", pod(redis, "web-0", DOCUMENT) | told, core=same
        ) as least,
        server(
            "benchmarks.web_apps:full", pod(redis, "web-1", DOCUMENT) | told | as_in_pods, core=same
        ) as ours,
        server(
            "benchmarks.web_apps:full", pod(redis, "web-2", DOCUMENT) | told, core=same
        ) as uncompiled,
    ):
        ways = {
            BARE: (plain, other),
            FLOOR: (least, other),
            APART: (ours, other),
            PLAIN: (uncompiled, other),
            BESIDE: (ours, same),
        }
        rounds: Rounds = {way: [] for way in ways}
        for number in range(ROUNDS + 1):
            for way, (served, core) in ways.items():
                os.sched_setaffinity(info["process_id"], {core})
                found = round_of(program, *served, cookie)
                if number:  # the first warms all up
                    rounds[way].append(found)
    return rounds


def _of_middleware(rounds: Rounds) -> list[Figure]:
    middle = statistics.median
    return [
        *(
            Figure(way, round(middle(r.per_second for r in of)), "requests/s")
            for way, of in rounds.items()
        ),
        *(
            Figure(
                f"CPU of the server, {way}", round(middle(r.cpu_microseconds for r in of), 1), "µs"
            )
            for way, of in rounds.items()
        ),
        *(
            Figure(f"the server's core was busy, {way}", round(middle(map(_busy, of))), "%")
            for way, of in rounds.items()
        ),
        Figure("cost of all, Redis apart", round(middle(_costs(rounds, APART)), 1), "%"),
        Figure("cost of the floor by the server's CPU", _cpu_cost(rounds, FLOOR), "%"),
        Figure("cost of all by the server's CPU", _cpu_cost(rounds, APART), "%", MOST_PERCENT),
        Figure("cost of all in plain Python by the server's CPU", _cpu_cost(rounds, PLAIN), "%"),
        Figure("cost of all, Redis beside", round(middle(_costs(rounds, BESIDE)), 1), "%"),
    ]


def _costs(rounds: Rounds, way: str) -> list[float]:
    pairs = zip(rounds[BARE], rounds[way], strict=True)
    return [100 * (1 - mine.per_second / plain.per_second) for plain, mine in pairs]


def _busy(of: Round) -> float:
    return of.per_second * of.cpu_microseconds / 1e4


def _cpu_cost(rounds: Rounds, way: str) -> float:
    pairs = zip(rounds[BARE], rounds[way], strict=True)
    return round(
        statistics.median(
            100 * (1 - plain.cpu_microseconds / mine.cpu_microseconds) for plain, mine in pairs
        ),
        1,
    )
