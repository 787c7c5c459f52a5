"""What web pods run, compiled as their image has it: a copy of `osnovci` with its libraries, in the cache.

`python -m cluster.compiled COMMAND...` runs a command that imports `osnovci` from there.
"""

import os
import platform
import shutil
import sys
import sysconfig
import time
from hashlib import sha256
from pathlib import Path

from cluster.console import ClusterError, fail, run
from cluster.images import COMPILE, WORKER, content
from cluster.tools import built

KEPT_SECONDS = 24 * 3600
"""Another checkout may run on what it has compiled."""


def environment() -> dict[str, str]:
    """Give what a process is told that is to import the compiled modules."""
    return {"PYTHONPATH": str(folder())}


def folder() -> Path:
    """Give the folder with the compiled `osnovci`.

    Raises ClusterError where it cannot be compiled.
    """
    digest = sha256(f"{sys.version} {platform.machine()}".encode())
    digest.update(content((WORKER, *COMPILE)))
    name = f"compiled-{digest.hexdigest()[:12]}"
    place = built(name, "the path of a request by mypyc", "about 20 s", _compile)
    os.utime(place)
    return place


def forget_unused(cache: Path) -> None:
    """Remove what earlier sources made, and nobody has asked for in a day."""
    for older in cache.glob("compiled-" + "?" * 12):
        if time.time() - older.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(older)


def _compile(making: Path) -> None:
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    if not shutil.which("cc") or not headers.exists():
        raise ClusterError(
            f"a C compiler and {headers} are needed, and not both are here: "
            "apt-get install gcc python3-dev"
        )
    forget_unused(making.parent)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(WORKER, making / WORKER.name, ignore=ignored)
    run([sys.executable, COMPILE[0], "build_ext", "--inplace"], cwd=making)
    shutil.rmtree(making / "build")


def main() -> None:
    """Become the command."""
    command = sys.argv[1:]
    if not command or not shutil.which(command[0]):
        told = f"{command[0]} is no program here" if command else "no command is given"
        fail(ClusterError(f"{told}; such as: python -m cluster.compiled .venv/bin/pytest"))
    try:
        compiled = environment()
    except ClusterError as error:
        fail(error)
    os.execvpe(command[0], command, os.environ | compiled)


if __name__ == "__main__":
    main()
