"""The reader of a namespace without its Secret: it says so and wakes the pool.

What it reads by the Secret's url needs an API server and is tested in tests/cluster.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from builders import NAMESPACE, key, pool, pool_body
from kubernetes.aio import client
from workers import free_port

from osnovci_operator.backend import Unreadable, UnreadableReason
from osnovci_operator.broker import NamespaceReader
from osnovci_operator.connection import Connection
from osnovci_operator.kube import Kube
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.store import Store

SETTINGS = Settings(
    namespaces=(NAMESPACE,),
    own_namespace="osnovci-system",
    identity="operator-1",
    redis_hosts=frozenset(),
    port=8080,
    log_level="INFO",
    tick=timedelta(milliseconds=50),
)


@pytest.fixture
async def kube() -> AsyncGenerator[Kube]:
    """An API server that is away."""
    configuration = client.Configuration(host=f"http://127.0.0.1:{free_port()}")
    async with client.ApiClient(configuration) as api:
        yield Kube(api)


async def test_a_reader_without_a_secret_holds_and_says_so(kube: Kube) -> None:
    store = Store()
    store.put(pool_body())
    woken = asyncio.Queue[Key]()
    reader = NamespaceReader(
        NAMESPACE, SETTINGS.tick, Connection(NAMESPACE, SETTINGS, kube), store, woken.put_nowait
    )
    task = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(15):
            assert await woken.get() == key()
            found = reader.reading(pool())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert isinstance(found, Unreadable)
    assert found.reason == UnreadableReason.NO_URL
    assert found.message.startswith(
        "the Secret homework/osnovci-redis cannot be read: the API server does not answer: "
    )
