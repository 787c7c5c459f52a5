"""Bare requests to an API server, and a watch that notes when it saw what. No client library."""

import json
import queue
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

APPLY = "application/apply-patch+yaml"
PATIENCE_SECONDS = 30.0


class Api:
    """One kept-open connection, as the administrator of a control plane."""

    def __init__(self, port: int, pki: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.pem")
        self._connection = self.connect()

    def connect(self) -> HTTPSConnection:
        """Open a connection more."""
        return HTTPSConnection(
            "127.0.0.1", self._port, context=self._context, timeout=PATIENCE_SECONDS
        )

    def request(
        self, method: str, path: str, body: Any = None, content: str = "application/json"
    ) -> dict[str, Any]:
        """Send one request; an answer that is an error is raised."""
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, {"Content-Type": content})
        answer = self._connection.getresponse()
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

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> float:
        """Wait for an object of a kind that is wanted; give when it was seen."""
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while (left := deadline - time.perf_counter()) > 0:
            try:
                at, line = self._seen.get(timeout=left)
            except queue.Empty:
                break
            if wanted(json.loads(line)["object"]):
                return at
        raise RuntimeError(f"the watch saw nothing of what it waited for in {PATIENCE_SECONDS:g}s")

    def _read(self) -> None:
        try:
            while line := self._answer.readline():
                self._seen.put((time.perf_counter(), line))
        except (OSError, HTTPException):
            return  # the API server ended, and with it the measurement
