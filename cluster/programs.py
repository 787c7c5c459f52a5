"""Programs of our images, run on this machine without a container, for tests."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import IO, Any

from cluster import images
from cluster.console import exclusive
from cluster.paths import CACHE

WANTED = ("usr/bin/", "usr/sbin/", "usr/lib/")


def program(image: str, path: str) -> Path:
    """Give a command that runs a program of an image, with the libraries of the image.

    The image is built where it is not there yet, which needs root, buildah and debootstrap.
    """
    archive = images.archive(image)
    place = CACHE / "programs" / archive.stem
    command = place / "bin" / Path(path).name
    with exclusive(CACHE / "locks" / f"programs-{image}"):
        if not command.exists():
            _unpack(archive, place)
            _write(command, place, path)
    return command


def _unpack(archive: Path, place: Path) -> None:
    for older in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
        shutil.rmtree(older)
    place.mkdir(parents=True)
    with tarfile.open(archive) as whole:
        (manifest,) = json.load(_file(whole, "manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=_file(whole, layer)) as files:
                wanted = [each for each in files if each.name.startswith(WANTED)]
                files.extractall(place, wanted, filter="tar")


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found: Any = archive.extractfile(name)
    return found


def _write(command: Path, place: Path, path: str) -> None:
    """Write a script that starts the program by the image's own loader."""
    loader = next(place.glob("usr/lib/*/ld-linux-*.so.*"))
    run = f'exec "{loader}" --library-path "{loader.parent}" "{place / path}" "$@"'
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{run}\n")
    command.chmod(0o755)
