"""What the cluster does meanwhile: the memory of the instances, as they report it, and the scaling."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from benchmarks.api import Api
from benchmarks.load.repeatedly import repeatedly
from benchmarks.stand import POOLS
from osnovci.app_contract import AppHeartbeat
from osnovci.contract import key_prefix
from osnovci.limit_contract import LimiterState

NAMESPACE = "homework"
APP = "homework"
POOL = f"{POOLS.format(NAMESPACE)}/homework-jobs"
APPLICATION = f"/apis/osnovci.app/v1alpha1/namespaces/{NAMESPACE}/osnovciapps/{APP}"
EVERY_SECONDS = 1.0
MEMORY_BAR_MB = 180.0


@dataclass
class Seen:
    """What was seen until now."""

    memory_bytes: dict[str, int] = field(default_factory=dict[str, int])
    """The most of each instance, by its pod."""
    cpu_percent: dict[str, float] = field(default_factory=dict[str, float])
    """The same, of the node."""
    shed_per_second: dict[str, float] = field(default_factory=dict[str, float])
    """The same, of what was turned away as too many requests were in flight: 503 with Retry-After."""
    without_redis_at: list[float] = field(default_factory=list[float])
    """When an instance said that its limits were not counted in Redis, by the seconds as below."""
    scaling: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])
    """Each change: the seconds since the beginning, the ready instances, the ready workers."""

    def look(self, redis: Redis, api: Api, seconds: float) -> None:
        """Look once."""
        for beat in heartbeats(redis):
            memory, cpu = beat.memory_bytes or 0, beat.cpu_percent or 0.0
            self.memory_bytes[beat.pod] = max(self.memory_bytes.get(beat.pod, 0), memory)
            self.cpu_percent[beat.pod] = max(self.cpu_percent.get(beat.pod, 0.0), cpu)
            shed = max(self.shed_per_second.get(beat.pod, 0.0), beat.shed_per_second)
            self.shed_per_second[beat.pod] = shed
            if beat.limiter == LimiterState.FALLBACK:
                self.without_redis_at.append(round(seconds, 1))
        ready = [_ready(api.request("GET", each)) for each in (APPLICATION, POOL)]
        if not self.scaling or self.scaling[-1][1:] != tuple(ready):
            self.scaling.append((round(seconds, 1), ready[0], ready[1]))


def heartbeats(redis: Redis) -> list[AppHeartbeat]:
    """Give those of the application's instances."""
    names = list(redis.scan_iter(f"{key_prefix(NAMESPACE)}heartbeat:{APP}-*", count=1000))
    documents: Any = redis.mget(names) if names else []
    # A worker's heartbeat has no process number in its key.
    web = [each for name, each in zip(names, documents, strict=True) if name.count(b":") == 4]
    return [AppHeartbeat.model_validate_json(each) for each in web if each]


def _ready(resource: dict[str, Any]) -> int:
    return resource.get("status", {}).get("readyReplicas") or 0


@contextmanager
def watching(redis: Redis, api: Api) -> Generator[Seen]:
    """Look every second until the end of the block."""
    seen, began = Seen(), time.monotonic()
    with repeatedly(lambda: seen.look(redis, api, time.monotonic() - began), EVERY_SECONDS):
        yield seen
