"""The operator's environment becomes one value, or one sentence that says what is wrong."""

import pytest

from osnovci_operator.errors import SettingsError
from osnovci_operator.settings import Settings

ENVIRONMENT = {"OSNOVCI_NAMESPACES": "homework", "OSNOVCI_IDENTITY": "operator-1"}


def test_little_is_enough() -> None:
    settings = Settings.parse(ENVIRONMENT)
    assert (settings.namespaces, settings.identity) == (("homework",), "operator-1")
    assert (settings.own_namespace, settings.port) == ("osnovci-system", 8080)
    assert (settings.redis_hosts, settings.log_level) == (frozenset(), "INFO")
    for unnamed in ({}, {"OSNOVCI_NGINX_IMAGE": ""}):
        assert Settings.parse(ENVIRONMENT | unnamed).nginx_image == "osnovci/nginx:0.1.0"
    named = {"OSNOVCI_NGINX_IMAGE": "registry.example/nginx:2"}
    assert Settings.parse(ENVIRONMENT | named).nginx_image == "registry.example/nginx:2"


def test_lists_take_commas_and_spaces() -> None:
    lists = {"OSNOVCI_NAMESPACES": "a, b  c,", "OSNOVCI_REDIS_HOSTS": "redis.example.com,10.1.2.3"}
    settings = Settings.parse(ENVIRONMENT | lists)
    assert settings.namespaces == ("a", "b", "c")
    assert settings.redis_hosts == {"redis.example.com", "10.1.2.3"}


NOT_SET = "is not set; see the Deployment in manifests/base"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param(
            "OSNOVCI_NAMESPACES", " , ", f"OSNOVCI_NAMESPACES {NOT_SET}", id="no namespace"
        ),
        pytest.param("OSNOVCI_IDENTITY", "", f"OSNOVCI_IDENTITY {NOT_SET}", id="no identity"),
        pytest.param(
            "OSNOVCI_PORT",
            "http",
            "OSNOVCI_PORT is 'http'; it must be a port from 1 to 65535",
            id="a port that is no number",
        ),
        pytest.param(
            "OSNOVCI_PORT",
            "65536",
            "OSNOVCI_PORT is '65536'; it must be a port from 1 to 65535",
            id="a port out of range",
        ),
        pytest.param(
            "OSNOVCI_LOG_LEVEL",
            "loud",
            "OSNOVCI_LOG_LEVEL is 'loud'; it must be one of DEBUG, INFO, WARNING, ERROR",
            id="a log level that is none",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.parse(ENVIRONMENT | {name: value})
    assert str(error.value) == message
