"""One OsnovciApp, made what it should be: observe, decide, build, apply, report."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from osnovci.app_revisions import GoodRevision, revisions_name
from osnovci_operator import conditions
from osnovci_operator.app import build, objects, status
from osnovci_operator.app.configs import configs, standing
from osnovci_operator.app.decide import Decision, decide, sharer
from osnovci_operator.app.migration import digest
from osnovci_operator.app.migrations import Migrations
from osnovci_operator.app.reports import Configs, Reports
from osnovci_operator.app.rollout import Course, Revision, course
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Deployed, Neighbour, Seen, Stranger
from osnovci_operator.app.spec import KIND, App
from osnovci_operator.app.status import Outcome, Refusal
from osnovci_operator.app_channel import Channels
from osnovci_operator.errors import NotFoundError, RefusedError, TerminatingError
from osnovci_operator.events import Events
from osnovci_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    OSNOVCI_APP,
    REPLICA_SET,
)
from osnovci_operator.kube import Kube
from osnovci_operator.loop import REFUSED_EVERY, RESYNC
from osnovci_operator.report import Reporter
from osnovci_operator.resource import InvalidSpecError, Key, format_duration
from osnovci_operator.store import Store

MIGRATING_EVERY = timedelta(seconds=5)
"""The pods of a migration are not watched."""

NAME_TAKEN_EVERY = timedelta(seconds=10)


class Apps:
    """Reconciles OsnovciApps, one key a call."""

    def __init__(
        self,
        store: Store,
        kube: Kube,
        channels: Channels,
        events: Events,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._kube = kube
        self._channels = channels
        self._events = events
        self._reporter = Reporter(kube, events)
        self._migrations = Migrations(store, kube)
        self._now = now
        self._scaling: dict[Key, tuple[str, ScalingState]] = {}
        """With the app's uid."""
        self._shared: dict[Key, tuple[int, tuple[int, int]]] = {}
        """What others that share a database with an app go by: the wanted count, and its pods."""

    async def reconcile(self, key: Key) -> timedelta | None:
        """Give the app the pods and objects that its spec asks for; return when to look again."""
        app = self._store.app(key)
        if isinstance(app, InvalidSpecError):
            return await self._report_invalid(key, app)
        if app is None or app.deleting:
            return self._forget(key)
        live, wanted = await self._live(app), self._wanted(app)
        seen = self._observe(app, live)
        run = await self._migrations.look(app, wanted, seen.deployed)
        seen = replace(seen, migration=run)
        decision = self._decide(app, seen)
        self._note(app, seen, decision)
        chosen, good = self._choose(app, wanted, seen), seen.good
        if chosen.proven:
            good = good.after(GoodRevision(name=wanted.name, spec=app.spec.revision()))
        outcome = Outcome(decision, chosen, revision=wanted.name, good=good)
        return await self._report(app, seen, await self._apply(app, seen, live, outcome))

    def _forget(self, key: Key) -> None:
        self._reporter.forget(key)
        self._channels.forget(key)
        self._migrations.forget(key)
        for kind in OSNOVCI_APP.children:
            self._kube.forget(kind, key.namespace, key.name)
        for name in (build.document_name(key.name), revisions_name(key.name)):
            self._kube.forget(CONFIG_MAP, key.namespace, name)
        self._shared.pop(key, None)
        self._scaling.pop(key, None)

    def _decide(self, app: App, seen: Seen) -> Decision:
        uid, state = self._scaling.get(app.key, ("", ScalingState()))
        if uid != app.identity.uid:
            state = ScalingState()
        decision, state = decide(app.identity.name, app.spec, seen, state)
        self._scaling[app.key] = (app.identity.uid, state)
        return decision

    def _note(self, app: App, seen: Seen, decision: Decision) -> None:
        """Remember what the app would like to have, and wake who shares the database with it."""
        shared = (decision.wanted, seen.pods)
        if app.spec.database and self._shared.get(app.key) != shared:
            self._shared[app.key] = shared
            for other in self._sharers(app):
                self._channels.wake(other.key)

    def _pods(self, key: Key) -> tuple[int, int]:
        """Count the pods that stay and those that leave."""
        leaving = len(self._store.leaving(key))
        return len(self._store.pods(key)) - leaving, leaving

    def _sharers(self, app: App) -> list[App]:
        """Give the other apps that use the database of the namespace."""
        apps = self._store.apps(app.identity.namespace)
        return [
            other
            for other in apps
            if other.spec.database and not other.deleting and other.key != app.key
        ]

    def _neighbour(self, app: App) -> Neighbour:
        deployment = self._store.deployment(app.key)
        asked = deployment["spec"].get("replicas", 1) if deployment else 0
        wanted, _ = self._shared.get(app.key, (asked, None))
        reports = self._channels.reports(app.key)
        return Neighbour(
            sharer(
                app.identity.name,
                app.spec,
                wanted,
                self._pods(app.key),
                self._store.processes(app.key),
            ),
            reports if isinstance(reports, Reports) else None,
        )

    async def _live(self, app: App) -> dict[Key, dict[str, Any]]:
        """Give the app's objects as they are; one the cache has not seen is asked for by its name."""
        found: dict[Key, dict[str, Any]] = {}
        for place in objects.places(app):
            body = self._store.child(app.key, place.kind, place.name)
            body = body or await self._kube.get(place.kind, place.namespace, place.name)
            if body:
                found[place] = body
        return found

    def _observe(self, app: App, live: dict[Key, dict[str, Any]]) -> Seen:
        own = {place: body for place, body in live.items() if objects.is_of(app, body)}
        deployment = own.get(Key(DEPLOYMENT, app.identity.namespace, app.identity.name))
        deployed = (
            Deployed.parse(deployment, self._store.children(app.key, REPLICA_SET))
            if deployment
            else None
        )
        return Seen(
            now=self._now(),
            deployed=deployed,
            strangers=tuple(
                Stranger(place, objects.pool_of(body))
                for place, body in live.items()
                if place not in own
            ),
            standing=objects.standing(own.get(objects.document_place(app))),
            good=objects.good(own.get(objects.revisions_place(app))),
            releases=self._store.releases(app.key) | (deployed.releases if deployed else set()),
            trouble=self._store.trouble(app.key),
            reports=self._channels.reports(app.key),
            ready_pods=self._store.ready_pods(app.key),
            pods=self._pods(app.key),
            processes=self._store.processes(app.key),
            neighbours=tuple(
                self._neighbour(other)
                for other in (self._sharers(app) if app.spec.database else ())
            ),
        )

    def _wanted(self, app: App) -> Revision:
        template, run = build.template(app), app.spec.migration
        document = app.spec.document(app.identity.name)
        return Revision(template, document, digest(template, run) if run else "")

    def _choose(self, app: App, wanted: Revision, seen: Seen) -> Course:
        deadline = format_duration(app.spec.rollout.deadline)
        return course(wanted, seen, deadline)

    async def _apply(
        self, app: App, seen: Seen, live: dict[Key, dict[str, Any]], outcome: Outcome
    ) -> Outcome:
        """Make the app's objects what they should be, but for those that are another's.

        The config of a revision is published when the API server has taken its Deployment; until
        then the ones of before are, with pools no larger than they may be now.
        """
        decision, chosen = outcome.decision, outcome.course
        after = configs(seen, chosen, decision.share)
        before = standing(seen, decision.share) or after
        taken = {each.place for each in seen.strangers}
        if any(place.kind in objects.CORE for place in taken):
            asked = seen.deployed.asked if seen.deployed else 0
            return replace(outcome, decision=replace(decision, replicas=asked))
        self._tell(app, seen, before)
        documents = {**after.documents, **before.documents}
        core = objects.core(app, documents, decision.replicas, chosen)
        if refusal := await self._write(core, live):
            return replace(outcome, refusal=refusal)
        if chosen.migrates:
            note = "the migration of a new revision, before its pods"
            await self._events.record(KIND, app.identity, "MigrationStarted", note)
        if not chosen.deploys:
            return outcome
        await self._announce(app, seen, decision)
        self._tell(app, seen, after)
        around = objects.around(app, after.documents, outcome.good)
        others = [each for each in around if objects.place_of(each) not in taken]
        refusal = await self._write(others, live)
        if not refusal:
            await self._remove_unwanted(app)
        return replace(outcome, refusal=refusal)

    def _tell(self, app: App, seen: Seen, told: Configs) -> None:
        """Publish configs, and take back those of releases that no pod is of any more."""
        gone = seen.standing.keys() - seen.releases - {told.release}
        self._channels.tell(app.key, told, app.status.get("configRevision") or 0, gone)

    async def _write(
        self, manifests: Iterable[dict[str, Any]], live: dict[Key, dict[str, Any]]
    ) -> Refusal | None:
        """Apply objects up to one that the API server refuses; give that."""
        for manifest in manifests:
            place = objects.place_of(manifest)
            try:
                live[place] = await self._kube.apply(manifest, live.get(place))
            except TerminatingError:
                return Refusal(place.kind, "the namespace is being deleted")
            except RefusedError as error:
                message = f"the API server refused the {place.kind}: {error}"
                return Refusal(place.kind, message)
            self._store.written(live[place])
        return None

    async def _announce(self, app: App, seen: Seen, decision: Decision) -> None:
        before = seen.deployed.asked if seen.deployed else 0
        if decision.replicas != before:
            reason = "ScaledUp" if decision.replicas > before else "ScaledDown"
            note = f"from {before} to {decision.replicas} pods: {decision.message}"
            await self._events.record(KIND, app.identity, reason, note)

    async def _remove_unwanted(self, app: App) -> None:
        """Delete the Ingress of an app that no longer has one."""
        body = self._store.child(app.key, INGRESS, app.identity.name)
        if app.spec.ingress or not body or not objects.is_of(app, body):
            return
        try:
            await self._kube.delete(INGRESS, app.identity.namespace, app.identity.name)
        except NotFoundError:
            return

    async def _report(self, app: App, seen: Seen, outcome: Outcome) -> timedelta:
        last = self._reporter.last(app.key, app.identity.uid, app.status)
        written = status.status(app, last, seen, outcome)
        wait = await self._reporter.report(app.key, app.identity, written, seen.now)
        recheck = REFUSED_EVERY if outcome.refusal else outcome.decision.recheck or RESYNC
        if outcome.course.migration and not outcome.course.refused:
            recheck = MIGRATING_EVERY
        if seen.strangers:  # What does not carry our label is not watched.
            recheck = min(recheck, NAME_TAKEN_EVERY)
        return min(recheck, wait or recheck)

    async def _report_invalid(self, key: Key, error: InvalidSpecError) -> timedelta:
        identity, now = error.identity, self._now()
        last = self._reporter.last(key, identity.uid, error.status)
        written = conditions.invalid(str(error), last, identity.generation, now)
        await self._reporter.report(key, identity, written, now)
        return RESYNC
