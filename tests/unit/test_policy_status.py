"""What is told of a policy: whether it belongs to its app, and whether every process enforces it."""

from datetime import timedelta
from typing import Any

import pytest
from apps import APP, POD, beat
from builders import AWAY, NOON
from policies import DOCUMENT, GLOBAL, POLICY, policy, policy_body, running, seen

from osnovci.app_contract import AppDocument, AppHeartbeat, Refusal, checksum
from osnovci.app_observation import Denials, Top
from osnovci.limit_contract import LimiterState
from osnovci_operator.attachment import Attached, attach, in_force
from osnovci_operator.metrics import StatusCollector
from osnovci_operator.ratelimit.decide import decide
from osnovci_operator.ratelimit.seen import Seen
from osnovci_operator.ratelimit.spec import Policy
from osnovci_operator.ratelimit.status import invalid, status
from osnovci_operator.resource import InvalidSpecError
from osnovci_operator.store import Store

OTHER = "homework-5d4f8c-b7k2q"
TWO = {POD: 1, OTHER: 1}
OLDER = policy(name="platform", created_at=NOON - timedelta(days=1))
BOTH = policy(limits=[GLOBAL, {**GLOBAL, "name": "api"}])
PART = attach([OLDER, BOTH])[POLICY]
NONE = attach([OLDER, policy()])[POLICY]
WITHOUT = AppDocument(app=APP)
MERGED = AppDocument(app=APP, policies=in_force(attach([OLDER, BOTH])))
LARGER = DOCUMENT.model_copy(update={"processes": 2})
"""The same limits in another config."""


def runs(
    pod: str = POD, *, document: AppDocument = DOCUMENT, config_revision: int = 7, **more: Any
) -> AppHeartbeat:
    return beat(pod=pod, document=document, config_revision=config_revision, **more)


def told(given: Seen, of: Policy | None = None) -> dict[str, str]:
    """Write the status; give its conditions as `Type Status Reason: message`, and its counts."""
    of = of or policy()
    written = status(of, {}, given, decide(of, given))
    found = {
        each["type"]: f"{each['status']} {each['reason']}: {each['message']}"
        for each in written["conditions"]
    }
    return {**found, "pods": f"{written['enforcedPods']} of {written['targetPods']}"}


@pytest.mark.parametrize(
    ("given", "accepted", "programmed"),
    [
        pytest.param(
            seen(target="there is no OsnovciApp homework in the namespace homework"),
            "False TargetNotFound: there is no OsnovciApp homework in the namespace homework",
            "False TargetNotFound: there is no OsnovciApp homework in the namespace homework",
            id="no target",
        ),
        pytest.param(
            seen(attached=Attached(None, excess_bytes=12)),
            "False Invalid: with the older policies of OsnovciApp homework it is 12 bytes above the "
            "49152 that all may have together: remove limits, matches or exempt networks",
            "False Invalid: with the older policies of OsnovciApp homework it is 12 bytes above the "
            "49152 that all may have together: remove limits, matches or exempt networks",
            id="too large",
        ),
        pytest.param(
            seen(attached=NONE),
            "False Conflicted: none of its limits is in force: policy platform is older and has a "
            "limit global",
            "False Overridden: none of its limits is in force: policy platform is older and has a "
            "limit global",
            id="all is an older one's",
        ),
        pytest.param(
            seen(attached=PART, running=running(runs(document=MERGED), document=MERGED)),
            "True Accepted: it limits the requests to OsnovciApp homework, but for some: policy "
            "platform is older and has a limit global",
            "False PartiallyProgrammed: in force on 1 ready pod, but for some: policy platform is "
            "older and has a limit global",
            id="some is an older one's",
        ),
        pytest.param(
            seen(running=running(runs())),
            "True Accepted: it limits the requests to OsnovciApp homework",
            "True Programmed: in force on 1 ready pod",
            id="in force",
        ),
    ],
)
def test_whether_it_belongs_to_its_app(given: Seen, accepted: str, programmed: str) -> None:
    found = told(given)
    assert (found["Accepted"], found["Programmed"]) == (accepted, programmed)


SILENT = (
    f"of pod {OTHER} not every server process reports; one does by `osnovci serve`, or by the "
    "middleware of osnovci.web"
)


