"""What may happen amid the load: a rolling update, or pods that are killed."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load.watch import APP, NAMESPACE
from cluster.kubectl import kubectl

WARM_SECONDS = 10.0
"""So long the load lasts before."""
PAUSE_SECONDS = 20.0
"""So long it lasts between two kills."""


@dataclass(frozen=True)
class Event:
    """One of them, and the share of requests that may fail for it."""

    name: str
    happens: Callable[[], object]
    most_failed_percent: float


def update() -> None:
    """Roll the pods, as a new image would, and wait until all are replaced."""
    patch = f'{{"spec": {{"pod": {{"annotations": {{"rolled": "{time.time():.0f}"}}}}}}}}'
    kubectl("-n", NAMESPACE, "patch", "oapp", APP, "--type=merge", "-p", patch)
    done = "--for=jsonpath={.status.conditions[?(@.type=='Progressing')].reason}"
    for reason in ("RollingOut", "RolledOut"):
        kubectl("-n", NAMESPACE, "wait", f"oapp/{APP}", f"{done}={reason}", "--timeout=120s")


def kill() -> None:
    """Kill a pod of the application and, when another is long in its place, one of its nginx."""
    _kill_a_pod(f"osnovci.app/app={APP}")
    time.sleep(PAUSE_SECONDS)
    _kill_a_pod(f"osnovci.app/load-balancer={APP}")


def _kill_a_pod(label: str) -> None:
    """Kill without a word, as a node that dies."""
    pod = kubectl("-n", NAMESPACE, "get", "pods", "-l", label, "-o", "name").split()[0]
    kubectl("-n", NAMESPACE, "delete", pod, "--grace-period=0", "--force")


EVENTS = {each.name: each for each in (Event("update", update, 0.0), Event("kill", kill, 0.1))}


@contextmanager
def amid(event: Event | None) -> Generator[None]:
    """Let it happen amid the block; the block's end waits for it."""
    if event is None:
        yield
        return
    errors: list[BaseException] = []

    def happen() -> None:
        time.sleep(WARM_SECONDS)
        try:
            event.happens()
        except Exception as error:  # noqa: BLE001  # raised again where it is awaited
            errors.append(error)

    thread = threading.Thread(target=happen)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if errors:
        raise errors[0]
