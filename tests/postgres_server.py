"""A real PostgreSQL for tests, and a streaming replica of it."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path

from waiting import eventually
from workers import free_port

USER = "postgres"
"""Who owns the server's files and, where the tests run as root, its processes: it refuses root."""
CLUSTER = ("--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8", "--locale=C")
OPTIONS = ("-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100")


def program(name: str) -> str:
    """Find one of PostgreSQL's programs; Debian keeps those of the server out of the PATH."""
    found = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    if newest := max(found, key=lambda path: int(path.parts[4]), default=None):
        return str(newest)
    if path := shutil.which(name):
        return path
    raise FileNotFoundError(f"{name} is missing: install PostgreSQL (apt-get install postgresql)")


def _as_user(*command: str) -> list[str]:
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]


def _run(name: str, *arguments: str) -> None:
    command = _as_user(program(name), *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def _folder() -> Path:
    """Make a folder that the user may look into, as it may not into pytest's tmp_path."""
    made = Path(tempfile.mkdtemp(prefix="osnovci-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(made, USER, USER)
    return made


@cache
def _template() -> Path:
    made = _folder()
    atexit.register(shutil.rmtree, made)
    _run("initdb", *CLUSTER, "-D", str(made / "data"))
    return made / "data"


class PostgresServer:
    """A server on a free port of the loopback; it may be stopped and started."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = _folder()
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Take a copy of an empty cluster, which costs a fraction of another initdb."""
        _run("cp", "-a", str(_template()), str(self.data))

    def copy(self, primary: "PostgresServer") -> None:
        """Be a streaming replica of another server."""
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", USER]
        _run("pg_basebackup", *source, "-D", str(self.data), "-R", "-c", "fast", "--no-sync")

    def start(self) -> None:
        place = ["-D", str(self.data), "-p", str(self.port), "-k", str(self.folder)]
        command = _as_user(program("postgres"), *place, *OPTIONS)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        eventually(self._answers)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT cuts its clients in order, SIGQUIT as a crash does."""
        assert self._process
        self._process.send_signal(number)
        self._process.wait(timeout=20)

    @contextlib.contextmanager
    def frozen(self, pid: int) -> Generator[None]:
        """Stop one of its processes, as a machine that hangs."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def sql(self, statement: str) -> str:
        """Run a statement while the caller's event loop stands still."""
        command = [program("psql"), self.url, "--no-psqlrc", "-qAt", "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def restart(self) -> None:
        self.stop()
        self.start()

    @classmethod
    def started(cls) -> "PostgresServer":
        server = cls()
        server.create()
        server.start()
        return server

    def remove(self) -> None:
        with contextlib.suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-q"]
        return subprocess.run([program("pg_isready"), *where], check=False).returncode == 0