@pytest.mark.parametrize(
    ("given", "programmed", "pods"),
    [
        pytest.param(
            seen(),
            "False Reconciling: the app's config with its limits is to be published",
            "0 of 1",
            id="nothing was read yet",
        ),
        pytest.param(
            seen(running=running(runs(document=WITHOUT), document=WITHOUT)),
            "False Reconciling: the app's config with its limits is to be published",
            "0 of 1",
            id="it is in no config yet",
        ),
        pytest.param(
            seen(running=running(runs(), revision=0)),
            "False Reconciling: the app's config with its limits is to be published",
            "1 of 1",
            id="Redis has not got it yet",
        ),
        pytest.param(
            seen(running=running(), ready_pods={}),
            "False Reconciling: OsnovciApp homework has no ready pod",
            "0 of 0",
            id="no pod",
        ),
        pytest.param(
            seen(running=running(runs(document=WITHOUT, config_revision=6))),
            f"False Reconciling: in force on 0 of 1 ready pod: pod {POD} runs revision 6, and 7 is "
            "published",
            "0 of 1",
            id="the only pod runs an older config",
        ),
        pytest.param(
            seen(
                running=running(runs(), runs(OTHER, document=WITHOUT, config_revision=6)),
                ready_pods=TWO,
            ),
            f"False PartiallyProgrammed: in force on 1 of 2 ready pods: pod {OTHER} runs revision 6, and "
            "7 is published",
            "1 of 2",
            id="one of two pods has it",
        ),
        pytest.param(
            seen(running=running(runs()), ready_pods=TWO),
            f"False PartiallyProgrammed: in force on 1 of 2 ready pods: {SILENT}",
            "1 of 2",
            id="one is silent",
        ),
        pytest.param(
            seen(running=running(runs(OTHER)), ready_pods={OTHER: 2}),
            f"False Reconciling: in force on 0 of 1 ready pod: {SILENT}",
            "0 of 1",
            id="one of two processes is silent",
        ),
        pytest.param(
            seen(
                running=running(
                    runs(), runs(process=1, document=WITHOUT, config_revision=6), runs(OTHER)
                ),
                ready_pods=TWO,
            ),
            f"False PartiallyProgrammed: in force on 1 of 2 ready pods: pod {POD} runs revision 6, and 7 "
            "is published",
            "1 of 2",
            id="one of two processes runs an older config",
        ),
        pytest.param(
            seen(
                running=running(
                    runs(
                        document=WITHOUT,
                        config_revision=6,
                        refused=Refusal(revision=7, error="policies.0: no"),
                    )
                )
            ),
            f"False Reconciling: in force on 0 of 1 ready pod: pod {POD} refuses the config: "
            "policies.0: no",
            "0 of 1",
            id="a pod refuses the config",
        ),
        pytest.param(
            seen(
                running=running(
                    runs(document=LARGER, config_revision=6),
                    earlier={checksum(LARGER.model_dump_json()): LARGER.policies},
                )
            ),
            "True Programmed: in force on 1 ready pod",
            "1 of 1",
            id="an older config has the same limits",
        ),
        pytest.param(
            seen(
                running=running(
                    runs(limiter=LimiterState.FALLBACK), runs(OTHER, limiter=LimiterState.REDIS)
                ),
                ready_pods=TWO,
            ),
            f"False PartiallyProgrammed: in force on 1 of 2 ready pods: pod {POD} gets no answer of "
            "Redis in time: failureMode decides on its requests",
            "1 of 2",
            id="a pod cannot count in Redis",
        ),
        pytest.param(
            seen(running=running(runs(), runs("gone", document=WITHOUT))),
            "True Programmed: in force on 1 ready pod",
            "1 of 1",
            id="a pod that leaves does not count",
        ),
        pytest.param(
            seen(running=AWAY), f"Unknown Unreachable: {AWAY.message}", "0 of 1", id="Redis is away"
        ),
    ],
)
def test_whether_every_process_enforces_it(given: Seen, programmed: str, pods: str) -> None:
    found = told(given)
    assert (found["Programmed"], found["pods"]) == (programmed, pods)


def test_a_dry_run_says_so() -> None:
    of = policy(mode="DryRun")
    document = AppDocument(app=APP, policies=(of.document,))
    given = seen(
        attached=attach([of])[POLICY],
        running=running(runs(document=document), document=document),
    )
    expected = (
        "True Programmed: in force on 1 ready pod; by mode DryRun it counts and denies nothing"
    )
    assert told(given, of)["Programmed"] == expected


def test_the_figures_are_redis_and_kept_while_it_is_away() -> None:
    denials = Denials(40, 2, tuple(Top("api", f"user-{n}", 9 - n) for n in range(7)))
    of, given = policy(), seen(running=running(runs(), denials=denials))
    written = status(of, {}, given, decide(of, given))
    figures = {name: written[name] for name in ("revision", "denied", "wouldDeny")}
    assert figures == {"revision": 7, "denied": 40, "wouldDeny": 2}
    assert written["top"] == [
        {"limit": "api", "key": f"user-{n}", "denied": 9 - n} for n in range(5)
    ]
    for unknown in (AWAY, running(runs()), None):
        given = seen(running=unknown)
        kept = status(of, written, given, decide(of, given))
        assert {name: kept[name] for name in (*figures, "top")} == {
            **figures,
            "top": written["top"],
        }


def test_a_spec_that_cannot_be_read_limits_nothing() -> None:
    with pytest.raises(InvalidSpecError) as raised:
        Policy.parse(policy_body(limits=[{"name": "api", "max": "many", "window": "1m"}]))
    last = {"enforcedPods": 3, "denied": 9}
    written = invalid(raised.value, last, NOON)
    assert (written["enforcedPods"], written["denied"]) == (0, 9)
    found = {(each["type"], each["status"], each["reason"]) for each in written["conditions"]}
    assert found == {("Accepted", "False", "Invalid"), ("Programmed", "False", "Invalid")}
    assert "spec.limits.0.max" in written["conditions"][0]["message"]


def test_metrics_have_what_the_status_says() -> None:
    store = Store()
    counts = {"denied": 40, "wouldDeny": 2, "enforcedPods": 2, "targetPods": 3}
    store.put(policy_body() | {"status": counts})
    store.put(policy_body(name="new"))
    samples = {
        (each.name, each.labels["policy"], *list(each.labels.values())[2:]): each.value
        for family in StatusCollector(store).collect()
        for each in family.samples
    }
    requests, pods = "osnovci_limited_requests_total", "osnovci_ratelimitpolicy_pods"
    assert samples == {
        (requests, POLICY, "denied"): 40,
        (requests, POLICY, "would_deny"): 2,
        (pods, POLICY, "true"): 2,
        (pods, POLICY, "false"): 1,
        (requests, "new", "denied"): 0,
        (requests, "new", "would_deny"): 0,
        (pods, "new", "true"): 0,
        (pods, "new", "false"): 0,
    }
