"""Which names a Deployment's pods have: nobody else's lease is freed."""

import pytest

from osnovci_operator.pods import is_pod_of

LONG = "a-pool-with-a-name-that-is-nearly-as-long-as-names-of-pods-are"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("jobs-6d4cf56db6-x2x8z", True, id="a pod of the Deployment"),
        pytest.param("jobs-5c9-x2x8z", True, id="a short hash"),
        pytest.param("jobs-report-6d4cf56db6-x2x8z", False, id="of another with a longer name"),
        pytest.param("jobs", False, id="the Deployment's own name"),
        pytest.param("jobs-1", False, id="of a StatefulSet"),
        pytest.param("jobs-x2x8z", False, id="without a hash"),
        pytest.param("jobs-6d4cf56db6-x2x8a", False, id="a letter that is never drawn"),
        pytest.param("laptop", False, id="a worker outside the cluster"),
        pytest.param("", False, id="no name"),
    ],
)
def test_a_pods_name(name: str, *, expected: bool) -> None:
    assert is_pod_of("jobs", name) == expected


def test_a_long_name_is_cut() -> None:
    assert is_pod_of(LONG, f"{LONG}-6d4cf56db6-"[:58] + "x2x8z")
    assert is_pod_of(LONG[:50], f"{LONG[:50]}-6d4cf56db6-"[:58] + "x2x8z")
    assert not is_pod_of(LONG, "other-" + f"{LONG}-"[:52] + "x2x8z")
