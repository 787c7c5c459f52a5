"""What all custom resources share: how a model is written, durations, CEL rules, names.

Pure: no I/O, no clock.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from osnovci.durations import format_duration, parse_duration
from osnovci_operator.errors import OperatorError

GROUP = "osnovci.app"
VERSION = "v1alpha1"


def rule(expression: str, message: str, field_path: str = "") -> dict[str, str]:
    """Write one CEL rule; the message says what is wrong and what would be right."""
    optional = {"fieldPath": field_path} if field_path else {}
    return {"rule": expression, "message": message, **optional}


def rules(*each: dict[str, str]) -> dict[str, Any]:
    """Give the JSON schema extension under which the API server finds CEL rules."""
    return {"x-kubernetes-validations": list(each)}


def text(longest: int, expression: str, message: str, *, shortest: int | None = None) -> Any:
    """Give the field of a text that has to obey one CEL rule."""
    return Field(
        min_length=shortest,
        max_length=longest,
        json_schema_extra=rules(rule(expression, message)),
    )


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 24,
            **rules(
                rule(
                    "self.matches('^([0-9]{1,5}([.][0-9]{1,3})?(ms|h|m|s))+$')"
                    " && duration(self) > duration('0s')",
                    "must be a duration above zero, such as 500ms, 5s, 3m or 1h30m, "
                    "of at most five digits for each unit",
                )
            ),
        }
    ),
]
"""A length of time, above zero; a string such as `5s` in the resource."""


def whole_seconds(length: timedelta) -> int:
    """Give a length of time as Kubernetes counts: 0 would be no grace at all, so what is begun counts."""
    return ceil(length.total_seconds())


Quantity = Annotated[
    int | str,
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            **rules(
                rule(
                    "isQuantity(string(self)) && !quantity(string(self)).isLessThan(quantity('0'))",
                    "must be a quantity of zero or more, such as 100m, 2, 128Mi or 1Gi",
                )
            ),
        }
    ),
]
"""An amount of a resource, as Kubernetes writes it."""

_BYTES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30,
}  # fmt: skip


def parse_bytes(text: object) -> int:
    """Read an amount of memory such as `256Mi`.

    Raises ValueError where the text is not one.
    """
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi)?", str(text))
    if not found:
        raise ValueError(f"{text!r} is not an amount of memory; write one as 256Mi or 1Gi")
    return int(Decimal(found[1]) * _BYTES[found[2] or ""])


Memory = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 24,
            **rules(
                rule(
                    "self.matches('^[0-9]+([.][0-9]+)?(k|M|G|Ki|Mi|Gi)?$')"
                    " && quantity(self).compareTo(quantity('32Mi')) >= 0",
                    "must be an amount of memory of at least 32Mi, such as 256Mi or 1Gi",
                )
            ),
        }
    ),
]
"""An amount of memory in bytes; a string such as `256Mi` in the resource."""

Cidr = Annotated[
    str,
    text(
        43,
        "isCIDR(self) && cidr(self) == cidr(self).masked()",
        "must be a network without bits beyond its length, such as 10.0.0.0/8, 192.0.2.7/32 or "
        "2001:db8::/32",
    ),
]
"""A network of IP addresses."""

RawObject = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A part of the Kubernetes API that is passed on as it is; the API server checks it in the pod."""


class Model(BaseModel):
    """A part of a resource: camelCase outside, frozen, described by the docstrings of its fields."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


@dataclass(frozen=True, order=True)
class Key:
    """Names one object that is reconciled."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as people do: `queuepool homework/homework-jobs`."""
        return f"{self.kind.lower()} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Identity:
    """What the API server knows an object by."""

    namespace: str
    name: str
    uid: str
    generation: int
    created_at: datetime

    @classmethod
    def parse(cls, metadata: dict[str, Any]) -> "Identity":
        """Read an object's metadata."""
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata["generation"],
            created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        )

    @property
    def seniority(self) -> tuple[datetime, str]:
        """Order objects from the oldest to the youngest; equals by uid, so that all agree."""
        return self.created_at, self.uid


SpecT = TypeVar("SpecT", bound=Model)


@dataclass(frozen=True)
class Resource(Generic[SpecT]):
    """One object of ours as the API server has it: what it says, and what was last reported of it."""

    kind: ClassVar[str]
    model: ClassVar[type[Model]]
    """Of the spec."""
    identity: Identity
    spec: SpecT
    status: dict[str, Any]
    deleting: bool

    @cached_property
    def key(self) -> Key:
        """What the loop and the store know it by."""
        return Key(self.kind, self.identity.namespace, self.identity.name)

    @property
    def reference(self) -> dict[str, Any]:
        """The owner reference of what the object owns: it is deleted with it."""
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": self.kind,
            "name": self.identity.name,
            "uid": self.identity.uid,
            "controller": True,
        }

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Read an object.

        Raises InvalidSpecError for one that the model refuses, which the API server let pass because
        its CRD is of another version.
        """
        identity = Identity.parse(body["metadata"])
        try:
            spec = cast("SpecT", cls.model.model_validate(body.get("spec", {})))
        except ValidationError as error:
            raise InvalidSpecError(identity, body.get("status", {}), error) from error
        deleting = "deletionTimestamp" in body["metadata"]
        return cls(identity, spec, body.get("status", {}), deleting)


class InvalidSpecError(OperatorError):
    """The spec cannot be read; the message names each field, its value and what is wrong."""

    def __init__(self, identity: Identity, status: dict[str, Any], cause: ValidationError) -> None:
        self.identity = identity
        self.status = status
        each = (
            f"spec.{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in cause.errors(include_url=False)
        )
        super().__init__("; ".join(each))
