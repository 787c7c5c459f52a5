"""Real services for tests: a Redis server a session, a clean database a test."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import asyncpg
import pytest
from databases import TABLES, Observer, database
from operator_stand import Stand
from postgres_server import PostgresServer
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import EVERY_SERVER, HERE, RedisServer
from session_builders import SESSION_KEYS, StartSessionPod
from waiting import eventually
from web_pods import RunningPod, StartPod, app_document
from web_pods import environment as web_environment
from workers import NAMESPACE, RunningWorker, StartWorker, end

from osnovci.app_contract import AppDocument
from osnovci.contract import PoolDocument
from osnovci.database.database import Database
from osnovci.queues.client import Queues
from osnovci.session_contract import ENV_SESSION_KEYS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so on each server, one after the other."""
    is_marked = metafunc.definition.get_closest_marker("every_server")
    if is_marked and "redis_server" in metafunc.fixturenames:
        metafunc.parametrize("redis_server", EVERY_SERVER, indirect=True, scope="session")


@pytest.fixture(scope="session")
def redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), getattr(request, "param", HERE))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may stop and start."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> Redis:
    redis_server.client.flushall()
    return redis_server.client


@pytest.fixture
def queues(redis: Redis) -> Queues:
    return Queues(redis, NAMESPACE)


@pytest.fixture
def start_worker(redis: Redis, redis_server: RedisServer, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers on the session's Redis, and wait until they are ready; they end with the test."""
    running: list[RunningWorker] = []

    def start(pool: PoolDocument) -> RunningWorker:
        log = tmp_path / f"worker-{len(running)}.log"
        running.append(RunningWorker.start(redis, redis_server.url, pool, log))
        eventually(lambda: running[-1].ready)
        return running[-1]

    yield start
    for worker in running:
        end(worker)


@pytest.fixture
def start_pod(redis: Redis, redis_server: RedisServer, tmp_path: Path) -> Iterator[StartPod]:
    """Start web pods on the session's Redis, and wait until they answer; they end with the test."""
    running: list[RunningPod] = []

    def start(
        document: AppDocument | None = None,
        *,
        pod: str = "web-1",
        app: str = "web_app:app",
        path: str = "/api/ready",
        release: str = "",
    ) -> RunningPod:
        told = web_environment(redis_server.url, document or app_document(), pod, release)
        running.append(RunningPod.start(redis, tmp_path / f"{pod}.log", told, app))
        return running[-1].wait_for(path)

    yield start
    for each in running:
        each.close()


@pytest.fixture
def stand(redis: Redis) -> Stand:
    return Stand(redis)


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncGenerator[AsyncRedis]:
    async with AsyncRedis.from_url(redis_server.url, decode_responses=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer.started()
    yield server
    server.remove()


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server that the test may stop and start."""
    server = PostgresServer.started()
    yield server
    server.remove()


@pytest.fixture
async def observer(postgres_server: PostgresServer) -> AsyncGenerator[Observer]:
    """A connection beside those under test, to see what PostgreSQL sees."""
    connection = await asyncpg.connect(postgres_server.url)
    yield Observer(connection)
    await connection.close()


@pytest.fixture
async def accounts(observer: Observer) -> Observer:
    await observer.connection.execute(TABLES)
    return observer


@pytest.fixture
async def under(postgres_server: PostgresServer, accounts: Observer) -> AsyncGenerator[Database]:
    assert accounts
    async with database(postgres_server) as opened:
        yield opened


@pytest.fixture(scope="module")
def start_sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSessionPod]:
    running: list[RunningPod] = []
    folder = tmp_path_factory.mktemp("pods")

    def start(
        server: RedisServer,
        document: AppDocument | None = None,
        *,
        keys: str = SESSION_KEYS,
        pod: str = "web-1",
        module: str = "session_app",
    ) -> RunningPod:
        told = web_environment(server.url, document or app_document(), pod)
        told |= {ENV_SESSION_KEYS: keys}
        log = folder / f"{len(running)}.log"
        running.append(RunningPod.start(server.client, log, told, f"{module}:app"))
        return running[-1].wait_for("/api/ready")

    yield start
    for each in running:
        each.close()


@pytest.fixture(scope="module")
def session_pod(start_sessions: StartSessionPod, redis_server: RedisServer) -> RunningPod:
    """One for the tests that change nothing of it; each begins with an empty Redis, as it does."""
    redis_server.client.flushall()
    return start_sessions(redis_server)
