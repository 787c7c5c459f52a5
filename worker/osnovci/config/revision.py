"""An app's document under its revision: what a pod has in force, and how it is read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from osnovci.app_contract import AppDocument, checksum
from osnovci.errors import OsnovciError

Mark = tuple[bytes | None, bytes | None]
"""Revision and checksum as Redis has them, to tell whether there is anything new."""


class ConfigError(OsnovciError):
    """A document that cannot be run; the message says where it is wrong."""


@dataclass(frozen=True)
class Config:
    """A document and the revision under which it was published."""

    revision: int
    """0 is the document of the environment."""
    checksum: str
    document: AppDocument

    @classmethod
    def of(cls, text: str, revision: int = 0) -> "Config":
        """Read a document.

        Raises ConfigError, which names the field and what is wrong.
        """
        try:
            document = AppDocument.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise ConfigError(f"{where}: {first['msg']}") from error
        return cls(revision, checksum(text), document)


def read(app: str, fields: Sequence[bytes | None]) -> Config:
    """Read the fields revision, checksum and document of an app's hash.

    Raises ConfigError where this is not what was published for the app.
    """
    revision, told, document = ((each or b"").decode(errors="replace") for each in fields)
    if not told or not document:
        raise ConfigError("a field of the hash is missing; the operator writes all three at once")
    if checksum(document) != told:
        raise ConfigError("its checksum is another than the one published with it")
    config = Config.of(document, revision_number(revision))
    if config.document.app != app:
        raise ConfigError(f"app: it is that of {config.document.app!r}, and this pod is of {app!r}")
    return config


def revision_number(text: str | bytes | None) -> int:
    """Read a revision.

    Raises ConfigError where it is not a positive number.
    """
    try:
        number = int(text or "")
    except ValueError:
        number = 0
    if not 0 < number < 2**53:
        raise ConfigError(f"the revision is {text!r}; it is a number from 1")
    return number
