"""The operator's one read of all apps, on a real Redis with real and with odd reports."""

from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from waiting import eventually
from web_pods import StartPod, app_document
from workers import NAMESPACE

from osnovci import app_observation
from osnovci.app_contract import AppHeartbeat, AppState, app_heartbeat_key, checksum, config_key
from osnovci.app_observation import AppQuestion, AppReading, Denials, Mark, Top
from osnovci.config.publish import publish
from osnovci.limit_contract import denials_key, top_key
from osnovci.observation import UnexpectedReplyError

pytestmark = pytest.mark.every_server

CHECKSUM = "c" * 64


def observe(redis: Redis, *questions: AppQuestion) -> dict[str, AppReading]:
    arguments = app_observation.arguments(NAMESPACE, questions)
    reply: Any = redis.execute_command("EVAL", app_observation.SCRIPT.text, 0, *arguments)
    return app_observation.parse(reply, questions)


def beat(pod: str, *, app: str = "homework", process: int = 0) -> AppHeartbeat:
    return AppHeartbeat(
        app=app,
        pod=pod,
        process=process,
        state=AppState.RUNNING,
        at_ms=1,
        in_flight=3,
        requests_per_second=1,
        error_rate=0,
        config_revision=1,
        config_checksum=CHECKSUM,
    )


def report(redis: Redis, heartbeat: AppHeartbeat, pod: str = "", process: int = 0) -> None:
    key = app_heartbeat_key(NAMESPACE, pod or heartbeat.pod, process or heartbeat.process)
    redis.set(key, heartbeat.model_dump_json())


def test_nothing_is_no_zero(redis: Redis) -> None:
    found = observe(redis, AppQuestion("homework", ("web-1",)), AppQuestion("shop", ()))
    assert found == {
        "homework": AppReading("homework", {"": None}, {}),
        "shop": AppReading("shop", {"": None}, {}),
    }
    assert observe(redis) == {}


async def test_all_apps_in_one_read(redis: Redis, client: AsyncRedis) -> None:
    published = app_document()
    await publish(client, NAMESPACE, published)
    for heartbeat in (beat("web-1"), beat("web-1", process=1), beat("s-1", app="shop")):
        report(redis, heartbeat)
    found = observe(
        redis, AppQuestion("homework", ("web-1", "web-2"), 2), AppQuestion("shop", ("s-1",))
    )
    newest = found["homework"].newest
    assert newest == {"": Mark(1, checksum(published.model_dump_json()))}
    assert found["homework"].heartbeats == {"web-1": (beat("web-1"), beat("web-1", process=1))}
    assert found["shop"].heartbeats == {"s-1": (beat("s-1", app="shop"),)}


def test_a_heartbeat_speaks_only_for_its_own_process(redis: Redis) -> None:
    report(redis, beat("web-2"), pod="web-1")
    report(redis, beat("web-3", process=0), process=1)
    report(redis, beat("web-4", app="shop"))
    question = AppQuestion("homework", ("web-1", "web-3", "web-4"), 2)
    assert observe(redis, question)["homework"].heartbeats == {}


REPORT = beat("web-1").model_dump_json()
ODD = (
    "",
    "{",
    "[]",
    REPORT.replace('"in_flight":3', '"in_flight":-3'),
    REPORT.replace("1.0", "1e999"),
    " " * 70_000,
)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_report_is_none(redis: Redis, text: str) -> None:
    assert text != REPORT
    redis.set(app_heartbeat_key(NAMESPACE, "web-1", 0), text)
    assert observe(redis, AppQuestion("homework", ("web-1",)))["homework"].heartbeats == {}


@pytest.mark.parametrize("fields", [{"revision": "x"}, {"checksum": "y" * 200}, {"revision": "-1"}])
def test_an_odd_config_is_none(redis: Redis, fields: dict[Any, Any]) -> None:
    key = config_key(NAMESPACE, "homework")
    redis.hset(key, mapping={"revision": 1, "checksum": CHECKSUM})
    question = AppQuestion("homework", ())
    assert observe(redis, question)["homework"].newest == {"": Mark(1, CHECKSUM)}
    redis.hset(key, mapping=fields)
    assert observe(redis, question)["homework"].newest == {"": None}


