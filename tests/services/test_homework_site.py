"""The example's web application with a real Redis, PostgreSQL and worker behind it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from homework_site import Site, site, working
from postgres_server import PostgresServer
from redis import Redis
from redis_server import RedisServer
from waiting import eventually
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from workers import entries


@pytest.fixture(scope="module")
def served(
    redis_server: RedisServer,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """One for all tests, since it takes a second to start."""
    folder = tmp_path_factory.mktemp("homework")
    with site(redis_server.client, redis_server.url, postgres_server, folder) as served:
        yield served


@pytest.fixture
def homework(redis: Redis, served: Site) -> Site:
    """The same, with nothing in it."""
    assert redis is served.redis
    served.cookies.clear()
    served.mailbox.mails.clear()
    served.database.sql("DELETE FROM homework; DELETE FROM notification; DELETE FROM report")
    return served


@pytest.fixture
def worked(homework: Site, redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    with working(homework, redis_server.url, tmp_path):
        yield homework


def socket(
    homework: Site, query: str = "", by: str | None = "student-1", path: str = "/ws"
) -> ClientConnection:
    cookie = {"Cookie": homework.cookie(by)} if by else {}
    url = f"ws://127.0.0.1:{homework.pod.port}{path}{query}"
    return connect(url, open_timeout=10, additional_headers=cookie)


def received(opened: ClientConnection) -> Any:
    return json.loads(opened.recv(timeout=15))


def titles(homework: Site, by: str = "student-1") -> list[str]:
    return [each["title"] for each in homework.ask("GET", "/api/homework", by=by)[1]["homework"]]


def stats(homework: Site) -> Any:
    return homework.ask("GET", "/api/queue-stats")[1]["stats"]


def test_what_is_noted_down_is_told_by_jobs(worked: Site) -> None:
    with socket(worked) as mine, socket(worked, by="student-5") as classmate:
        status, answer = worked.ask("POST", "/api/homework", {"title": " Fractions, page 42 "})
        assert status == 201
        assert answer["homework"]["title"] == "Fractions, page 42"
        assert answer["told"] is True
        for opened in (mine, classmate):
            assert received(opened)["message"] == "student-1 noted down: Fractions, page 42"
    assert titles(worked) == ["Fractions, page 42"]
    assert titles(worked, "student-5") == []
    mail = eventually(lambda: worked.mailbox.mails[:1])[0]
    assert "To: student-1@osnovci.app" in mail
    assert "Fractions, page 42" in mail
    eventually(lambda: stats(worked)["email"]["completed"] == 1)


def test_the_figures_of_the_queues_are_pushed_as_they_change(homework: Site) -> None:
    with socket(homework, by=None, path="/ws/queues") as opened:
        assert received(opened) == {"stats": stats(homework)}
        homework.ask("POST", "/api/homework", {"title": "Reading"})
        assert received(opened)["stats"]["email"]["waiting"] == 1


def test_the_answer_does_not_wait_for_a_worker(homework: Site) -> None:
    assert homework.ask("POST", "/api/homework", {"title": "Reading"})[0] == 201
    found = stats(homework)
    assert set(found) == {"notification", "email", "schedule", "report"}
    assert found["email"] == {"waiting": 1, "active": 0, "completed": 0, "failed": 0}


def test_who_comes_back_is_sent_what_was_missed(homework: Site) -> None:
    insert = (
        "INSERT INTO notification (student, message) "
        "SELECT 'student-1', n FROM generate_series({}, {}) AS n RETURNING id"
    )
    first, *_, last = homework.database.sql(insert.format(0, 249)).split()
    with socket(homework) as fresh:
        assert [received(fresh)["message"] for _ in range(20)] == [str(n) for n in range(230, 250)]
    with socket(homework, f"?after={first}") as again:
        assert [received(again)["message"] for _ in range(249)] == [str(n) for n in range(1, 250)]
    with socket(homework, f"?after={last}") as up_to_date:
        homework.database.sql(insert.format(250, 250))
        homework.redis.publish("homework:notified", '["student-1", "nobody"]')
        assert received(up_to_date)["message"] == "250"


def test_a_bell_that_nobody_heard_is_made_up_for(homework: Site) -> None:
    with socket(homework) as opened:
        eventually(lambda: homework.redis.pubsub_numsub("homework:notified")[0][1])
        insert = "INSERT INTO notification (student, message) VALUES ('student-1', 'late')"
        homework.database.sql(insert)
        homework.redis.client_kill_filter(_type="pubsub")
        assert received(opened)["message"] == "late"


def test_homework_is_ticked_off(homework: Site) -> None:
    made = homework.ask("POST", "/api/homework", {"title": "Reading"})[1]["homework"]
    path = f"/api/homework/{made['id']}"
    assert homework.ask("PATCH", path, {"done": True}) == (200, {"homework": made | {"done": True}})
    assert homework.ask("GET", "/api/homework")[1]["homework"][0]["done"] is True
    status, answer = homework.ask("PATCH", path, {"done": False}, by="student-2")
    assert (status, answer["error"]) == (404, f"student-2 has no homework {made['id']}")
    assert homework.ask("PATCH", f"/api/homework/{'9' * 30}", {"done": True})[0] == 404


def test_a_report_is_asked_for_followed_and_downloaded(worked: Site) -> None:
    assert worked.ask("GET", "/api/reports/newest.pdf")[0] == 404
    worked.ask("POST", "/api/homework", {"title": "Vežba"})
    status, report = worked.ask("POST", "/api/reports")
    assert (status, report["status"], report["pdf"]) == (202, "queued", None)

    def done() -> Any:
        found = worked.ask("GET", f"/api/reports/{report['id']}")[1]
        return found if found["pdf"] else None

    found = eventually(done)
    assert (found["status"], found["progress"]) == ("finished", 1.0)
    status, pdf = worked.ask("GET", found["pdf"])
    assert status == 200
    assert pdf.startswith(b"%PDF-")


def test_a_job_that_is_no_report_is_not_shown(homework: Site) -> None:
    homework.ask("POST", "/api/homework", {"title": "Reading"})
    (mail,) = entries(homework.redis, "rq:queue:email")
    for job in (mail.decode(), "none"):
        status, answer = homework.ask("GET", f"/api/reports/{job}")
        assert (status, answer) == (
            404,
            {"error": f"there is no report {job} any more; ask for a new one"},
        )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": ""}, "title: String should have at least 1 character"),
        ({"title": "  "}, "title: String should have at least 1 character"),
        ({"title": "x" * 201}, "title: String should have at most 200 characters"),
        ({"title": 7}, "title: Input should be a valid string"),
        ({"title": "a\0b"}, "title: String should match pattern"),
        ({"title": "a", "by": "me"}, "by: Extra inputs are not permitted"),
        ({}, "title: Field required"),
        ([], "the body: Input should be an object"),
        (b"title=x", "the body: Invalid JSON"),
        (b'{"title": "\\ud800"}', "the body: Invalid JSON"),
        (b"", "the body: Invalid JSON"),
    ],
    ids=repr,
)
def test_a_title_that_is_none_is_refused(homework: Site, body: object, words: str) -> None:
    status, answer = homework.ask("POST", "/api/homework", body)
    assert status == 400
    assert answer["error"].startswith(words)
    assert 'title: a line of 1 to 200 characters, such as "Fractions, page 42"' in answer["error"]
    assert titles(homework) == []


def test_what_else_is_refused(homework: Site) -> None:
    status, answer = homework.ask("POST", "/api/homework", b"x" * 17_000)
    assert (status, answer["error"]) == (413, "the body has more than 16384 bytes")
    for query in ("?after=yesterday", f"?after={'9' * 30}"):
        with pytest.raises(InvalidStatus) as refusal:
            socket(homework, query)
        assert refusal.value.response.status_code == 400
    assert homework.ask("DELETE", "/api/homework")[0] == 405
    assert homework.ask("GET", "/api/nothing") == (404, {"error": "Not Found"})


def test_what_is_away_is_said_and_comes_back(
    own_redis_server: RedisServer, own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    redis, database = own_redis_server, own_postgres_server
    with site(redis.client, redis.url, database, tmp_path) as served:
        assert served.ask("GET", "/api/homework")[0] == 200
        redis.stop()
        for path, what in (
            ("/api/homework", "sessions cannot be read now"),
            ("/api/queue-stats", "the queues do not answer"),
        ):
            assert served.ask("GET", path) == (503, {"error": f"{what}; try again in a second"})
        redis.start()
        eventually(lambda: served.ask("GET", "/api/queue-stats")[0] == 200)
        served.cookies.clear()
        assert served.ask("GET", "/api/homework")[0] == 200
        database.stop()
        assert served.ask("GET", "/api/homework") == (
            503,
            {"error": "the database does not answer; try again in a second"},
        )
        database.start()
        eventually(lambda: served.ask("GET", "/api/homework")[0] == 200)
