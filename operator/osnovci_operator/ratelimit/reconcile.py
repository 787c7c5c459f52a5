"""One RateLimitPolicy: observe, decide, report. What it says reaches the pods with the app's config.

The app's own reconcile publishes that config; a change of a policy wakes it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from osnovci_operator.app_channel import Channels
from osnovci_operator.attachment import attach, counted_as_one
from osnovci_operator.backend import Unreadable
from osnovci_operator.loop import RESYNC
from osnovci_operator.ratelimit.decide import decide
from osnovci_operator.ratelimit.seen import Running, Seen
from osnovci_operator.ratelimit.spec import Policy
from osnovci_operator.ratelimit.status import invalid, status
from osnovci_operator.report import Reporter
from osnovci_operator.resource import InvalidSpecError, Key, Resource
from osnovci_operator.store import Store


class Policies:
    """Reconciles RateLimitPolicies, one key a call."""

    def __init__(
        self, store: Store, channels: Channels, reporter: Reporter, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._channels = channels
        self._reporter = reporter
        self._now = now

    async def reconcile(self, key: Key) -> timedelta | None:
        """Tell whether the policy is in force; return when to look again."""
        policy = cast("Policy | InvalidSpecError | None", self._store.get(key))
        if isinstance(policy, InvalidSpecError):
            return await self._report_invalid(key, policy)
        if policy is None or policy.deleting:
            return self._reporter.forget(key)
        seen = self._observe(policy)
        last = self._reporter.last(key, policy.identity.uid, policy.status)
        written = status(policy, last, seen, decide(policy, seen))
        return await self._reporter.report(key, policy.identity, written, seen.now) or RESYNC

    def _observe(self, policy: Policy) -> Seen:
        target, now = policy.target, self._now()
        if missing := self._missing(target):
            return Seen(now, missing)
        lives = self._store.lives(target)
        attached = attach(self._store.sharers(target))[policy.key.name]
        in_force = (attached.document,) if attached.document else ()
        return Seen(
            now=now,
            attached=attached,
            counted_as_one=counted_as_one(self._store.get(target), in_force),
            running=self._running(policy),
            ready_pods={
                pod: max(lives[pod].processes, 1) for pod in self._store.ready_pods(target)
            },
        )

    def _missing(self, target: Key) -> str:
        """Say why there is no target; empty where there is one."""
        found = self._store.get(target)
        if found is None:
            return f"there is no OsnovciApp {target.name} in the namespace {target.namespace}"
        if isinstance(found, Resource) and found.deleting:
            return f"OsnovciApp {target.name} is being deleted"
        return ""

    def _running(self, policy: Policy) -> Running | Unreadable | None:
        reports = self._channels.reports(policy.target)
        if reports is None or isinstance(reports, Unreadable):
            return reports
        return Running(
            revision=reports.revision,
            published=reports.document.policies,
            policies=reports.policies,
            beats=reports.beats,
            denials=reports.denials.get(policy.key.name),
        )

    async def _report_invalid(self, key: Key, error: InvalidSpecError) -> timedelta:
        now = self._now()
        last = self._reporter.last(key, error.identity.uid, error.status)
        await self._reporter.report(key, error.identity, invalid(error, last, now), now)
        return RESYNC
