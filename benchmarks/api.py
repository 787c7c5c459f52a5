"""Bare requests to an API server, and a watch that notes when it saw what. No client library."""

import json
import queue
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

import yaml

APPLY = "application/apply-patch+yaml"
PATIENCE_SECONDS = 30.0
IDLE_SECONDS = 10.0


class Api:
    """One kept-open connection, as the administrator of a control plane."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(cluster["server"]).netloc
        authority = b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        with (
            NamedTemporaryFile() as file
        ):  # The standard library reads a certificate from a file only.
            for part in ("client-certificate-data", "client-key-data"):
                file.write(b64decode(user[part]))
            file.flush()
            self._context.load_cert_chain(file.name)
        self._connection = self.connect()
        self._used = time.perf_counter()

    def connect(self) -> HTTPSConnection:
        """Open a connection more."""
        return HTTPSConnection(self._address, context=self._context, timeout=PATIENCE_SECONDS)

    def request(
        self, method: str, path: str, body: Any = None, content: str = "application/json"
    ) -> dict[str, Any]:
        """Send one request; an answer that is an error is raised."""
        text = None if body is None else json.dumps(body)
        if time.perf_counter() - self._used > IDLE_SECONDS:
            self._connection.close()  # The server may have closed it; the next request opens another.
        self._connection.request(method, path, text, {"Content-Type": content})
        answer = self._connection.getresponse()
        self._used = time.perf_counter()
        data = json.loads(answer.read())
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {data.get('message', data)}")
        return data

    def apply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Apply an object on the server's side."""
        return self.request("PATCH", f"{path}?fieldManager=benchmark&force=true", body, APPLY)


class Watch:
    """The objects of one path, each with the moment at which the watch brought it."""

    def __init__(self, api: Api, path: str) -> None:
        version = api.request("GET", f"{path}?limit=1")["metadata"]["resourceVersion"]
        self._connection = api.connect()
        self._connection.request("GET", f"{path}?watch=1&resourceVersion={version}")
        self._answer = self._connection.getresponse()
        self._seen: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(
        self, wanted: Callable[[dict[str, Any]], bool], within: float = PATIENCE_SECONDS
    ) -> float:
        """Wait for an object of a kind that is wanted; give when it was seen."""
        deadline = time.perf_counter() + within
        while (left := deadline - time.perf_counter()) > 0:
            try:
                at, line = self._seen.get(timeout=left)
            except queue.Empty:
                break
            if wanted(json.loads(line)["object"]):
                return at
        raise RuntimeError(f"the watch saw nothing of what it waited for in {within:g}s")

    def _read(self) -> None:
        try:
            while line := self._answer.readline():
                self._seen.put((time.perf_counter(), line))
        except (OSError, HTTPException):
            return  # the API server ended, and with it the measurement
