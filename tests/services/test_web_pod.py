"""A web pod from outside: health, headers, shedding, drain, and what dies in it."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from subprocess import PIPE, run

import pytest
from redis import Redis
from redis_server import RedisServer
from waiting import eventually
from web_pods import RunningPod, StartPod, alone, app_document, environment
from websockets.sync.client import connect

from osnovci.app_contract import AppState


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
    assert found["checks"]["database"] == {"status": "ok", "latencyMs": 2.0}
    assert found["metrics"] == {"requestCount": 3, "errorCount": 1, "errorRate": 0.3333}


def test_a_database_that_is_away_makes_it_unhealthy_and_not_unready(start_pod: StartPod) -> None:
    """Else all pods would leave the balancing together."""
    pod = start_pod()
    pod.get("/break-pool")
    answer = pod.answers("/api/health", 503)
    error = "the database refuses connections"
    assert answer.json["checks"]["database"] == {"status": "unhealthy", "error": error}
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


def test_a_stop_drains_before_it_ends(start_pod: StartPod) -> None:
    pod = start_pod(app_document(drain=30, grace=60))
    waiting = pod.asking("/wait")
    pod.reports(lambda beat: beat.in_flight == 1)
    pod.stop()
    unready = pod.answers("/api/ready", 503)
    assert unready.json == {"ready": False, "reason": "draining"}
    served = pod.get("/")
    assert (served.status, served.headers["connection"]) == (200, "close")
    assert pod.get("/api/alive").status == 200
    pod.reports(lambda beat: beat.state == AppState.DRAINING)
    # A second signal ends the drain; the request that runs still ends.
    pod.get("/open")
    assert waiting.result(timeout=10).text == "waited"
    assert pod.process.poll() is None
    pod.stop()
    assert pod.ends() == 0
    assert pod.heartbeat() is None


def test_a_request_that_runs_at_the_end_of_the_drain_ends(start_pod: StartPod) -> None:
    pod = start_pod(app_document(drain=0.5))
    waiting = pod.asking("/wait")
    pod.reports(lambda beat: beat.in_flight == 1)
    pod.stop()
    pod.answers("/api/ready", 503)
    pod.get("/open")
    assert waiting.result(timeout=10).text == "waited"
    assert pod.ends() == 0


def test_a_balancer_that_looks_at_readiness_loses_no_request(start_pod: StartPod) -> None:
    pod = start_pod(app_document(drain=2))
    with ThreadPoolExecutor() as clients:
        served = [clients.submit(ask_while_ready, pod) for _ in range(4)]
        eventually(lambda: pod.get("/api/health").json["metrics"]["requestCount"] > 50)
        pod.stop()
        assert all(each.result(timeout=20) > 10 for each in served)
    assert pod.ends() == 0


def ask_while_ready(pod: RunningPod) -> int:
    """Ask on connections that are kept, as a balancer does; give how many requests were answered."""
    connection = HTTPConnection("127.0.0.1", pod.port, timeout=10)
    answered = 0
    while True:
        for path in ("/", "/", "/", "/api/ready"):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            if path == "/":
                assert response.status == 200
                answered += 1
            elif response.status == 503:
                return answered


def test_the_runtime_drains_under_another_server_too(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    told = environment(redis_server.url, app_document(drain=30), "web-1")
    pod = RunningPod.start(redis, tmp_path / "log", told, server=("uvicorn",))
    try:
        pod.wait_for("/api/ready")
        pod.stop()
        pod.answers("/api/ready", 503)
        assert pod.get("/").status == 200
        pod.stop()
        # uvicorn ends in order, and then as the signal would have ended it.
        assert pod.ends() == -signal.SIGTERM
        assert pod.heartbeat() is None
    finally:
        pod.close()


def test_a_process_that_dies_is_started_anew(start_pod: StartPod) -> None:
    pod = start_pod(app_document(processes=2))
    eventually(lambda: len(pod.children) == 2)
    first = pod.children
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(pod.children) == 2 and not set(pod.children) & set(first))
    # The listener outlives them: who connects meanwhile is served.
    assert pod.get("/").text == "hello"


def test_a_process_that_cannot_start_takes_no_other_with_it(start_pod: StartPod) -> None:
    pod = start_pod(app_document(processes=2), app="web_app:half")
    eventually(lambda: pod.log.read_text().count("server 1 ended with 3, started anew") > 1)
    assert pod.get("/").text == "plain"


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
        assert websocket.recv(timeout=10) == "a word"
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


@pytest.mark.parametrize(
    ("app", "status", "sentence"),
    [
        ("nowhere:app", 2, "osnovci: there is no module nowhere; 'nowhere:app' should be"),
        ("web_app:missing", 2, "osnovci: web_app has no application 'missing'"),
        ("web_app:fails_to_start", 3, "no database"),
    ],
)
def test_what_cannot_start_ends_with_a_sentence(app: str, status: int, sentence: str) -> None:
    command = [str(Path(sys.executable).parent / "osnovci"), "serve", app, "--port=0"]
    ended = run(command, env=alone(), stderr=PIPE, text=True, timeout=30, check=False)
    assert ended.returncode == status
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
