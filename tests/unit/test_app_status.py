"""What is reported of an app: conditions with their sentences, and where it answers."""

from typing import Any

import pytest
from apps import APP, DOCUMENT, POD, app, beat, decided, deployed, reports, seen
from builders import AWAY, NAMESPACE

from osnovci import app_contract
from osnovci.app_contract import PoolUse
from osnovci_operator.app import status, way_in
from osnovci_operator.app.build import revision
from osnovci_operator.app.rollout import APPLIED, Course
from osnovci_operator.app.seen import Seen, Stranger
from osnovci_operator.app.status import Outcome, Refusal
from osnovci_operator.resource import Key

TROUBLE = "pod homework-77b9d6-x2x8z cannot start, ErrImagePull: not found"
OTHER = "homework-5d4f8c-b7k2q"
HOT = DOCUMENT.model_copy(update={"port": 4000})
WANTED = Course(revision(app()), {})
BACK = Course(revision(app()), {}, "the new revision did not become ready within 3m: " + TROUBLE)


def told(
    given: Seen, *, course: Course = WANTED, refusal: Refusal | None = None, **spec: Any
) -> dict[str, Any]:
    """Write the status of an app; give its conditions as `Type Status Reason: message`."""
    of = app(**spec)
    written = status.status(of, {}, given, Outcome(decided(of, given), course, refusal))
    return {
        each["type"]: f"{each['status']} {each['reason']}: {each['message']}"
        for each in written["conditions"]
    }


@pytest.mark.parametrize(
    ("given", "ready", "progressing"),
    [
        pytest.param(
            seen(),
            "False RollingOut: the Deployment is being changed: asked for 3 pods",
            "True RollingOut: the Deployment is being changed",
            id="nothing is there yet",
        ),
        pytest.param(
            seen(deployed=deployed(ready=0, complete=False)),
            "False PodsStarting: 0 of 3 pods ready",
            "True RollingOut: 3 of 3 pods of the new revision, 0 of 3 ready",
            id="the first pods start",
        ),
        pytest.param(
            seen(deployed=deployed(ready=0, complete=False), trouble=TROUBLE),
            f"False PodsNotStarting: 0 of 3 pods ready; {TROUBLE}",
            f"True RollingOut: 3 of 3 pods of the new revision, 0 of 3 ready; {TROUBLE}",
            id="the first pods cannot start",
        ),
        pytest.param(
            seen(deployed=deployed(ready=0, stalled=True, complete=False), trouble=TROUBLE),
            f"False PodsNotStarting: 0 of 3 pods ready; {TROUBLE}",
            "False DeadlineExceeded: no progress within 3m: 3 of 3 pods of the new revision, "
            f"0 of 3 ready; {TROUBLE}",
            id="the first pods are past the deadline",
        ),
        pytest.param(
            seen(deployed=deployed()),
            "True PodsReady: 3 of 3 pods ready",
            "True RolledOut: all pods are of the newest revision",
            id="all serve",
        ),
        pytest.param(
            seen(deployed=deployed(ready=2), trouble=TROUBLE),
            f"True PodsReady: 2 of 3 pods ready; {TROUBLE}",
            f"True RolledOut: all pods are of the newest revision, 2 of 3 ready; {TROUBLE}",
            id="one is ill",
        ),
        pytest.param(
            seen(deployed=deployed(existing=4, updated=1, complete=False)),
            "False RollingOut: 3 of 3 pods ready, 1 of the new revision",
            "True RollingOut: 1 of 4 pods of the new revision, 3 of 3 ready",
            id="a new revision comes",
        ),
        pytest.param(
            seen(deployed=deployed(existing=4, updated=1, complete=False), trouble=TROUBLE),
            "False RollingOut: 3 of 3 pods ready, 1 of the new revision",
            f"True RollingOut: 1 of 4 pods of the new revision, 3 of 3 ready; {TROUBLE}",
            id="a new revision cannot start",
        ),
        pytest.param(
            seen(deployed=deployed(settled=False)),
            "False RollingOut: the Deployment is being changed: asked for 3 pods",
            "True RollingOut: the Deployment is being changed",
            id="its controller has not seen the new spec",
        ),
        pytest.param(
            seen(deployed=deployed(notes={APPLIED: "an older one"})),
            "False RollingOut: the Deployment is being changed: asked for 3 pods",
            "True RollingOut: the Deployment is being changed",
            id="the revision was applied a moment ago",
        ),
        pytest.param(
            seen(deployed=deployed(asked=0)),
            "False PodsStarting: 0 of 3 pods ready",
            "True NoneNeeded: no pod is asked for: the revision is tried when the first one comes",
            id="there is no pod yet",
        ),
    ],
)
def test_what_is_true_of_an_app(given: Seen, ready: str, progressing: str) -> None:
    conditions = told(given)
    assert conditions["Ready"] == ready
    assert conditions["Progressing"] == progressing
    expected = "False FixedReplicas: spec.replicas is not set and means 3"
    assert conditions["ScalingActive"] == expected


