"""Why a pod does not become ready, in its own words. Pure."""

from collections.abc import Iterator
from typing import Any

COMING = frozenset({"", "ContainerCreating", "PodInitializing"})
CRASHING = "CrashLoopBackOff"
WORDS_MAX = 300
"""A crash may end with pages; its last line says most."""


def trouble(pod: dict[str, Any]) -> str | None:
    """Say what keeps a pod from becoming ready; None where nothing does."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    found = next(_sentences(pod.get("status", {})), None)
    return f"pod {pod['metadata']['name']} {found}" if found else None


def _sentences(status: dict[str, Any]) -> Iterator[str]:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"cannot be scheduled: {_last_line(condition.get('message'))}"
    for container in status.get("containerStatuses", ()):
        state = container.get("state", {})
        reason = state.get("waiting", {}).get("reason", "")
        ended = state.get("terminated") or container.get("lastState", {}).get("terminated")
        if reason not in COMING | {CRASHING}:
            yield f"cannot start, {reason}: {_last_line(state['waiting'].get('message'))}"
        elif ended and not container.get("ready"):
            words = _last_line(ended.get("message"))
            why = f", {ended['reason']}" if ended.get("reason") not in (None, "Error") else ""
            yield f"ended with exit status {ended['exitCode']}{why}" + (
                f": {words}" if words else ""
            )


def _last_line(message: str | None) -> str:
    lines = (message or "").strip().splitlines()
    return lines[-1][:WORDS_MAX] if lines else ""
