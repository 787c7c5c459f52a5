"""Why a pod does not become ready, in one sentence."""

from typing import Any

import pytest
from builders import child_body

from osnovci_operator.pod_trouble import WORDS_MAX, trouble

CRASHED = {"exitCode": 2, "reason": "Error", "message": "Traceback\nosnovci: no such module\n"}


def pod(**container: Any) -> dict[str, Any]:
    return child_body(kind="Pod", name="one") | {"status": {"containerStatuses": [container]}}


def waiting(reason: str, message: str | None = None) -> dict[str, Any]:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(child_body(kind="Pod", name="one"), None, id="nothing is known yet"),
        pytest.param(pod(state=waiting("ContainerCreating")), None, id="it is coming"),
        pytest.param(
            pod(state=waiting("ErrImagePull", "not found")),
            "pod one cannot start, ErrImagePull: not found",
            id="no image",
        ),
        pytest.param(
            pod(state=waiting("CrashLoopBackOff"), lastState={"terminated": CRASHED}, ready=False),
            "pod one ended with exit status 2: osnovci: no such module",
            id="it crashed and waits",
        ),
        pytest.param(
            pod(state={"terminated": CRASHED}, ready=False),
            "pod one ended with exit status 2: osnovci: no such module",
            id="it crashed just now",
        ),
        pytest.param(
            pod(
                state={"running": {}},
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                ready=False,
            ),
            "pod one ended with exit status 137, OOMKilled",
            id="it had too little memory, and starts again",
        ),
        pytest.param(
            pod(state={"running": {}}, lastState={"terminated": CRASHED}, ready=True),
            None,
            id="it is well again",
        ),
        pytest.param(
            pod(state={"terminated": {"exitCode": 1, "message": "x" * 5000}}, ready=False),
            f"pod one ended with exit status 1: {'x' * WORDS_MAX}",
            id="a long last line",
        ),
    ],
)
def test_trouble(body: dict[str, Any], sentence: str | None) -> None:
    assert trouble(body) == sentence


def test_a_pod_that_is_going_is_in_no_trouble() -> None:
    body = pod(state={"terminated": CRASHED}, ready=False)
    body["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    assert trouble(body) is None
