"""The worker's environment becomes one value, or one sentence that says what is wrong."""

import pytest
from workers import environment, pool_document, queue_document

from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_POOL, ENV_REDIS_URL
from osnovci.errors import SettingsError
from osnovci.settings import WorkerSettings

URL = "redis://:secret@redis:6379/0"


def test_a_right_environment_is_read_whole() -> None:
    pool = pool_document(queue_document("email"), queue_document("report", paused=True))
    settings = WorkerSettings.parse(environment(URL, pool))
    assert (settings.namespace, settings.pod, settings.redis_url) == ("tests", "worker-1", URL)
    assert settings.pool == pool


@pytest.mark.parametrize("name", [ENV_NAMESPACE, ENV_POD, ENV_POOL, ENV_REDIS_URL])
def test_what_is_missing_is_named(name: str) -> None:
    incomplete = environment(URL, pool_document())
    del incomplete[name]
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        WorkerSettings.parse(incomplete)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param("{", "OSNOVCI_POOL: the document: Invalid JSON", id="not JSON"),
        pytest.param("{}", "OSNOVCI_POOL: pool: Field required", id="a field is missing"),
        pytest.param(
            pool_document().model_copy(update={"queues": ()}).model_dump_json(),
            "OSNOVCI_POOL: queues: it is empty; a pool has at least one queue",
            id="no queue",
        ),
    ],
)
def test_a_wrong_pool_is_named_by_field(document: str, sentence: str) -> None:
    wrong = environment(URL, pool_document()) | {ENV_POOL: document}
    with pytest.raises(SettingsError, match=sentence):
        WorkerSettings.parse(wrong)


@pytest.mark.parametrize(
    "url", ["amqp://:secret@redis", "redis://:secret@redis:bad/0", "redis://:secret@redis:99999"]
)
def test_a_wrong_url_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        WorkerSettings.parse(environment(url, pool_document()))
    assert "secret" not in str(error.value)
