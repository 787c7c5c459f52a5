"""The API server: read, apply, report. Objects are plain dicts, as the watches give them."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException

from osnovci_operator import errors
from osnovci_operator.kinds import APIS
from osnovci_operator.labels import MANAGER
from osnovci_operator.resource import GROUP, VERSION

TIMEOUT_SECONDS = 10
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
UNREADABLE = ("failed to create typed patch object", "failed to convert new object")
"""How answers of 500 begin to what no second try would mend: the object itself cannot be read."""


async def connect() -> client.ApiClient:
    """Open the client: with the pod's service account, or the current kubeconfig."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    configuration.connection_pool_maxsize = 16
    return client.ApiClient(configuration)


class Kube:
    """Requests to the API server; what has not changed is not sent again."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._applied: dict[tuple[str, str, str], tuple[str, Any, Any]] = {}

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Read one object; None if there is none."""
        try:
            return await self.request("GET", f"{APIS[kind].path(namespace)}/{name}")
        except errors.NotFoundError:
            return None

    async def list(
        self, kind: str, namespace: str, selector: str = "", *, name: str = ""
    ) -> list[dict[str, Any]]:
        """Read all objects of a kind in a namespace, each with its kind filled in.

        With a name, at most the one of it: for kinds that may be listed and not read singly.
        """
        query = {"labelSelector": selector} if selector else {}
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        answer = await self.request("GET", APIS[kind].path(namespace), query=query)
        return [{"kind": kind, **item} for item in answer["items"]]

    async def apply(self, manifest: dict[str, Any], live: dict[str, Any] | None) -> dict[str, Any]:
        """Make an object what the manifest says, by server-side apply; give it as it is now.

        Nothing is sent when this manifest was applied last and nobody has changed the object
        since: its generation counts every change of its spec.
        """
        kind, metadata = manifest["kind"], manifest["metadata"]
        place = (kind, metadata["namespace"], metadata["name"])
        digest = sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        if live and self._applied.get(place) == _state(digest, live):
            return live
        path = f"{APIS[kind].path(metadata['namespace'])}/{metadata['name']}"
        query = {"fieldManager": MANAGER, "force": "true"}
        applied = await self.request("PATCH", path, manifest, query=query, content=APPLY)
        self._applied[place] = _state(digest, applied)
        return applied

    async def annotate(self, kind: str, namespace: str, name: str, notes: dict[str, Any]) -> None:
        """Set annotations of an object, unless it is gone; None takes one away."""
        path, body = f"{APIS[kind].path(namespace)}/{name}", {"metadata": {"annotations": notes}}
        with suppress(errors.NotFoundError):
            await self.request("PATCH", path, body, content=MERGE)

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """Let go of what was applied to an object that is no longer ours to keep."""
        self._applied.pop((kind, namespace, name), None)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete one object.

        Raises NotFoundError where there is none.
        """
        self.forget(kind, namespace, name)
        await self.request("DELETE", f"{APIS[kind].path(namespace)}/{name}")

    async def report(self, kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
        """Replace an object's status, by server-side apply."""
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        }
        path = f"{APIS[kind].path(namespace)}/{name}/status"
        query = {"fieldManager": MANAGER, "force": "true"}
        await self.request("PATCH", path, body, query=query, content=APPLY)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Any:
        """Send one request; give the answer as a dict.

        Raises KubeError, or what of it fits.
        """
        headers = {"Accept": "application/json", "Content-Type": content}
        try:
            serialized = await self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(*serialized, _request_timeout=TIMEOUT_SECONDS)
            data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.KubeError(0, f"the API server does not answer: {error!r}") from error
        answer = json.loads(data) if data[:1] == b"{" else {"message": data.decode()[:500]}
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _error(response.status, answer)
        return answer


def micro_time() -> str:
    """Write this moment as the API server wants it where seconds are too coarse."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _state(digest: str, live: dict[str, Any]) -> tuple[str, Any, Any]:
    metadata = live["metadata"]
    change = metadata.get("generation") or metadata["resourceVersion"]
    return digest, (metadata["uid"], change), metadata.get("labels")


def _error(status: int, answer: dict[str, Any]) -> errors.KubeError:
    message = answer.get("message", str(answer))
    if message.startswith(UNREADABLE):
        return errors.RefusedError(status, message)
    causes = (answer.get("details") or {}).get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return errors.TerminatingError(status, message)
    kinds: dict[int, type[errors.KubeError]] = {
        HTTPStatus.NOT_FOUND: errors.NotFoundError,
        HTTPStatus.CONFLICT: errors.ConflictError,
        HTTPStatus.BAD_REQUEST: errors.RefusedError,
        HTTPStatus.FORBIDDEN: errors.RefusedError,
        HTTPStatus.UNPROCESSABLE_ENTITY: errors.RefusedError,
    }
    kind = kinds.get(status, errors.KubeError)
    return kind(status, message)
