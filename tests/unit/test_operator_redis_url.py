"""Which Redis the operator dials: the namespace's own, or one that its administrator allowed."""

import pytest

from osnovci_operator.backend import UnreadableReason
from osnovci_operator.errors import BackendError
from osnovci_operator.redis_url import NO_URL, allowed_url

ALLOWED = frozenset({"redis.example.com", "10.1.2.3"})
SERVICE = "redis://redis.homework.svc"


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        pytest.param("redis://redis", SERVICE, id="a bare name is the namespace's Service"),
        pytest.param("redis://redis:6380/2", f"{SERVICE}:6380/2", id="port and database stay"),
        pytest.param("redis://redis.homework", SERVICE, id="with the namespace"),
        pytest.param("redis://redis.homework.svc", SERVICE, id="with svc"),
        pytest.param("redis://redis.homework.svc.cluster.local", SERVICE, id="in full"),
        pytest.param("rediss://redis/0", "rediss://redis.homework.svc/0", id="with TLS"),
        pytest.param(
            "redis://app:pass@redis/0",
            "redis://app:pass@redis.homework.svc/0",
            id="user and password stay",
        ),
        pytest.param(
            "redis://:p%40ss@redis", "redis://:p%40ss@redis.homework.svc", id="escapes stay"
        ),
        pytest.param(
            "redis://localhost",
            "redis://localhost.homework.svc",
            id="localhost is not the operator's own",
        ),
        pytest.param(
            "redis://redis.example.com:6379/0",
            "redis://redis.example.com:6379/0",
            id="an allowed host is kept",
        ),
        pytest.param("redis://10.1.2.3/0", "redis://10.1.2.3/0", id="an allowed address is kept"),
    ],
)
def test_what_may_be_dialled(url: str, dialled: str) -> None:
    assert allowed_url(url, "homework", ALLOWED) == dialled


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("redis://redis.other/0", "redis.other", id="another namespace"),
        pytest.param("redis://redis.other.svc/0", "redis.other.svc", id="its svc"),
        pytest.param("redis://a.b.homework.svc/0", "a.b.homework.svc", id="a pod behind a Service"),
        pytest.param("redis://example.org/0", "example.org", id="a foreign host"),
        pytest.param("redis://10.0.0.1/0", "10.0.0.1", id="an address"),
        pytest.param(
            "redis://redis.homework.svc.example.org/0",
            "redis.homework.svc.example.org",
            id="one that only begins like ours",
        ),
        pytest.param(
            "redis://redis.homework.svc@example.org/0", "example.org", id="ours as the user"
        ),
    ],
)
def test_a_host_that_is_not_allowed(url: str, host: str) -> None:
    with pytest.raises(BackendError) as error:
        allowed_url(url, "homework", ALLOWED)
    assert error.value.reason == UnreadableReason.REFUSED_HOST
    assert str(error.value) == (
        f"the Secret osnovci-redis names the host {host}, which is no Service of namespace "
        "homework: use one, or allow the host in the operator's OSNOVCI_REDIS_HOSTS"
    )


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("redis", id="a host alone"),
        pytest.param("http://redis", id="another scheme"),
        pytest.param("unix:///run/redis.sock", id="a socket"),
        pytest.param("redis:///0", id="no host"),
        pytest.param("redis://redis:abc/0", id="a port in letters"),
        pytest.param("redis://redis:99999/0", id="a port beyond the last"),
        pytest.param("redis://redis/first", id="a database in letters"),
        pytest.param("redis://app:hun/ter2@redis/0", id="a slash in the password"),
        pytest.param("redis://:p@hun.ter2/x@redis/0", id="an at sign in the password"),
        pytest.param("redis://[redis/0", id="half a bracket"),
    ],
)
def test_what_is_no_url_of_a_redis(url: str) -> None:
    with pytest.raises(BackendError) as error:
        allowed_url(url, "homework", ALLOWED)
    assert error.value.reason == UnreadableReason.NO_URL
    assert str(error.value) == NO_URL
    assert "hun" not in str(error.value)


def test_a_query_is_dropped_since_it_could_set_anything_of_the_client() -> None:
    assert (
        allowed_url("redis://redis/0?db=7", "homework", ALLOWED) == "redis://redis.homework.svc/0"
    )


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("redis://app:hunter2@example.org/0", id="a foreign host"),
        pytest.param("http://app:hunter2@redis/0", id="another scheme"),
        pytest.param("redis://:hunter2@/0", id="no host"),
    ],
)
def test_a_password_is_never_in_the_message(url: str) -> None:
    with pytest.raises(BackendError) as error:
        allowed_url(url, "homework", ALLOWED)
    assert "hunter2" not in str(error.value)
