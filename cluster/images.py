"""Container images: built by buildah from Containerfiles, kept by the hash of what goes in.

The base is Debian, made by debootstrap from the machine's own mirror, so no registry is needed.
nginx alone is of a newer suite: older ones do not resolve an upstream's names as they change.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from cluster import tools
from cluster.console import exclusive, run, step
from cluster.paths import CACHE, ROOT
from cluster.tools import Module

SUITE = "trixie"
SUITES = {"debian": SUITE, "newer-debian": "forky"}
"""The suite of Debian behind each base that is no image of ours."""

HERE = ROOT / "cluster" / "images"
IGNORED = {"__pycache__", ".pytest_cache", ".ruff_cache"}


@dataclass(frozen=True)
class Image:
    """One image: its Containerfile, what that may copy, and the image it begins with."""

    name: str
    containerfile: Path
    sources: tuple[Path, ...] = ()
    base: str = "python"
    """Another image, one of SUITES, or scratch."""
    module: Module | None = None
    """A Go module whose programs lie in the context."""

    @property
    def reference(self) -> str:
        """The name that manifests use."""
        return f"osnovci/{self.name}:dev"


WORKER = ROOT / "worker" / "osnovci"
COMPILE = (ROOT / "worker" / "compile.py", ROOT / "requirements" / "build.txt")
"""What compiles some of its modules."""
IMAGES = {
    image.name: image
    for image in (
        Image("pause", HERE / "pause.Containerfile", (HERE / "pause.go",), base="scratch"),
        Image("gate", HERE / "binary.Containerfile", (HERE / "gate.go",), base="scratch"),
        Image("python", HERE / "python.Containerfile", base="debian"),
        Image("redis", HERE / "redis.Containerfile", base="debian"),
        Image("valkey", HERE / "valkey.Containerfile", base="debian"),
        Image("postgres", HERE / "postgres.Containerfile", (HERE / "postgres.sh",), base="debian"),
        Image("nginx", HERE / "nginx.Containerfile", base="newer-debian"),
        Image("coredns", HERE / "binary.Containerfile", base="debian", module=tools.COREDNS),
        Image(
            "metrics-server",
            HERE / "binary.Containerfile",
            base="debian",
            module=tools.METRICS_SERVER,
        ),
        Image("mailpit", HERE / "binary.Containerfile", base="debian", module=tools.MAILPIT),
        Image(
            "operator",
            ROOT / "operator" / "Containerfile",
            (
                # What both planes share, and no engine.
                *sorted(WORKER.glob("*.*")),
                *sorted((WORKER / "queues").glob("*.*")),
                WORKER / "config",
                WORKER / "scaling",
                WORKER / "schedules",
                ROOT / "operator" / "osnovci_operator",
                ROOT / "requirements" / "operator.txt",
            ),
        ),
        Image(
            "worker",
            ROOT / "worker" / "Containerfile",
            (
                WORKER,
                *COMPILE,
                ROOT / "worker" / "osnovci.sh",
                ROOT / "requirements" / "worker.txt",
            ),
        ),
        Image(
            "homework",
            ROOT / "examples" / "homework" / "Containerfile",
            (ROOT / "examples" / "homework" / "homework", ROOT / "requirements" / "homework.txt"),
            base="worker",
        ),
    )
}
ADD_ONS = ("pause", "coredns", "metrics-server")
SERVICES = ("redis", "postgres", "mailpit", "gate", "nginx")
APPLICATION = ("operator", "homework")


@cache
def archive(name: str) -> Path:
    """Give an image as an archive; builds it, and what it begins with, if anything changed."""
    image = IMAGES[name]
    place = CACHE / "images" / f"{name}-{key(name)}.tar"
    if place.exists():
        return place
    if image.base in IMAGES:
        archive(image.base)
    with exclusive(CACHE / "locks" / f"image-{name}"):
        if not place.exists():
            with step(f"Building the image {image.reference}", "up to a minute"):
                _build(image, place)
                _forget_older(image, place)
    return place


@cache
def key(name: str) -> str:
    """Give the hash of all that an image is made of."""
    image = IMAGES[name]
    digest = sha256(SUITE.encode())
    digest.update(content((image.containerfile, *image.sources)))
    digest.update(key(image.base).encode() if image.base in IMAGES else image.base.encode())
    if image.module:
        digest.update(f"{image.module.module}@{image.module.version}".encode())
    return digest.hexdigest()[:12]


def content(sources: Iterable[Path]) -> bytes:
    """Give the names and the bytes of all files of some sources, to be hashed."""
    found = (file for source in sources for file in _files(source))
    return b"".join(str(file.relative_to(ROOT)).encode() + file.read_bytes() for file in found)


def _files(path: Path) -> list[Path]:
    """Give the sources at a path, without what tools left there."""
    if path.is_file():
        return [path]
    found = (each for each in sorted(path.rglob("*")) if each.is_file())
    return [each for each in found if not IGNORED & set(each.relative_to(ROOT).parts)]


def _build(image: Image, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    context = CACHE / "context" / image.name
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    for source in image.sources:
        for file in _files(source):
            target = context / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    if image.module:
        program = next(p for p in tools.folder(image.module).iterdir() if p.name == image.name)
        shutil.copy2(program, context / "program")
    for source in image.sources:
        if source.suffix == ".go":
            _compile(source, context / "program")
    making = place.with_suffix(".making")
    making.unlink(missing_ok=True)
    _buildah(image, context)
    run(
        [
            "buildah",
            "push",
            "--quiet",
            _local(image.name),
            f"docker-archive:{making}:{image.reference}",
        ]
    )
    making.rename(place)


def _forget_older(image: Image, place: Path) -> None:
    """Remove what earlier sources made; the disk would fill with what nobody asks for again."""
    for older in place.parent.glob(f"{image.name}-{'?' * 12}.tar"):
        if older != place:
            older.unlink()
    listed = run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"]).split()
    for older in listed:
        if older.startswith(f"localhost/osnovci/{image.name}:") and older != _local(image.name):
            run(["buildah", "rmi", "--force", older])


def _buildah(image: Image, context: Path) -> None:
    base = image.base
    if base in SUITES:
        base = _debian(SUITES[base])
    elif base in IMAGES:
        base = _local(base)
    settings, mounts = _client_settings()
    command = ["buildah", "build", "--isolation=chroot", "--pull=never", "--layers=false"]
    log = CACHE / "logs" / f"image-{image.name}.log"
    run(
        [
            *command,
            f"--build-arg=BASE={base}",
            *settings,
            *mounts,
            f"--tag={_local(image.name)}",
            f"--file={image.containerfile}",
            context,
        ],
        log=log,
    )


def _client_settings() -> tuple[list[str], list[str]]:
    """Give this machine's own settings for package clients: needed while building, and not kept."""
    names = ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
    settings = {name: os.environ[name] for name in names if name in os.environ}
    links = settings.get("PIP_FIND_LINKS", "").split()
    mounts = [f"--volume={link}:{link}:ro" for link in links if Path(link).is_absolute()]
    if bundle := os.environ.get("SSL_CERT_FILE"):
        inside = "/run/build-authorities.pem"
        mounts.append(f"--volume={bundle}:{inside}:ro")
        settings |= {"SSL_CERT_FILE": inside, "PIP_CERT": inside}
    return [f"--build-arg={name}={value}" for name, value in settings.items()], mounts


