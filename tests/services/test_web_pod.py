"""A web pod from outside: health, headers, shedding, and what it reports."""

from pathlib import Path

import pytest
from redis import Redis
from redis_server import RedisServer
from session_builders import SESSION_KEYS
from waiting import eventually
from web_pods import RunningPod, StartPod, alone, app_document
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode
from websockets.sync.client import connect

from osnovci.app_contract import AppState
from osnovci.contract import ENV_REDIS_URL
from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.web.server import MESSAGE_MAX_BYTES


def test_health_is_the_seeds(start_pod: StartPod) -> None:
    pod = start_pod()
    for path in ("/", "/", "/broken"):
        pod.get(path)
    answer = pod.get("/api/health")
    assert answer.status == 200
    found = answer.json
    assert found.keys() == {"status", "serverId", "uptime", "timestamp", "checks", "metrics"}
    assert (found["status"], found["serverId"]) == ("ok", "web-1")
    assert found["checks"].keys() == {"database", "redis", "memory", "cpu"}
    assert found["checks"]["database"]["status"] == "ok"
    assert found["checks"]["database"]["latencyMs"] >= 0
    assert found["metrics"] == {"requestCount": 3, "errorCount": 1, "errorRate": 0.3333}


def test_a_database_that_is_away_makes_it_unhealthy_and_not_unready(start_pod: StartPod) -> None:
    """Else all pods would leave the balancing together."""
    pod = start_pod()
    pod.get("/break-pool")
    answer = pod.answers("/api/health", 503)
    assert answer.json["checks"]["database"] == {"status": "unhealthy", "error": "does not answer"}
    assert "check database: the database refuses connections" in pod.log.read_text()
    assert answer.json["status"] == "unhealthy"
    assert pod.get("/api/ready").json == {"ready": True}
    assert pod.get("/api/alive").json == {"alive": True}


def test_every_answer_says_who_gave_it(start_pod: StartPod) -> None:
    pod = start_pod()
    for path in ("/", "/shared", "/shared", "/nowhere", "/api/health"):
        headers = pod.get(path).headers
        assert headers["x-server-id"] == "web-1"
        assert int(headers["x-server-uptime"]) >= 0
        assert "connection" not in headers


def test_requests_above_the_most_in_flight_are_turned_away(start_pod: StartPod) -> None:
    pod = start_pod(app_document(max_in_flight=2))
    waiting = [pod.asking("/wait") for _ in range(2)]
    pod.reports(lambda beat: beat.in_flight == 2)
    refused = pod.get("/")
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["x-server-id"] == "web-1"
    assert refused.json == {"error": "too many requests are in flight; try again in a second"}
    assert pod.get("/api/ready").status == 200
    assert pod.get("/api/health").json["metrics"] == {
        "requestCount": 1,
        "errorCount": 1,
        "errorRate": 1.0,
    }
    beat = pod.reports(lambda beat: beat.shed_per_second)
    assert beat.error_rate == 1
    pod.stop()
    for each in waiting:
        each.cancel()


def test_the_memory_breaker_is_the_last_resort(start_pod: StartPod) -> None:
    """The threshold is below what any machine uses."""
    pod = start_pod(app_document(memory_max_percent=0), path="/api/alive")
    refused = pod.get("/")
    assert refused.status == 503
    assert refused.json == {"error": "the memory is nearly full; try again in a second"}
    unready = pod.get("/api/ready")
    assert unready.status == 503
    assert unready.json["reason"].endswith("% of the memory is used, 0 % is the most")
    assert pod.get("/api/health").json["checks"]["memory"]["status"] == "unhealthy"


def test_each_process_reports(start_pod: StartPod) -> None:
    pod = start_pod(app_document(processes=2, max_in_flight=2))
    beats = [eventually(lambda n=n: pod.heartbeat(n)) for n in range(2)]
    assert [(beat.pod, beat.app, beat.process) for beat in beats] == [
        ("web-1", "homework", 0),
        ("web-1", "homework", 1),
    ]


def test_a_heartbeat_tells_what_the_process_does(start_pod: StartPod) -> None:
    pod = start_pod()
    with connect(f"ws://127.0.0.1:{pod.port}/echo") as websocket:
        websocket.send("a word")
        assert websocket.recv(timeout=30) == "a word"
        beat = pod.reports(lambda beat: beat.websockets == 1)
        # A connection that stays open is no request in flight.
        assert beat.in_flight == 0
    for _ in range(5):
        pod.get("/")
    beat = pod.reports(lambda beat: beat.requests_per_second)
    assert beat.state == AppState.RUNNING
    assert beat.p95_seconds is not None
    assert (beat.error_rate, beat.shed_per_second) == (0, 0)
    assert beat.memory_bytes
    assert beat.memory_percent
    assert beat.database
    assert beat.database.model_dump() == {"size": 10, "open": 3, "in_use": 2, "waiting": 1}
    pod.reports(lambda beat: beat.cpu_percent is not None)
    ttl = pod.redis.pttl("osnovci:{tests}:heartbeat:web-1:0")
    assert isinstance(ttl, int)
    assert 0 < ttl <= 10_000


def test_a_message_beyond_all_bounds_ends_its_websocket_alone(start_pod: StartPod) -> None:
    pod = start_pod()
    address = f"ws://127.0.0.1:{pod.port}/echo"
    with connect(address) as websocket, connect(address) as other:
        websocket.send("x" * (MESSAGE_MAX_BYTES + 1))
        with pytest.raises(ConnectionClosedError) as told:
            websocket.recv(timeout=30)
        assert told.value.rcvd
        assert told.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG
        other.send("x" * 100_000)
        assert other.recv(timeout=30) == "x" * 100_000


@pytest.mark.parametrize(
    ("app", "text"), [("web_app:bare", "hello"), ("web_app:only_http", "plain")]
)
def test_an_application_that_knows_nothing_of_osnovci(
    start_pod: StartPod, app: str, text: str
) -> None:
    pod = start_pod(app=app)
    assert pod.get("/").text == text
    assert "database" not in pod.get("/api/health").json["checks"]
    pod.stop()
    assert pod.ends() == 0


def test_without_the_operator_it_serves_by_itself(redis: Redis, tmp_path: Path) -> None:
    pod = RunningPod.start(redis, tmp_path / "log", alone() | {"SERVER_ID": "mine"})
    try:
        pod.wait_for("/api/ready")
        assert pod.get("/").headers["x-server-id"] == "mine"
        assert "redis" not in pod.get("/api/health").json["checks"]
    finally:
        pod.close()


def test_without_the_operator_limits_are_counted_where_sessions_are_kept(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    told = alone() | {ENV_REDIS_URL: redis_server.url, ENV_SESSION_KEYS: SESSION_KEYS}
    pod = RunningPod.start(redis, tmp_path / "log", told, "session_app:app")
    try:
        pod.wait_for("/api/ready")
        assert [pod.get("/export").status for _ in range(3)] == [200, 200, 429]
        [window] = redis.scan_iter("*")
        assert window.startswith(b"osnovci:{local}:limit:app:/exports:")
    finally:
        pod.close()
