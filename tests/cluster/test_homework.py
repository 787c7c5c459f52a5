"""The homework application of `make up`, as the host sees it."""

import json
from http.client import HTTPConnection
from uuid import uuid4

from websockets.sync.client import connect

ADDRESS = "127.0.0.1:8080"


def test_homework_that_is_noted_down_is_news_for_the_class() -> None:
    title = f"Exercise {uuid4()}"
    with connect(f"ws://{ADDRESS}/ws?student=student-6") as socket:
        connection = HTTPConnection(ADDRESS, timeout=10)
        connection.request("POST", "/api/homework?student=student-2", json.dumps({"title": title}))
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        assert json.loads(answer.read())["told"]
        messages = (json.loads(socket.recv(timeout=60))["message"] for _ in range(100))
        assert f"student-2 noted down: {title}" in messages


def test_the_page_is_shown() -> None:
    connection = HTTPConnection(ADDRESS, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    assert b"<title>Homework</title>" in answer.read()
