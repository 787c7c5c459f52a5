"""The `pod:` section: what users may set of a pod, and the restricted pod made of it.

Pure: no I/O, no clock.
"""

import re
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from osnovci_operator.resource import Model, Quantity, RawObject, rule, rules, text

RESERVED_ENV = "OSNOVCI_"
POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""With the pod's: what Pod Security's restricted profile asks for, and a root that cannot be written."""

WRITABLE = "/tmp"  # noqa: S108
SUBDOMAIN = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"

RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes draws suffixes of names from."""

BASE_MAX = 58
"""A name that is given a random suffix is cut to this length before it."""


Named = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {
                "name": {"type": "string", "maxLength": 63, "description": "The volume's name."}
            },
            "required": ["name"],
        }
    ),
]
"""A volume or a mount of one, passed on as it is; the API server checks the rest in the pod."""


def mount_rule(pod: str) -> dict[str, str]:
    """Refuse a mount of no volume; `pod` is the section, as the rule's place sees it."""
    return rule(
        f"!has({pod}.volumeMounts) || {pod}.volumeMounts.all(m, m.name == 'tmp' ||"
        f" (has({pod}.volumes) && {pod}.volumes.exists(v, v.name == m.name)))",
        "volumeMounts names a volume that is none of volumes: add it there, or correct the name",
        ".volumeMounts",
    )


class EnvVar(Model):
    """One environment variable."""

    name: Annotated[
        str,
        text(
            256,
            f"!self.startsWith('{RESERVED_ENV}')",
            f"names that begin with {RESERVED_ENV} are set by the operator; choose another",
            shortest=1,
        ),
    ]
    """The variable's name; names that begin with OSNOVCI_ are the operator's."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """The value, as text."""
    value_from: RawObject | None = None
    """Where the value comes from, as in a container: secretKeyRef, configMapKeyRef, fieldRef."""


class Resources(Model):
    """What a container asks for and may use at most."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "!has(self.requests) || !has(self.limits) || self.requests.all(k,"
                " !(k in self.limits) || !isQuantity(string(self.requests[k]))"
                " || !isQuantity(string(self.limits[k])) || quantity(string(self.requests[k]))"
                ".compareTo(quantity(string(self.limits[k]))) <= 0)",
                "a request is above its limit: lower it, or raise the limit",
                ".requests",
            )
        )
    }

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What the scheduler sets aside, such as cpu: 100m or memory: 128Mi."""
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What the container may use at most."""


Image = Annotated[
    str,
    text(
        1024,
        "!self.matches('[[:space:]]')",
        "must be an image without spaces, such as registry.example/homework:1",
        shortest=1,
    ),
]


class Imaged(Model):
    """A pod that has an image of its own."""

    image: Image
    """The container image."""


class MaybeImaged(Model):
    """A pod whose image may be another's."""

    image: Image | None = None
    """The container image; by default that of the app that is followed."""