TWO = frozenset({POD, OTHER})
NONE = frozenset[str]()


@pytest.mark.parametrize(
    ("given", "enforced"),
    [
        pytest.param(
            seen(reports=reports(beat(), beat(pod=OTHER)), ready_pods=TWO),
            "True Enforced: 2 ready pods at revision 1",
            id="all run it",
        ),
        pytest.param(
            seen(reports=reports(beat(), beat(pod=OTHER, document=HOT)), ready_pods=TWO),
            f"False Reconciling: 1 of 2 ready pods do not run revision 1 yet: {OTHER}",
            id="one runs another",
        ),
        pytest.param(
            seen(reports=reports(beat(), beat(process=1, document=HOT))),
            f"False Reconciling: 1 of 1 ready pod do not run revision 1 yet: {POD}",
            id="one process of a pod runs another",
        ),
        pytest.param(
            seen(
                reports=reports(
                    beat(refused=app_contract.Refusal(revision=1, error="port: missing"))
                )
            ),
            f"False ConfigRefused: pod {POD} refuses the config: port: missing",
            id="one refuses it",
        ),
        pytest.param(
            seen(reports=reports(beat()), ready_pods=TWO),
            "Unknown NotReported: of 2 ready pods, 1 report; a pod does by `osnovci serve`, or by "
            f"the middleware of osnovci.web: {OTHER}",
            id="one is silent",
        ),
        pytest.param(
            seen(
                deployed=deployed(asked=0, existing=0, ready=0), reports=reports(), ready_pods=NONE
            ),
            "True Enforced: there is no pod; the next one begins with revision 1",
            id="the count is 0",
        ),
        pytest.param(
            seen(deployed=deployed(ready=0), reports=reports(), ready_pods=NONE),
            "Unknown NotReported: of 0 ready pods, 0 report; a pod does by `osnovci serve`, or by "
            "the middleware of osnovci.web",
            id="none is ready yet",
        ),
        pytest.param(
            seen(reports=None),
            "Unknown NotObserved: the config is to be published",
            id="nothing was read yet",
        ),
        pytest.param(
            seen(reports=AWAY), f"Unknown Unreachable: {AWAY.message}", id="Redis is away"
        ),
    ],
)
def test_whether_the_config_is_in_force(given: Seen, enforced: str) -> None:
    assert told(given)["ConfigEnforced"] == enforced


def test_the_traffic_is_that_of_all_pods() -> None:
    beats = (
        beat(requests_per_second=30, error_rate=0.1, p95_seconds=0.2),
        beat(pod=OTHER, requests_per_second=10, error_rate=0.0, p95_seconds=0.3504),
    )
    of = app()
    given = seen(deployed=deployed(), reports=reports(*beats))
    written = status.status(of, {}, given, Outcome(decided(of, given), WANTED))
    expected = {"requestsPerSecond": 40, "errorRate": "7.5%", "p95": "350ms"}
    assert written["traffic"] == expected
    away = seen(deployed=deployed(), reports=AWAY)
    kept = status.status(of, written, away, Outcome(decided(of, away), WANTED))
    assert (kept["traffic"], kept["configRevision"]) == (expected, 1)


def test_connections_that_cannot_be_read_stay_as_last_seen() -> None:
    of = app(database={})
    use = PoolUse(size=10, open=5, in_use=4)

    def database(given: Seen, last: dict[str, Any]) -> dict[str, int]:
        return status.status(of, last, given, Outcome(decided(of, given), WANTED))["database"]

    busy = seen(deployed=deployed(), reports=reports(beat(database=use)))
    assert database(busy, {}) == {"budget": 50, "inUse": 4}
    away = seen(deployed=deployed(), reports=AWAY)
    assert database(away, {"database": {"budget": 1, "inUse": 4}}) == {"budget": 50, "inUse": 4}
    # Not observed is not zero.
    assert database(away, {}) == {"budget": 50}


