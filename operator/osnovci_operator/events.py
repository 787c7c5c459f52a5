"""Events: what a person sees under `kubectl describe`. The same event again is counted, not repeated.

Recording never fails a reconcile: an event that cannot be written is logged.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from osnovci_operator.errors import KubeError
from osnovci_operator.kinds import APIS
from osnovci_operator.kube import MERGE, Kube, micro_time
from osnovci_operator.labels import MANAGER
from osnovci_operator.resource import GROUP, VERSION, Identity, Key

SERIES_SECONDS = 300.0
"""Within this time, the same reason on the same object is one series."""

NOTE_MAX = 1024
REMEMBERED = 4096

Tell = Callable[[Key, str, str], Awaitable[None]]
"""Tells of an object what was set right: its key, the reason, and the sentence."""

log = logging.getLogger(__name__)


@dataclass
class _Series:
    path: str
    note: str
    since: float
    count: int = 1


class Events:
    """The recorder; its memory of recent events is bounded."""

    def __init__(self, kube: Kube, identity: str) -> None:
        self._kube = kube
        self._identity = identity
        self._recent: OrderedDict[tuple[str, str], _Series] = OrderedDict()

    async def record(
        self, kind: str, about: Identity, reason: str, note: str, *, warning: bool = False
    ) -> None:
        """Say what happened to an object, in one sentence."""
        log.info("%s: %s: %s", Key(kind, about.namespace, about.name), reason, note)
        series = self._recent.get((about.uid, reason))
        fresh = series and time.monotonic() - series.since < SERIES_SECONDS
        try:
            if series and fresh and series.note == note:
                await self._count(series)
            else:
                await self._create(kind, about, reason, note[:NOTE_MAX], warning=warning)
        except KubeError as error:
            log.info("event %s of %s could not be recorded: %s", reason, about.name, error)

    async def _create(
        self, kind: str, about: Identity, reason: str, note: str, *, warning: bool
    ) -> None:
        path = APIS["Event"].path(about.namespace)
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about.name}-", "namespace": about.namespace},
            "eventTime": micro_time(),
            "reportingController": f"{GROUP}/{MANAGER}",
            "reportingInstance": self._identity,
            "action": "Reconcile",
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "note": note,
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
        }
        created = await self._kube.request("POST", path, body)
        name = created["metadata"]["name"]
        self._recent[about.uid, reason] = _Series(f"{path}/{name}", note, time.monotonic())
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    async def _count(self, series: _Series) -> None:
        series.count += 1
        seen: dict[str, Any] = {"count": series.count, "lastObservedTime": micro_time()}
        await self._kube.request("PATCH", series.path, {"series": seen}, content=MERGE)
