"""The homework application of `make up`, as the host sees it."""

import json
from contextlib import closing
from http.client import HTTPConnection
from uuid import uuid4

from websockets.sync.client import connect

ADDRESS = "127.0.0.1:8080"


def ask(method: str, path: str, body: object = None) -> tuple[int, bytes]:
    with closing(HTTPConnection(ADDRESS, timeout=10)) as connection:
        connection.request(method, path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_homework_that_is_noted_down_is_news_for_the_class() -> None:
    title = f"Exercise {uuid4()}"
    with connect(f"ws://{ADDRESS}/ws?student=student-6") as socket:
        status, answer = ask("POST", "/api/homework?student=student-2", {"title": title})
        assert status == 201, answer
        assert json.loads(answer)["told"]
        messages = (json.loads(socket.recv(timeout=60))["message"] for _ in range(100))
        assert f"student-2 noted down: {title}" in messages


def test_the_page_is_shown() -> None:
    status, page = ask("GET", "/")
    assert status == 200
    assert b"<title>Homework</title>" in page
