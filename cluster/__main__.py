"""`python -m cluster up | down | deploy`: the local cluster and what is deployed to it."""

import argparse
import shutil

from cluster import deploy, images, paths, preconditions, tools
from cluster.console import OUT, ClusterError, fail, step, wait_for
from cluster.kind import Kind
from cluster.kubectl import kubectl
from cluster.native import Native

Provider = Native | Kind


def main() -> None:
    """Run one command; an error is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "deploy"))
    command = parser.parse_args().command
    try:
        {"up": up, "down": down, "deploy": lambda: deploy.deploy(provider())}[command]()
    except ClusterError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(ClusterError("interrupted; run the same command again to go on"))


def provider() -> Provider:
    """Choose kind where a Docker engine answers, else this machine itself."""
    return Kind() if preconditions.docker_answers() else Native()


def up() -> None:
    """Bring the node up with DNS, metrics and volumes; quick where they are."""
    chosen = provider()
    preconditions.check()
    chosen.create()
    paths.KUBECONFIG.parent.mkdir(exist_ok=True)
    shutil.copyfile(chosen.kubeconfig, paths.KUBECONFIG)
    paths.KUBECONFIG.chmod(0o600)
    if isinstance(chosen, Native):
        deploy.load(chosen, images.ADD_ONS)
        kubectl("apply", "--server-side", "-f", "-", stdin=chosen.volumes())
        kubectl("apply", "--server-side", "-f", paths.ROOT / "cluster" / "addons")
        with step("Waiting for the node, DNS and metrics", "about 30 s the first time"):
            wait_for("the node", lambda: "node1" in kubectl("get", "nodes", "-o", "name"), 60)
            kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=120s")
            kubectl("-n", "kube-system", "rollout", "status", "deployment", "--timeout=180s")
        chosen.check()
    OUT.print(f"Kubernetes {tools.KUBERNETES} is up: export KUBECONFIG={paths.KUBECONFIG}")


def down() -> None:
    """Take away every trace of the cluster; what was built stays in the cache."""
    with step("Taking the cluster away"):
        provider().delete()
        shutil.rmtree(paths.KUBECONFIG.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
