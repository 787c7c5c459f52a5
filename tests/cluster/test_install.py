"""The install manifest is what its parts say, and any API server takes it."""

from cluster.deploy import INSTALL, install_manifest
from cluster.kubectl import kubectl


def test_the_install_manifest_is_what_its_parts_say() -> None:
    assert INSTALL.read_text() == install_manifest(), "run `make crds`"


def test_the_api_server_takes_the_install_manifest() -> None:
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", INSTALL)
    assert "deployment.apps/osnovci-operator" in kubectl(*apply)


def test_kubectl_explains_a_field() -> None:
    explained = kubectl("explain", "qpool.spec.queues.retries")
    assert "How many retries follow the first run" in explained
