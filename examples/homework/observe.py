"""What the demonstration sees: the example's queues, its QueuePool's status, and Mailpit's count."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from enqueue import JOBS
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from redis import Redis

from osnovci.contract import RQ_JOB_PREFIX, RqKeys

NAMESPACE = "homework"
POOL = "homework-jobs"
KUBECONFIG = Path(__file__).parents[2] / ".cluster" / "kubeconfig"
REQUEST_SECONDS = 10


@dataclass(frozen=True)
class Queue:
    """The jobs of one queue at one moment."""

    name: str
    waiting: int
    active: int
    scheduled: int

    @property
    def jobs(self) -> int:
        """All that is still to be done."""
        return self.waiting + self.active + self.scheduled


@dataclass(frozen=True)
class Pool:
    """The QueuePool as its status tells."""

    desired: int
    existing: int
    ready: int
    minimum: int
    message: str
    """Why it has so many workers."""

    @property
    def resting(self) -> bool:
        """Whether it is back at its minimum."""
        return self.desired == self.existing == self.ready == self.minimum


def queues(redis: Redis) -> list[Queue]:
    """Count the jobs of the example's queues, in one round trip."""
    pipeline = redis.pipeline(transaction=False)
    for name in JOBS:
        keys = RqKeys(name)
        pipeline.llen(keys.waiting)
        pipeline.zcard(keys.active)
        pipeline.zcard(keys.scheduled)
    counts = cast("list[int]", pipeline.execute())
    return [Queue(name, *counts[3 * at : 3 * at + 3]) for at, name in enumerate(JOBS)]


def failed(redis: Redis, ids: Sequence[str]) -> int:
    """Count those of these jobs that failed; what failed in earlier runs is not among them."""
    pipeline = redis.pipeline(transaction=False)
    for each in ids:
        pipeline.hget(f"{RQ_JOB_PREFIX}{each}", "status")
    return cast("list[bytes | None]", pipeline.execute()).count(b"failed")


class Cluster:
    """The API server of `make up`."""

    def __init__(self) -> None:
        self._api = config.new_client_from_config(str(KUBECONFIG))
        self._objects = client.CustomObjectsApi(self._api)

    def pool(self) -> Pool:
        """Read the QueuePool."""
        found = self._objects.get_namespaced_custom_object(
            "osnovci.app",
            "v1alpha1",
            NAMESPACE,
            "queuepools",
            POOL,
            _request_timeout=REQUEST_SECONDS,
        )
        body = cast("dict[str, Any]", found)
        status = body.get("status", {})
        messages = {each["type"]: each["message"] for each in status.get("conditions", [])}
        return Pool(
            desired=status.get("desiredReplicas") or 0,
            existing=status.get("replicas") or 0,
            ready=status.get("readyReplicas") or 0,
            minimum=body["spec"].get("scaling", {}).get("minReplicas", 0),
            message=messages.get("ScalingActive", "the operator has not reported yet"),
        )

    def mails(self) -> int | None:
        """Count the e-mails that Mailpit accepted since it started, by the API server's proxy."""
        service = f"/api/v1/namespaces/{NAMESPACE}/services/mailpit:http/proxy"
        url = f"{self._api.configuration.host}{service}/api/v1/info"
        try:
            response = self._api.call_api("GET", url, _request_timeout=REQUEST_SECONDS)
            return int(json.loads(response.read())["RuntimeStats"]["SMTPAccepted"])
        except (ApiException, KeyError, ValueError):
            return None
