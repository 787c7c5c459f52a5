"""The drain requests of a namespace: what the next tick writes counts as written until it is read."""

from collections.abc import Iterable, Mapping

import redis.asyncio as redis

from osnovci.contract import (
    DRAIN_TTL_SECONDS,
    DrainRequest,
    drain_key,
    key_prefix,
    resume_message,
)


class Drains:
    """What is asked of workers, over what Redis said last."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._wanted: dict[str, DrainRequest | None] = {}

    def ask(self, requests: Mapping[str, DrainRequest], withdrawn: Iterable[str]) -> None:
        """Have requests written or renewed, and others withdrawn."""
        self._wanted |= dict(requests) | dict.fromkeys(withdrawn)

    def over(
        self, read: Mapping[str, DrainRequest], pods: Iterable[str]
    ) -> dict[str, DrainRequest]:
        """Give the requests for these pods, as they stand once the next tick is done."""
        standing = {**read, **self._wanted}
        return {pod: request for pod in pods if (request := standing.get(pod))}

    async def write(self, client: redis.Redis) -> dict[str, DrainRequest | None]:
        """Write what is wanted, in one pipeline; give it, for `written`."""
        sent = dict(self._wanted)
        if sent:
            async with client.pipeline(transaction=False) as pipeline:
                for pod, request in sent.items():
                    key = drain_key(self._namespace, pod)
                    if request:
                        document = request.model_dump_json()
                        pipeline.set(key, document, px=round(DRAIN_TTL_SECONDS * 1000))
                    else:
                        pipeline.delete(key)
                        pipeline.publish(f"{key_prefix(self._namespace)}wake", resume_message(pod))
                await pipeline.execute()
        return sent

    def written(self, sent: Mapping[str, DrainRequest | None]) -> None:
        """Note that a reading shows what was sent before it."""
        unsent = object()
        self._wanted = {
            pod: request
            for pod, request in self._wanted.items()
            if sent.get(pod, unsent) != request
        }

    def forget(self) -> None:
        """Let go of what could not be written: by the time that it can, it is not wanted any more."""
        self._wanted = {}
