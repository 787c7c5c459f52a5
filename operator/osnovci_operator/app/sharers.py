"""Who shares a database with an app, and what each would like to have of it."""

from osnovci_operator.app.decide import Decision, sharer
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.seen import Neighbour, Seen
from osnovci_operator.app.spec import App
from osnovci_operator.app_channel import Channels
from osnovci_operator.resource import Key
from osnovci_operator.store import Store


class Sharers:
    """The apps that use the database of a namespace."""

    def __init__(self, store: Store, channels: Channels) -> None:
        self._store = store
        self._channels = channels
        self._shared: dict[Key, tuple[int, tuple[int, int]]] = {}
        """What others that share a database with an app go by: the wanted count, and its pods."""

    def note(self, app: App, seen: Seen, decision: Decision) -> None:
        """Remember what the app would like to have, and wake who shares the database with it."""
        shared = (decision.wanted, seen.pods)
        if app.spec.database and self._shared.get(app.key) != shared:
            self._shared[app.key] = shared
            for other in self._others(app):
                self._channels.wake(other.key)

    def neighbours(self, app: App) -> tuple[Neighbour, ...]:
        """Give the others that use the app's database; none where it has none."""
        if not app.spec.database:
            return ()
        return tuple(self._neighbour(other) for other in self._others(app))

    def pods(self, key: Key) -> tuple[int, int]:
        """Count the pods that stay and those that leave."""
        leaving = len(self._store.leaving(key))
        return len(self._store.pods(key)) - leaving, leaving

    def forget(self, key: Key) -> None:
        """Let go of an app that is no more."""
        self._shared.pop(key, None)

    def _others(self, app: App) -> list[App]:
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
                self.pods(app.key),
                self._store.processes(app.key),
            ),
            reports if isinstance(reports, Reports) else None,
        )
