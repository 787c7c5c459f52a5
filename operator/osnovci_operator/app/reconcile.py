"""One OsnovciApp, made what it should be: observe, decide, build, apply, report."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from osnovci.app_revisions import revisions_name
from osnovci_operator import conditions
from osnovci_operator.app import build, objects, status
from osnovci_operator.app.configs import configs, standing
from osnovci_operator.app.decide import Decision, decide
from osnovci_operator.app.migrations import Migrations
from osnovci_operator.app.reports import Configs
from osnovci_operator.app.rollout import Revision, course
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Deployed, Seen, Stranger
from osnovci_operator.app.spec import KIND, App
from osnovci_operator.app.status import Outcome, Refusal
from osnovci_operator.app_channel import Channels
from osnovci_operator.attachment import attach, in_force
from osnovci_operator.errors import NotFoundError, RefusedError, TerminatingError
from osnovci_operator.events import Events
from osnovci_operator.kinds import DEPLOYMENT, OPTIONAL, REPLICA_SET
from osnovci_operator.kube import Kube
from osnovci_operator.labels import release_of
from osnovci_operator.loop import REFUSED_EVERY, RESYNC
from osnovci_operator.memory import Memory
from osnovci_operator.report import Reporter
from osnovci_operator.resource import InvalidSpecError, Key, format_duration
from osnovci_operator.sharers import Sharers
from osnovci_operator.store import Store

MIGRATING_EVERY = timedelta(seconds=5)
"""The pods of a migration are not watched."""

NAME_TAKEN_EVERY = timedelta(seconds=10)
NO_GATEWAY_API = (
    "the cluster has no HTTPRoute of gateway.networking.k8s.io/v1, for which ingress.gateway asks: "
    "install the Gateway API, or remove gateway"
)


class Apps:
    """Reconciles OsnovciApps, one key a call."""

    def __init__(  # noqa: PLR0913  # what it reconciles with
        self,
        store: Store,
        kube: Kube,
        channels: Channels,
        events: Events,
        now: Callable[[], datetime],
        *,
        sharers: Sharers,
        nginx_image: str,
    ) -> None:
        self._store = store
        self._kube = kube
        self._channels = channels
        self._events = events
        self._reporter = Reporter(kube, events)
        self._migrations = Migrations(store, kube)
        self._now = now
        self._nginx_image = nginx_image
        self._scaling = Memory[ScalingState]()
        self._refused: dict[Key, tuple[str, ...]] = {}
        self._sharers = sharers

    async def reconcile(self, key: Key) -> timedelta | None:
        """Give the app the pods and objects that its spec asks for; return when to look again."""
        app = self._store.app(key)
        if isinstance(app, InvalidSpecError):
            return await self._report_invalid(key, app)
        if app is None or app.deleting:
            return self._forget(key)
        live, wanted = await self._live(app), build.revision(app)
        seen = self._observe(app, live)
        await self._tell_of_forgeries(app, seen.good.refused)
        run = await self._migrations.look(app, wanted, seen.deployed)
        seen = replace(seen, migration=run)
        decision = self._decide(app, seen)
        self._sharers.note(app, seen, decision)
        outcome = self._choose(app, wanted, seen, decision)
        return await self._report(app, seen, await self._apply(app, seen, live, outcome))

    def _forget(self, key: Key) -> None:
        self._reporter.forget(key)
        self._channels.forget(key)
        self._migrations.forget(key)
        for place in objects.every_place(key):
            self._kube.forget(place.kind, place.namespace, place.name)
            body = self._store.child(key, place.kind, place.name)
            if body and place.kind in OPTIONAL:
                self._store.remove(body)
        self._sharers.forget(key)
        self._refused.pop(key, None)
        self._scaling.forget(key)

    def _decide(self, app: App, seen: Seen) -> Decision:
        state = self._scaling.recall(app.key, app.identity.uid, ScalingState())
        decision, state = decide(app.identity.name, app.spec, seen, state)
        self._scaling.keep(app.key, app.identity.uid, state)
        return decision

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
        own, now = {p: body for p, body in live.items() if objects.is_of(app, body)}, self._now()
        deployment = own.get(Key(DEPLOYMENT, app.identity.namespace, app.identity.name))
        nginx = own.get(objects.nginx_places(app.key)[0])
        deployed = (
            Deployed.parse(deployment, self._store.children(app.key, REPLICA_SET), now)
            if deployment
            else None
        )
        release = release_of(deployed.template["metadata"]) if deployed else ""
        return Seen(
            now=now,
            deployed=deployed,
            strangers=tuple(
                Stranger(place, objects.pool_of(body))
                for place, body in live.items()
                if place not in own
            ),
            nginx=Deployed.parse(nginx, (), now) if nginx else None,
            standing=objects.standing(own.get(objects.document_place(app))),
            good=objects.good(app, own.get(objects.revisions_place(app)), deployed),
            releases=self._store.releases(app.key) | (deployed.releases if deployed else set()),
            trouble=self._store.trouble(app.key, release),
            reports=self._channels.reports(app.key),
            ready_pods=self._store.ready_pods(app.key),
            new_pods=self._store.of_release(app.key, release),
            pods=self._sharers.pods(app.key),
            processes=self._store.processes(app.key),
            policies=in_force(attach(self._store.sharers(app.key))),
            neighbours=self._sharers.neighbours(app),
        )

    def _choose(self, app: App, wanted: Revision, seen: Seen, decision: Decision) -> Outcome:
        deadline = format_duration(app.spec.rollout.deadline)
        chosen, good = course(wanted, seen, deadline, decision.holds), seen.good
        if chosen.proven:
            good = good.after(build.good_revision(app))
        noted = good.notes(seen.deployed.notes if seen.deployed else {})
        chosen = replace(chosen, notes={**chosen.notes, **noted})
        return Outcome(decision, chosen, revision=wanted.name, good=good)

    async def _tell_of_forgeries(self, app: App, refused: tuple[str, ...]) -> None:
        """Say, once, that somebody else wrote where the good revisions are kept."""
        if refused and self._refused.get(app.key) != refused:
            note = f"ConfigMap {revisions_name(app.identity.name)}: {'; '.join(refused)}"
            await self._events.record(KIND, app.identity, "RevisionRefused", note, warning=True)
        self._refused[app.key] = refused

    async def _apply(
        self, app: App, seen: Seen, live: dict[Key, dict[str, Any]], outcome: Outcome
    ) -> Outcome:
        """Make the app's objects what they should be, but for those that are another's.

        The config of a revision is published when the API server has taken its Deployment; until
        then the ones of before are, with pools no larger than they may be now. Rate limits belong
        to no revision: they are those of this moment in all.
        """
        decision, chosen = outcome.decision, outcome.course
        after = configs(seen, chosen, decision.share)
        before = standing(seen, decision.share) or after
        taken = {each.place for each in seen.strangers}
        if taken.intersection(objects.core_places(app.key)):
            asked = seen.deployed.asked if seen.deployed else 0
            return replace(outcome, decision=replace(decision, replicas=asked))
        self._tell(app, seen, before)
        documents = {**after.documents, **before.documents}
        core = objects.core(app, documents, decision.replicas, chosen)
        if refusal := await self._write(app, core, live):
            return replace(outcome, refusal=refusal)
        if chosen.migrates:
            note = "the migration of a new revision, before its pods"
            await self._events.record(KIND, app.identity, "MigrationStarted", note)
        if not chosen.deploys:
            return outcome
        await self._announce(app, seen, decision)
        self._tell(app, seen, after)
        around = objects.around(app, after.documents, outcome.good, seen.nginx, self._nginx_image)
        others = (each for each in around if objects.place_of(each) not in taken)
        refusal = await self._write(app, others, live)
        if not refusal:
            await self._remove_unwanted(app)
        return replace(outcome, refusal=refusal)

    def _tell(self, app: App, seen: Seen, told: Configs) -> None:
        """Publish configs, and take back those of releases that no pod is of any more."""
        gone = seen.standing.keys() - seen.releases - {told.release}
        self._channels.tell(app.key, told, app.status.get("configRevision") or 0, gone)

    async def _write(
        self, app: App, manifests: Iterable[dict[str, Any]], live: dict[Key, dict[str, Any]]
    ) -> Refusal | None:
        """Apply objects up to one that the API server refuses; give that."""
        for manifest in manifests:
            place = objects.place_of(manifest)
            of_pods = place in objects.core_places(app.key)
            try:
                live[place] = await self._kube.apply(manifest, live.get(place))
            except TerminatingError:
                return Refusal("the namespace is being deleted", of_pods=of_pods)
            except RefusedError as error:
                message = f"the API server refused the {place.kind}: {error}"
                return Refusal(message, of_pods=of_pods)
            except NotFoundError:
                if place.kind not in OPTIONAL:
                    raise
                return Refusal(NO_GATEWAY_API, of_pods=False)
            if place.kind in OPTIONAL:  # No watch tells of it where the API came after our start.
                self._store.put(live[place])
            else:
                self._store.written(live[place])
        return None

    async def _announce(self, app: App, seen: Seen, decision: Decision) -> None:
        before = seen.deployed.asked if seen.deployed else 0
        if decision.replicas != before:
            reason = "ScaledUp" if decision.replicas > before else "ScaledDown"
            note = f"from {before} to {decision.replicas} pods: {decision.message}"
            await self._events.record(KIND, app.identity, reason, note)

    async def _remove_unwanted(self, app: App) -> None:
        """Delete what the app has in front of it and no longer asks for."""
        for place in objects.removable(app):
            body = self._store.child(app.key, place.kind, place.name)
            if not body or "deletionTimestamp" in body["metadata"] or not objects.is_of(app, body):
                continue
            with suppress(NotFoundError):
                await self._kube.delete(place.kind, place.namespace, place.name)
            if place.kind in OPTIONAL:
                self._store.remove(body)

    async def _report(self, app: App, seen: Seen, outcome: Outcome) -> timedelta:
        last = self._reporter.last(app.key, app.identity.uid, app.status)
        written = status.status(app, last, seen, outcome)
        wait = await self._reporter.report(app.key, app.identity, written, seen.now)
        recheck = REFUSED_EVERY if outcome.refusal else outcome.decision.recheck or RESYNC
        if outcome.course.migration and not outcome.course.refused:
            recheck = MIGRATING_EVERY
        if seen.deployed and seen.now < seen.deployed.judged_at:
            recheck = min(recheck, seen.deployed.judged_at - seen.now)
        if seen.strangers:  # What does not carry our label is not watched.
            recheck = min(recheck, NAME_TAKEN_EVERY)
        return min(recheck, wait or recheck)

    async def _report_invalid(self, key: Key, error: InvalidSpecError) -> timedelta:
        identity, now = error.identity, self._now()
        last = self._reporter.last(key, identity.uid, error.status)
        written = conditions.invalid(str(error), last, identity.generation, now)
        await self._reporter.report(key, identity, written, now)
        return RESYNC
