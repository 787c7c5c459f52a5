"""The client of a namespace's one Redis, which the Secret names; and what its errors mean."""

import asyncio
import time
from base64 import b64decode

import redis.asyncio as redis
from redis.exceptions import AuthenticationError, ResponseError

from osnovci.contract import REDIS_SECRET
from osnovci.observation import UnexpectedReplyError
from osnovci.redis_clients import for_asyncio
from osnovci_operator.backend import UnreadableReason
from osnovci_operator.errors import BackendError, KubeError
from osnovci_operator.kube import Kube
from osnovci_operator.redis_url import allowed_url
from osnovci_operator.settings import Settings

ANSWER_SECONDS = 1.0
"""How long Redis may take for one answer, and for a connection."""

SECRET_SECONDS = 30.0
"""How often the Secret is read again while the connection is good."""


def is_cancelled() -> bool:
    """Whether this task was cancelled, to be asked by what catches errors of Redis and goes on.

    redis-py may answer a cancellation with an error of its own, and then it would be lost.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Connection:
    """Opens the client by the Secret; closed, it is opened anew when it is asked for."""

    def __init__(self, namespace: str, settings: Settings, kube: Kube) -> None:
        self._namespace = namespace
        self._hosts = settings.redis_hosts
        self._kube = kube
        self._url = ""
        self._url_read_at = 0.0
        self.client: redis.Redis | None = None
        """The open client, for what goes on beside the reading; None while there is none."""

    async def open(self) -> redis.Redis:
        """Give the client; now and then look whether the Secret still names the same Redis."""
        if self.client and time.monotonic() - self._url_read_at < SECRET_SECONDS:
            return self.client
        self._url_read_at = time.monotonic()
        try:
            url = await self._read_url()
        except KubeError as error:
            if self.client:
                return self.client
            message = f"the Secret {self._namespace}/{REDIS_SECRET} cannot be read: {error}"
            raise BackendError(UnreadableReason.NO_URL, message) from error
        if not self.client or url != self._url:
            await self.close()
            self._url = url
            self.client = for_asyncio(
                url,
                decode_responses=True,
                encoding_errors="replace",
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                client_name="osnovci-operator",
            )
        return self.client

    async def close(self) -> None:
        """Close the client."""
        client, self.client = self.client, None
        if client:
            await client.aclose()

    async def _read_url(self) -> str:
        place = f"the Secret {self._namespace}/{REDIS_SECRET}"
        secret = await self._kube.get("Secret", self._namespace, REDIS_SECRET)
        if not secret or "url" not in secret.get("data", {}):
            message = (
                f"{place} is missing or has no key url; create it with url: redis://redis:6379/0"
            )
            raise BackendError(UnreadableReason.NO_URL, message)
        url = b64decode(secret["data"]["url"]).decode(errors="replace").strip()
        return allowed_url(url, self._namespace, self._hosts)


def explain(error: Exception) -> BackendError:
    """Say what an error of the client means to whoever looks at the pool."""
    if isinstance(error, TimeoutError | redis.TimeoutError):
        text = f"Redis does not answer within {ANSWER_SECONDS:g}s"
        return BackendError(UnreadableReason.UNREACHABLE, text)
    if isinstance(error, AuthenticationError):
        text = f"Redis refused: {error}; check user and password in the Secret {REDIS_SECRET}"
        return BackendError(UnreadableReason.UNREACHABLE, text)
    if isinstance(error, ResponseError | UnexpectedReplyError):
        text = f"Redis answered with something unexpected: {str(error)[:200]}"
        return BackendError(UnreadableReason.NONSENSE, text)
    return BackendError(UnreadableReason.UNREACHABLE, f"Redis cannot be reached: {error}")
