"""How the migration of an app's revision stands: its Job, and what the Job's pods say."""

from typing import Any

from osnovci_operator.app import migration
from osnovci_operator.app.migration import Run, State
from osnovci_operator.app.objects import is_of
from osnovci_operator.app.rollout import Revision, migrated
from osnovci_operator.app.seen import Deployed
from osnovci_operator.app.spec import App
from osnovci_operator.kinds import JOB, POD
from osnovci_operator.kube import Kube
from osnovci_operator.labels import app_labels, selector
from osnovci_operator.resource import Key
from osnovci_operator.store import Store


class Migrations:
    """Looks at migrations, one app a call."""

    def __init__(self, store: Store, kube: Kube) -> None:
        self._store = store
        self._kube = kube
        self._trouble: dict[Key, tuple[str, str]] = {}
        """By app, what a Job was last in trouble with: at its deadline its pod is deleted."""

    async def look(self, app: App, wanted: Revision, deployed: Deployed | None) -> Run | None:
        """Look at the migration of a revision; None where the spec asks for none."""
        if not app.spec.migration:
            return None
        digest = wanted.migration
        if deployed and digest in migrated(deployed.notes):
            return Run(digest, State.SUCCEEDED)
        namespace, name = app.identity.namespace, app.identity.name
        place = Key(JOB, namespace, migration.job_name(name, digest))
        job = self._store.child(app.key, JOB, place.name)
        job = job or await self._kube.get(JOB, namespace, place.name)
        if before := await self._before(app, job):
            name = before["metadata"]["name"]
            return migration.behind(digest, before, await self._said(app.key, name))
        said = await self._said(app.key, place.name) if job else ""
        return migration.run(digest, app.spec.migration, job, said)

    def forget(self, key: Key) -> None:
        """Let go of an app that is no more."""
        self._trouble.pop(key, None)

    async def _before(self, app: App, job: dict[str, Any] | None) -> dict[str, Any] | None:
        """Give a Job that is to go first: an earlier revision's, or that of a deleted app of the name."""
        if job:
            return None if is_of(app, job) else job
        # The cache may not have seen the last one yet.
        labels = selector(app_labels(app.identity.name))
        return migration.unfinished(await self._kube.list(JOB, app.identity.namespace, labels))

    async def _said(self, key: Key, job: str) -> str:
        # They do not carry the app's label, so they are not watched.
        selector = f"batch.kubernetes.io/job-name={job}"
        if said := migration.said(await self._kube.list(POD, key.namespace, selector)):
            self._trouble[key] = (job, said)
        of, said = self._trouble.get(key, (job, ""))
        return said if of == job else ""
