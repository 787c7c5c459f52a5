"""The homework application of `make up`, as the host sees it."""

import json
import random
from contextlib import closing
from http.client import HTTPConnection
from ipaddress import IPv4Network
from typing import Any
from uuid import uuid4

from homework.accounts import TEACHER, demo_password
from waiting import PATIENCE_SECONDS, eventually
from websockets.sync.client import connect

ADDRESS = "127.0.0.1:8080"


class Visitor:
    """A person at an address of its own, which the gate lets through as X-Forwarded-For."""

    def __init__(self, name: str = "") -> None:
        address = IPv4Network("198.18.0.0/15")[random.randrange(2**17)]
        self.headers = {"X-Forwarded-For": str(address)}
        if name:
            given = {"name": name, "password": demo_password(name)}
            status, answer = self.ask("POST", "/api/auth/login", given)
            assert status == 200, answer

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask, and again where the answer is to try again, as it is where Redis was slow to count."""

        def answer() -> tuple[int, Any] | None:
            told = self.ask_once(method, path, body)
            return None if told[0] == 503 else told

        return eventually(answer)

    def ask_once(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        with closing(HTTPConnection(ADDRESS, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, path, json.dumps(body), self.headers)
            answer = connection.getresponse()
            if cookie := answer.headers["Set-Cookie"]:
                self.headers["Cookie"] = cookie.partition(";")[0]
            content = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(content) if is_json else content


def test_homework_that_is_noted_down_is_news_for_the_class() -> None:
    title = f"Exercise {uuid4()}"
    pupil, classmate = Visitor("student-2"), Visitor("student-6")
    with connect(f"ws://{ADDRESS}/ws", additional_headers=classmate.headers) as socket:
        status, answer = pupil.ask("POST", "/api/homework", {"title": title})
        assert status == 201, answer
        assert answer["told"]
        messages = (json.loads(socket.recv(timeout=180))["message"] for _ in range(100))
        assert f"student-2 noted down: {title}" in messages


def test_the_page_is_shown() -> None:
    status, page = Visitor().ask("GET", "/")
    assert status == 200
    assert b"<title>Homework</title>" in page


def test_the_limits_of_the_policy_are_in_force_at_every_address_by_itself() -> None:
    guess = {"name": f"nobody-{uuid4()}"[:40], "password": "guessed"}

    def guesser() -> Visitor | None:
        """Guess until no guess is let through; another one tries where a guess could not be counted."""
        each = Visitor()
        statuses = [each.ask_once("POST", "/api/auth/login", guess)[0] for _ in range(6)]
        if 503 in statuses:
            return None
        assert statuses == [401] * 5 + [429]
        return each

    assert eventually(guesser).ask("GET", "/api/auth/me") == (200, {"user": None})
    teacher = Visitor(TEACHER)
    status, answer = teacher.ask("GET", "/api/rate-limit-status?userId=student-3")
    assert status == 200, answer
    most = {each["limit"]: each["max"] for each in answer["limits"]}
    assert most == {"api": 60, "upload": 20, "email": 10, "report": 5}
