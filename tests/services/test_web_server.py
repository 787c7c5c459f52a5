"""How a web pod ends: drain, a second signal, what dies in it, and what cannot start."""

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
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from osnovci.app_contract import AppState
from osnovci.web.server import YOUNG_OBJECTS


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
    assert waiting.result(timeout=60).text == "waited"
    assert pod.process.poll() is None
    pod.stop()
    assert pod.ends() == 0
    assert pod.heartbeat() is None


def test_a_request_that_runs_at_the_end_of_the_drain_ends(start_pod: StartPod) -> None:
    pod = start_pod(app_document(drain=0.5))
    waiting = pod.asking("/wait-for-the-end")
    pod.reports(lambda beat: beat.in_flight == 1)
    pod.stop()
    assert waiting.result(timeout=60).text == "nobody is let in"
    assert pod.ends() == 0


def test_a_balancer_that_looks_at_readiness_loses_no_request(start_pod: StartPod) -> None:
    pod = start_pod(app_document(drain=60, grace=90))
    with ThreadPoolExecutor() as clients:
        served = [clients.submit(ask_while_ready, pod) for _ in range(4)]
        eventually(lambda: pod.get("/api/health").json["metrics"]["requestCount"] > 50)
        pod.stop()
        assert all(each.result(timeout=60) for each in served)
    pod.stop()
    assert pod.ends() == 0


def ask_while_ready(pod: RunningPod) -> int:
    """Ask on connections that are kept, as a balancer does; give how many requests were answered."""
    connection = HTTPConnection("127.0.0.1", pod.port, timeout=30)
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


def test_an_open_websocket_does_not_hold_up_the_end(start_pod: StartPod) -> None:
    pod = start_pod()
    with connect(f"ws://127.0.0.1:{pod.port}/echo") as websocket:
        websocket.send("a word")
        assert websocket.recv(timeout=30) == "a word"
        pod.stop()
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=30)
    assert closed.value.rcvd
    # "service restart": the client may come again at once
    assert closed.value.rcvd.code == 1012
    assert pod.ends() == 0


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


def test_what_is_loaded_is_not_looked_through_for_garbage(start_pod: StartPod) -> None:
    found = start_pod().get("/garbage").json
    assert found["young"] == YOUNG_OBJECTS
    # The runtime and Starlette alone are several times as many.
    assert found["frozen"] > YOUNG_OBJECTS


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


def test_an_extra_that_is_missing_is_named() -> None:
    program = """
import sys
sys.modules["uvicorn"] = None
sys.argv = ["osnovci", "serve", "web_app:app"]
from osnovci.cli import main
main()
"""
    ended = run(
        [sys.executable, "-c", program],
        stderr=PIPE,
        text=True,
        env=alone(),
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "osnovci: uvicorn is missing: install osnovci[web]\n"


def test_a_port_that_is_taken_is_named(redis_server: RedisServer, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "osnovci"), "serve", "web_app:app"]
    ended = run(
        [*command, f"--port={redis_server.port}"],
        env=alone(),
        stderr=PIPE,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 2
    assert f"osnovci: port {redis_server.port}: " in ended.stderr
    assert "--port chooses another" in ended.stderr


@pytest.mark.parametrize(
    ("app", "status", "sentence"),
    [
        ("nowhere:app", 2, "osnovci: there is no module nowhere; 'nowhere:app' should be"),
        ("web_app:missing", 2, "osnovci: web_app has no application 'missing'"),
        ("web_app:fails_to_start", 3, "no database"),
        ("web_app:make", 2, "osnovci: web_app:make does not take (scope, receive, send)"),
        (":app", 2, "osnovci: ':app' names no application; it should be MODULE:NAME"),
        ("./web_app:app", 2, "osnovci: './web_app:app' names no application"),
        ("bad_syntax:app", 2, "osnovci: bad_syntax cannot be imported: "),
        ("bad_import:app", 2, "line 1: No module named 'nothing_of_that_name'"),
    ],
)
def test_what_cannot_start_ends_with_a_sentence(
    app: str, status: int, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "bad_syntax.py").write_text("app = (\n")
    (tmp_path / "bad_import.py").write_text("import nothing_of_that_name\n")
    command = [str(Path(sys.executable).parent / "osnovci"), "serve", app, "--port=0"]
    ended = run(command, env=alone(), stderr=PIPE, text=True, timeout=60, check=False, cwd=tmp_path)
    assert ended.returncode == status
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--port=99999", "osnovci: port 99999 is none; --port chooses one from 1 to 65535"),
        ("--port=-1", "osnovci: port -1 is none; --port chooses one from 1 to 65535"),
        ("--host=192.0.2.1", "osnovci: --host 192.0.2.1: "),
        ("--host=no host", "osnovci: --host no host: "),
    ],
)
def test_an_address_that_is_none_is_named(option: str, sentence: str) -> None:
    command = [str(Path(sys.executable).parent / "osnovci"), "serve", "web_app:app", option]
    ended = run(command, env=alone(), stderr=PIPE, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr[: len(sentence)]) == (2, sentence)
    assert len(ended.stderr.splitlines()) == 1