LIMITED = AppQuestion("homework", (), policies=("limits", "other"))


def test_what_was_denied_is_read_of_each_policy(redis: Redis) -> None:
    assert observe(redis, LIMITED)["homework"].denials == {"limits": Denials(), "other": Denials()}
    counts: dict[Any, Any] = {"limits/denied": 12, "limits/wouldDeny": 3, "other/denied": 1}
    redis.hset(denials_key(NAMESPACE, "homework"), mapping=counts)
    subjects: dict[Any, Any] = {f"api 10.0.0.{number}": number for number in range(1, 9)}
    redis.zadd(top_key(NAMESPACE, "homework", "limits"), subjects)
    top = tuple(Top("api", f"10.0.0.{number}", number) for number in (8, 7, 6, 5, 4))
    found = observe(redis, AppQuestion("shop", ("s-1",), policies=("limits",)), LIMITED)
    assert found["shop"].denials == {"limits": Denials()}
    assert found["homework"].denials == {"limits": Denials(12, 3, top), "other": Denials(1)}


@pytest.mark.parametrize(
    ("denied", "subjects", "expected"),
    [
        pytest.param("x", {}, Denials(), id="no number"),
        pytest.param("-4", {}, Denials(), id="less than none"),
        pytest.param("inf", {}, Denials(), id="endless"),
        pytest.param("9" * 200, {}, Denials(), id="too long"),
        pytest.param(
            "1", {"nonsense": 4, "api x": 3}, Denials(1, 0, (Top("api", "x", 3),)), id="no limit"
        ),
        pytest.param("1", {"api " + "x" * 300: 4}, Denials(1), id="a long subject"),
        pytest.param(
            "1", {"api x": 10**21}, Denials(1, 0, (Top("api", "x", 10**21),)), id="very often"
        ),
    ],
)
def test_odd_counts_count_nothing(
    redis: Redis, denied: str, subjects: dict[Any, Any], expected: Denials
) -> None:
    redis.hset(denials_key(NAMESPACE, "homework"), "limits/denied", denied)
    if subjects:
        redis.zadd(top_key(NAMESPACE, "homework", "limits"), subjects)
    assert observe(redis, LIMITED)["homework"].denials["limits"] == expected


@pytest.mark.parametrize(
    "key", [denials_key(NAMESPACE, "homework"), top_key(NAMESPACE, "homework", "limits")]
)
def test_counts_of_another_type_are_not_known(redis: Redis, key: str) -> None:
    redis.set(key, "text")
    assert "limits" not in observe(redis, LIMITED)["homework"].denials


def test_keys_of_another_type_are_none(redis: Redis) -> None:
    redis.set(config_key(NAMESPACE, "homework"), "text")
    redis.hset(app_heartbeat_key(NAMESPACE, "web-1", 0), "a", "b")
    found = observe(redis, AppQuestion("homework", ("web-1",)))
    assert found == {"homework": AppReading("homework", {"": None}, {})}


def test_the_reply_of_something_else_is_an_error() -> None:
    for reply in (None, [], ["[]"], ["[]", "[]", "{"], ["[]", "[]", "[]"], ["[]", "[1]", "[]"]):
        with pytest.raises(UnexpectedReplyError):
            app_observation.parse(reply, [AppQuestion("homework", ("web-1",))])


async def test_the_report_of_a_pod_can_be_read(
    redis: Redis, client: AsyncRedis, start_pod: StartPod
) -> None:
    start_pod()
    published = await publish(client, NAMESPACE, app_document(connections=4))
    question = AppQuestion("homework", ("web-1",))

    def has_it() -> bool:
        reading = observe(redis, question)["homework"]
        newest = reading.newest[""]
        running = [beat.config_checksum for beat in reading.heartbeats.get("web-1", ())]
        return bool(newest and newest.revision == published and running == [newest.checksum])

    eventually(has_it)
