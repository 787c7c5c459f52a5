"""What a web pod is told by its environment."""

import pytest

from osnovci.app_contract import ENV_APP, AppDocument
from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL
from osnovci.errors import SettingsError
from osnovci.settings import AppSettings

TOLD = {
    ENV_NAMESPACE: "homework",
    ENV_POD: "homework-1",
    ENV_REDIS_URL: "redis://redis:6379/0",
    ENV_APP: AppDocument(app="homework", processes=2).model_dump_json(),
}


def test_a_pod_of_the_operator() -> None:
    found = AppSettings.parse(TOLD | {"OSNOVCI_PROCESS": "1"}, host="host")
    assert (found.namespace, found.pod, found.process) == ("homework", "homework-1", 1)
    assert (found.server_id, found.redis_url) == ("homework-1", "redis://redis:6379/0")
    assert (found.config.revision, found.config.document.processes) == (0, 2)


def test_the_server_may_have_a_name() -> None:
    assert AppSettings.parse(TOLD | {"SERVER_ID": "server-7"}, host="host").server_id == "server-7"


def test_alone_it_has_the_defaults_and_no_redis() -> None:
    found = AppSettings.parse({}, host="host")
    assert (found.server_id, found.redis_url, found.process) == ("host", "", 0)
    assert found.config.document == AppDocument(app="app")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({ENV_POD: ""}, "OSNOVCI_POD is not set; the operator sets it in the pods that it makes"),
        ({ENV_REDIS_URL: "http://x"}, "OSNOVCI_REDIS_URL must begin with redis://, rediss://"),
        ({ENV_APP: "{"}, "OSNOVCI_APP_DOCUMENT: the document: Invalid JSON"),
        ({ENV_APP: "{}"}, "OSNOVCI_APP_DOCUMENT: app: Field required"),
        ({"OSNOVCI_PROCESS": "x"}, "OSNOVCI_PROCESS is 'x'; it is the process's number, from 0"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        AppSettings.parse(TOLD | change, host="host")
    assert str(raised.value).startswith(sentence)


def test_the_defaults_are_the_seeds_figures() -> None:
    document = AppDocument.model_validate({"app": "homework", "database": {}})
    assert document.database
    assert document.database.model_dump() == {
        "connections_per_process": 10,
        "acquire_timeout_seconds": 10,
        "connect_timeout_seconds": 5,
        "query_timeout_seconds": 10,
        "slow_query_seconds": 1,
        "ping_interval_seconds": 60,
        "replica_max_lag_seconds": 5,
    }
    health = document.health
    assert (health.memory_warn_percent, health.memory_max_percent) == (80, 95)
    assert (health.max_in_flight, document.shutdown.drain_seconds) == (200, 5)
    assert document.sessions.ttl_seconds == 24 * 3600
    assert document.sessions.refresh_ttl_seconds == 30 * 24 * 3600