def test_an_app_that_was_rolled_back_is_not_what_its_spec_asks() -> None:
    conditions = told(seen(deployed=deployed()), course=BACK)
    sentence = (
        f"{BACK.refused}; the last good revision serves instead, until pod or config of the spec "
        "change"
    )
    assert conditions["Ready"] == f"False RolledBack: {sentence}"
    assert conditions["Progressing"] == f"False RolledBack: {sentence}"


def test_one_pod_of_an_older_revision_is_one_too_many() -> None:
    """One pod is asked for, and the new one beside it does not become ready."""
    given = seen(deployed=deployed(asked=1, existing=2, updated=1, ready=1, complete=False))
    conditions = told(given, replicas=1)
    assert conditions["Ready"] == "False RollingOut: 1 of 1 pod ready, 1 of the new revision"
    expected = "True RollingOut: 1 of 2 pods of the new revision, 1 of 1 ready"
    assert conditions["Progressing"] == expected


def test_what_was_not_ready_is_not_so_by_a_deployment_that_is_not_settled() -> None:
    """Its figures are those of the revision before, which is all there."""
    of, given = app(), seen(deployed=deployed(settled=False))
    for ready, expected in (("True", "PodsReady"), ("False", "RollingOut")):
        last = {"observedGeneration": 3, "conditions": [{"type": "Ready", "status": ready}]}
        written = status.status(of, last, given, Outcome(decided(of, given), WANTED))
        assert written["conditions"][0]["reason"] == expected


def test_an_app_of_no_pods_is_ready() -> None:
    conditions = told(seen(deployed=deployed(asked=0, complete=False)), replicas=0)
    assert conditions["Ready"] == "True NoneNeeded: the spec asks for no pod"


def test_what_the_api_server_refuses_is_said() -> None:
    message = "the API server refused the Deployment: exceeded quota"
    conditions = told(seen(deployed=deployed()), refusal=Refusal(message, of_pods=True))
    assert conditions["Ready"] == f"False PodRefused: {message}"
    stay = f"False PodRefused: {message}; pods and config stay as they are"
    assert conditions["Progressing"] == stay


def test_an_ingress_that_is_refused_is_no_pod() -> None:
    message = "the API server refused the Ingress: denied"
    conditions = told(seen(deployed=deployed()), refusal=Refusal(message, of_pods=False))
    assert conditions["Ready"] == f"False ObjectRefused: {message}"
    assert conditions["Progressing"].startswith("True RolledOut")


def test_a_name_that_is_taken_is_said_with_what_helps() -> None:
    given = seen(strangers=(Stranger(Key("Service", NAMESPACE, APP)),))
    assert told(given)["Ready"] == (
        "False NameTaken: Service homework exists and is not the app's: rename the app, or delete "
        "that object"
    )
    given = seen(strangers=(Stranger(Key("Deployment", NAMESPACE, APP), pool="homework"),))
    assert told(given)["Ready"] == (
        "False NameTaken: Deployment homework is that of QueuePool homework: rename the app or the "
        "pool"
    )


def test_the_figures_are_those_of_the_deployment() -> None:
    given = seen(deployed=deployed(existing=4, updated=1, ready=3, complete=False))
    of = app()
    written = status.status(of, {}, given, Outcome(decided(of, given), WANTED, revision="a1"))
    del written["conditions"]
    assert written == {
        "observedGeneration": 3,
        "revision": "a1",
        "replicas": 4,
        "readyReplicas": 3,
        "updatedReplicas": 1,
        "desiredReplicas": 3,
        "selector": f"osnovci.app/app={APP}",
        "url": f"http://{APP}.homework.svc",
        "configRevision": 1,
    }


@pytest.mark.parametrize(
    ("ingress", "url"),
    [
        ({"host": "osnovci.app"}, "http://osnovci.app"),
        ({"host": "osnovci.app", "tlsSecretName": "tls"}, "https://osnovci.app"),
    ],
)
def test_an_app_answers_at_its_ingress(ingress: dict[str, str], url: str) -> None:
    assert way_in.url(app(ingress=ingress), None) == url
