"""The nginx of an app's load balancer as its pod runs it, on the loopback: config, start, stop."""

import os
import signal
import subprocess
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from apps import app
from names import Names
from waiting import eventually
from workers import free_port

from cluster.programs import program
from osnovci_operator.app import nginx
from osnovci_operator.app.nginx_config import PORT, PROBE_PORT, READY


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


class Nginx:
    """An nginx whose upstream is found by the name server."""

    def __init__(self, names: Names, folder: Path, *, sticky: bool = False) -> None:
        self.port, self._probe_port, self._folder = free_port(), free_port(), folder
        objects = nginx.objects(app(loadBalancer={"sticky": sticky}), "nginx:1")
        (deployment,) = (each for each in objects if each["kind"] == "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        resolv = folder / "resolv.conf"
        resolv.write_text(
            "search homework.svc.test.example svc.test.example\n"
            f"nameserver 127.0.0.1:{names.port}\noptions ndots:5\n"
        )
        path = f"{program('nginx', 'usr/sbin/nginx').parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [*container["command"][:4], str(resolv), str(folder)],
            env={"PATH": path, "NGINX_CONFIG": self._here(container["env"][0]["value"])},
        )
        eventually(self._ready)

    def _here(self, config: str) -> str:
        """Give the config with ports that are free; a root's workers stay root, as in no pod."""
        for theirs, ours in ((PORT, self.port), (PROBE_PORT, self._probe_port)):
            config = config.replace(f"listen {theirs};", f"listen 127.0.0.1:{ours};")
        return config if os.geteuid() else f"user root;\n{config}"

    def _ready(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.ask(READY, port=self._probe_port).status == 200
        except OSError:
            return False

    def drain(self) -> None:
        """Do what its pod does before it ends."""
        (self._folder / "draining").touch()

    def quit(self) -> None:
        self.process.send_signal(signal.SIGQUIT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=60)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        port: int | None = None,
    ) -> Answered:
        """Ask on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return answered(connection.getresponse())
        finally:
            connection.close()


def answered(response: HTTPResponse) -> Answered:
    """Read an answer to its end."""
    headers: Any = {name.lower(): value for name, value in response.getheaders()}
    return Answered(response.status, headers, response.read())