class PodFields(Model):
    """The fields of a pod and its container that may be set, under their Kubernetes names."""

    command: Annotated[list[str], Field(max_length=64)] | None = None
    """The entry point; by default what the operator starts in such a pod."""
    args: Annotated[list[str], Field(max_length=256)] | None = None
    """Arguments of the command."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=128,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = []
    """Environment variables of the container."""
    env_from: Annotated[list[RawObject], Field(max_length=32)] | None = None
    """ConfigMaps and Secrets whose keys become environment variables."""
    resources: Resources | None = None
    """CPU and memory of the container."""
    volumes: Annotated[list[Named], Field(max_length=32)] = []
    """Volumes of the pod."""
    volume_mounts: Annotated[list[Named], Field(max_length=32)] = []
    """Where the container sees the volumes."""
    node_selector: dict[str, str] | None = None
    """Labels of the nodes the pod may run on."""
    tolerations: Annotated[list[RawObject], Field(max_length=32)] | None = None
    """Taints the pod tolerates."""
    affinity: RawObject | None = None
    """Affinity and anti-affinity of the pod."""
    topology_spread_constraints: Annotated[list[RawObject], Field(max_length=16)] | None = None
    """How the pods spread over nodes and zones."""
    service_account_name: (
        Annotated[
            str,
            text(
                253,
                f"self.matches('{SUBDOMAIN}')",
                "must be the name of a ServiceAccount: lower-case letters, digits, - and .",
            ),
        ]
        | None
    ) = None
    """The service account; its token is not mounted."""
    image_pull_secrets: Annotated[list[RawObject], Field(max_length=16)] | None = None
    """Secrets to pull the image with."""
    labels: Annotated[
        dict[str, str],
        Field(
            max_length=32,
            json_schema_extra=rules(
                rule(
                    "self.all(k, !k.startsWith('osnovci.app/'))",
                    "labels under osnovci.app/ are set by the operator; choose another prefix",
                )
            ),
        ),
    ] = {}
    """More labels for the pod."""
    annotations: Annotated[dict[str, str], Field(max_length=32)] = {}
    """More annotations for the pod."""


class PodSection(PodFields, Imaged):
    """The pods of an object that has an image of its own."""

    model_config = {"json_schema_extra": rules(mount_rule("self"))}


class FollowingPodSection(PodFields, MaybeImaged):
    """The pods of an object that may follow an app."""


FOLLOWED = frozenset({"image", "image_pull_secrets", "env", "env_from", "volumes", "volume_mounts"})
"""What pods that follow an app take from it; the rest is about what runs in them."""


def following(own: FollowingPodSection, of_app: PodSection) -> PodSection:
    """Give the pods of an app's image and environment, under what is said of them themselves."""
    taken = {field: getattr(of_app, field) for field in FOLLOWED}
    said = {field: value for field, value in own if value not in (None, [], {})}
    named = {each.name for each in own.env}
    said["env"] = [*(each for each in of_app.env if each.name not in named), *own.env]
    return PodSection.model_validate(taken | said)


def container(section: PodSection, *, name: str, command: list[str], env: list[Any]) -> Any:
    """Build the pod's one container, fit for Pod Security's restricted profile.

    Our variables come first, so that the user's may refer to them.
    """
    built = {
        "name": name,
        "image": section.image,
        "command": section.command or command,
        "args": section.args,
        "env": [*env, *(_dump(each) for each in section.env)],
        "envFrom": section.env_from,
        "resources": _dump(section.resources) if section.resources else None,
        # So that a pool can tell why its workers end: a crash writes to the log alone.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": WRITABLE}, *section.volume_mounts],
        "securityContext": CONTAINER_SECURITY,
    }
    return {key: value for key, value in built.items() if value is not None}


def template(
    section: PodSection, *, labels: dict[str, str], grace_seconds: int, containers: list[Any]
) -> Any:
    """Build the pod template around its containers, fit for the restricted profile."""
    spec = {
        "automountServiceAccountToken": False,
        "containers": containers,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": POD_SECURITY,
        "volumes": [{"name": "tmp", "emptyDir": {}}, *section.volumes],
        "nodeSelector": section.node_selector,
        "tolerations": section.tolerations,
        "affinity": section.affinity,
        "topologySpreadConstraints": section.topology_spread_constraints,
        "serviceAccountName": section.service_account_name,
        "imagePullSecrets": section.image_pull_secrets,
    }
    metadata: dict[str, Any] = {"labels": {**section.labels, **labels}}
    if section.annotations:
        metadata["annotations"] = section.annotations
    return {
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


def _dump(model: Model) -> Any:
    return model.model_dump(exclude_none=True)


def secret_variable(
    variable: str, secret: str, key: str, *, optional: bool = False
) -> dict[str, Any]:
    """Take a variable from a Secret."""
    reference: dict[str, Any] = {"name": secret, "key": key}
    if optional:
        reference["optional"] = True
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def is_pod_of(deployment: str, name: str) -> bool:
    """Whether a pod has the name that those of a Deployment get: DEPLOYMENT-HASH-RANDOM."""
    base, suffix = name[:-5], name[-5:]
    if not re.fullmatch(f"{RANDOM}{{5}}", suffix):
        return False
    start = f"{deployment}-"[:BASE_MAX]
    if not base.startswith(start):
        return False
    hashed = base[len(start) :]
    if len(base) == BASE_MAX:
        return bool(re.fullmatch(f"{RANDOM}{{0,10}}-?", hashed))
    return bool(re.fullmatch(f"{RANDOM}{{1,10}}-", hashed))