def _local(name: str) -> str:
    """Name an image in buildah's own storage; `localhost` there is no host."""
    return f"localhost/osnovci/{name}:{key(name)}"


@cache
def _debian(suite: str) -> str:
    """Give the base image; makes it by debootstrap if it is not there yet."""
    name = f"localhost/osnovci/debian:{suite}"
    if name in run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"]):
        return name
    root = CACHE / suite
    shutil.rmtree(root, ignore_errors=True)
    with step(f"Making Debian {suite} by debootstrap", "about a minute, once"):
        scripts = Path("/usr/share/debootstrap/scripts")
        script = scripts / (suite if (scripts / suite).exists() else "sid")
        log = CACHE / "logs" / f"debootstrap-{suite}.log"
        run(["debootstrap", "--variant=minbase", suite, root, _mirror(), script], log=log)
        for pattern in _NOT_RUN:
            for path in root.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        container = run(["buildah", "from", "scratch"]).strip()
        run(["buildah", "add", "--quiet", container, root, "/"])
        run(["buildah", "commit", "--quiet", "--rm", container, name])
    shutil.rmtree(root)
    return name


_NOT_RUN = (
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "var/cache/apt/archives/*.deb",
    "var/lib/apt/lists/*",
    "var/log/*",
)
"""What debootstrap leaves and no image runs."""


def _mirror() -> str:
    """Give the mirror that this machine's apt uses."""
    lines = run(["apt-cache", "policy"]).splitlines()
    return next(line.split()[1] for line in lines if "://" in line and "security" not in line)


def _compile(source: Path, program: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    run(["go", "build", "-ldflags=-s -w", "-o", program, source], env=environment)
