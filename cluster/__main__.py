"""`python -m cluster up | down | deploy | images NAME...`: the local cluster and what is deployed to it."""

import argparse
import os
import shutil
from collections.abc import Callable

from cluster import deploy, images, owner, paths, preconditions, tools
from cluster.console import OUT, ClusterError, exclusive, fail, step, wait_for
from cluster.kind import Kind
from cluster.kubectl import kubectl
from cluster.native import Native

Provider = Native | Kind


def main() -> None:
    """Run one command; an error is one sentence."""
    arguments = _parser().parse_args()
    try:
        with exclusive(paths.CACHE / "locks" / "cluster"):
            arguments.run(arguments)
    except ClusterError as error:
        fail(error)
    except KeyboardInterrupt:
        fail(ClusterError("interrupted; run the same command again to go on"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[argparse.Namespace], object]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=str(run.__doc__).splitlines()[0])
        added.set_defaults(run=run)
        return added

    command("up", up)
    command("down", down)
    command("deploy", deploy_all)
    command("install-manifest", install_manifest)
    names = command("images", load_images)
    names.add_argument("names", nargs="+", choices=sorted(images.IMAGES), metavar="NAME")
    return parser


def provider() -> Provider:
    """Choose kind where a Docker engine answers, else this machine itself."""
    return Kind() if preconditions.docker_answers() else Native()


def running() -> Provider:
    """Give the provider of a cluster that is up.

    Raises ClusterError where there is none.
    """
    if not paths.KUBECONFIG.exists():
        raise ClusterError("the cluster is not up: run `make up` first")
    return provider()


def up(_: argparse.Namespace) -> None:
    """Bring the node up with DNS, metrics and volumes; quick where they are."""
    chosen = provider()
    if isinstance(chosen, Native):
        preconditions.check()
    chosen.create()
    owner.claim()
    _give_kubeconfig(chosen)
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


def _give_kubeconfig(chosen: Provider) -> None:
    """Copy it into the checkout, for the person who called sudo if one did."""
    folder = paths.KUBECONFIG.parent
    folder.mkdir(exist_ok=True)
    shutil.copyfile(chosen.kubeconfig, paths.KUBECONFIG)
    paths.KUBECONFIG.chmod(0o600)
    if person := os.environ.get("SUDO_UID"):
        for path in (folder, paths.KUBECONFIG):
            os.chown(path, int(person), int(os.environ["SUDO_GID"]))


def deploy_all(_: argparse.Namespace) -> None:
    """Deploy the operator and the example as the checkout has them."""
    deploy.deploy(running())


def install_manifest(_: argparse.Namespace) -> None:
    """Write manifests/install.yaml."""
    deploy.INSTALL.write_text(deploy.install_manifest())


def load_images(arguments: argparse.Namespace) -> None:
    """Build images and give them to the cluster, as far as anything changed."""
    deploy.load(running(), arguments.names)


def down(_: argparse.Namespace) -> None:
    """Take away every trace of the cluster; what was built stays in the cache."""
    if other := owner.other():
        OUT.print(f"This cluster was made by the checkout {other}, which loses it")
    with step("Taking the cluster away"):
        provider().delete()
        owner.forget()
        shutil.rmtree(paths.KUBECONFIG.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
