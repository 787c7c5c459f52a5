"""The leader's Lease: of all replicas, one reconciles.

A holder that cannot renew stops itself before any other may take over: `RENEW_WITHIN_SECONDS` is
less than `DURATION_SECONDS`. Others judge by their own clock how long the Lease has not moved, so
the clocks of two nodes need not agree. See docs/decisions/0003-own-leader-election.md.
"""

import asyncio
import logging
import time
from typing import Any

from osnovci_operator import metrics
from osnovci_operator.errors import ConflictError, KubeError
from osnovci_operator.kinds import APIS
from osnovci_operator.kube import Kube, micro_time

NAME = "osnovci-operator"
DURATION_SECONDS = 12
RENEW_WITHIN_SECONDS = 9.0
RETRY_SECONDS = 2.0
ATTEMPT_SECONDS = 3.0
TAKE_OVER_RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Leader:
    """This replica's claim to lead."""

    def __init__(self, kube: Kube, namespace: str, identity: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._path = APIS["Lease"].path(namespace)
        self._identity = identity
        self._lease: dict[str, Any] | None = None
        self._moved_at = time.monotonic()
        self._renewed_at = 0.0
        self.leads = False

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        while not await self._attempt_within(ATTEMPT_SECONDS):
            await asyncio.sleep(TAKE_OVER_RETRY_SECONDS)
        self._set(leads=True)

    async def hold(self) -> None:
        """Keep the Lease; return when it is lost, in time for nobody else to lead yet."""
        while (left := self._renewed_at + RENEW_WITHIN_SECONDS - time.monotonic()) > 0:
            await asyncio.sleep(min(RETRY_SECONDS, left))
            renewed = await self._attempt_within(min(ATTEMPT_SECONDS, left - RETRY_SECONDS))
            if not renewed and not self._mine():
                break
        self._set(leads=False)

    async def release(self) -> None:
        """Give the Lease back, so that another replica need not wait for its end."""
        if not (self.leads and self._lease):
            return
        self._set(leads=False)
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._replace(spec)
        except KubeError as error:
            log.info("the Lease could not be given back and will run out: %s", error)

    async def _attempt_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await self._attempt()
        except TimeoutError:
            return False

    async def _attempt(self) -> bool:
        """Create, take over or renew the Lease; False if another holds it or nothing answers."""
        began = time.monotonic()
        try:
            lease = await self._kube.get("Lease", self._namespace, NAME)
            self._notice(lease)
            if lease is None:
                await self._create()
            elif self._mine() or self._expired():
                await self._replace(self._claim())
            else:
                return False
        except ConflictError:
            return False
        except KubeError as error:
            log.warning("the Lease cannot be read or renewed: %s", error)
            return False
        self._renewed_at = began
        return True

    def _notice(self, lease: dict[str, Any] | None) -> None:
        before = self._lease and self._lease["metadata"]["resourceVersion"]
        if lease is None or lease["metadata"]["resourceVersion"] != before:
            self._moved_at = time.monotonic()
        self._lease = lease

    def _mine(self) -> bool:
        return bool(self._lease) and self._lease["spec"].get("holderIdentity") == self._identity

    def _expired(self) -> bool:
        assert self._lease
        spec = self._lease["spec"]
        waited = time.monotonic() - self._moved_at
        return not spec.get("holderIdentity") or waited > spec.get("leaseDurationSeconds", 0)

    def _claim(self) -> dict[str, Any]:
        assert self._lease
        spec = self._lease["spec"]
        if self._mine():
            return {**spec, "renewTime": micro_time()}
        transitions = spec.get("leaseTransitions", 0) + 1
        return {**self._fresh(), "leaseTransitions": transitions}

    def _fresh(self) -> dict[str, Any]:
        now = micro_time()
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": now,
            "renewTime": now,
        }

    async def _create(self) -> None:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME},
            "spec": self._fresh(),
        }
        self._lease = await self._kube.request("POST", self._path, body)

    async def _replace(self, spec: dict[str, Any]) -> None:
        """Write the Lease as it was read; the API server refuses it if it moved since."""
        body = {**(self._lease or {}), "spec": spec}
        self._lease = await self._kube.request("PUT", f"{self._path}/{NAME}", body)

    def _set(self, *, leads: bool) -> None:
        self.leads = leads
        metrics.LEADER.set(leads)
        log.info("%s %s", self._identity, "leads" if leads else "no longer leads")
