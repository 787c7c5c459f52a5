"""The watches: every event of our kinds and their children goes into the store and wakes keys.

The only module that knows Kopf. Kopf keeps the watches open and reconnects them; it writes nothing
to any object, and it never reconciles. It runs in a thread with an event loop of its own: in ours
it would take over the process's signals, and when it ends it cancels whatever tasks it finds.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import kopf

from osnovci_operator.kinds import APIS, KINDS
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

SERVER_TIMEOUT_SECONDS = 300
CLIENT_TIMEOUT_SECONDS = 330
"""A silent partition is noticed by then at the latest."""

INACTIVITY_SECONDS = 60
BACKOFF_SECONDS = (0.5, 1, 2, 5, 10)


Deliver = Callable[[str | None, dict[str, Any]], None]
"""Takes the type of an event and the object it is about."""


def registry(deliver: Deliver) -> kopf.OperatorRegistry:
    """Give Kopf's handlers; `deliver` is called on Kopf's event loop."""
    handlers = kopf.OperatorRegistry()

    # A coroutine, since Kopf runs plain functions in more threads.
    async def take_in(event: kopf.RawEvent, **_: Any) -> None:
        deliver(event["type"], dict(event["object"]))

    for kind in KINDS:
        labelled = {kind.label: kopf.PRESENT}
        for name, labels in ((kind.name, None), *((child, labelled) for child in kind.children)):
            api = APIS[name]
            kopf.on.event(
                api.group,
                api.version,
                api.plural,
                labels=labels,
                registry=handlers,
                id=f"{api.plural}-of-{kind.noun}",
            )(take_in)
    kopf.on.login(registry=handlers)(login)
    return handlers


def login(settings: kopf.OperatorSettings, **kwargs: Any) -> kopf.ConnectionInfo | None:
    """Use the pod's service account, or the current kubeconfig outside a cluster."""
    return kopf.login_with_service_account(
        settings=settings, **kwargs
    ) or kopf.login_with_kubeconfig(settings=settings, **kwargs)


def settings() -> kopf.OperatorSettings:
    """Make Kopf a host of watches, and nothing more."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    chosen.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    chosen.watching.inactivity_timeout = INACTIVITY_SECONDS
    chosen.networking.error_backoffs = _Endless()
    chosen.queueing.batch_window = 0.01
    # Kopf would kill the process ten minutes after its end, though it is begun anew.
    chosen.process.ultimate_exiting_timeout = None
    return chosen


class _Endless:
    """Waits between attempts that never end: the last is repeated."""

    def __iter__(self) -> Iterator[float]:
        yield from BACKOFF_SECONDS
        while True:
            yield BACKOFF_SECONDS[-1]


class RetriesAreWarnings(logging.Filter):
    """For a log handler: Kopf calls an attempt that it will repeat an error, and it is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lower the level of such a record, and let every record pass."""
        if record.name.startswith("kopf") and "will retry" in record.getMessage():
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


async def watch(
    store: Store, wake: Callable[[Key], None], namespaces: tuple[str, ...], identity: str
) -> None:
    """Watch until cancelled; raises what Kopf could not mend, such as a CRD that is gone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Exception | None] = loop.create_future()
    stop = threading.Event()

    def take_in(kind: str | None, body: dict[str, Any]) -> None:
        change = store.remove if kind == "DELETED" else store.put
        for key in change(body):
            wake(key)

    def finish(error: Exception | None) -> None:
        if not ended.done():
            ended.set_result(error)

    def run() -> None:
        def deliver(kind: str | None, body: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(take_in, kind, body)

        error = _run(deliver, namespaces, identity, stop)
        with contextlib.suppress(RuntimeError):  # Our loop is closed when the process ends.
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, daemon=True, name="kopf").start()
    try:
        if error := await ended:
            raise error
    finally:
        stop.set()


def _run(
    deliver: Deliver, namespaces: tuple[str, ...], identity: str, stop: threading.Event
) -> Exception | None:
    """Run Kopf in this thread until told to stop; give what ended it otherwise."""

    async def operator() -> None:
        try:
            await kopf.operator(
                registry=registry(deliver),
                settings=settings(),
                standalone=True,
                # Kopf would look for the user's name, and a container's user has none.
                identity=cast("Any", identity),
                namespaces=namespaces,
                stop_flag=stop,
            )
        finally:
            stop.set()  # A thread of Kopf's waits for it, and our loop for that thread.

    try:
        asyncio.run(operator())
    except Exception as error:  # noqa: BLE001  # passed on to who waits for the watches
        return error
    return None
