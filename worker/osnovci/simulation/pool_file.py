"""The part of a QueuePool that a simulation needs, from a YAML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osnovci.durations import parse_duration
from osnovci.errors import OsnovciError
from osnovci.scaling.model import Target

CONCURRENCY = 2
TARGET_WAIT = "5s"
IDLE = "1m"
"""The defaults of the QueuePool."""

KIND = "QueuePool"
FIELDS = ("minReplicas", "maxReplicas", "targetWait", "idle", "mode", "floors")
"""What the QueuePool knows; `mode` changes nothing here."""

MOST = 1000


FLOORS_LEFT_OUT = "floors are left out: a replay has no calendar, minReplicas holds all the time"


class PoolFileError(OsnovciError):
    """The file is no pool that scales; the message names the file, the field, and what is right."""


@dataclass(frozen=True)
class PoolFile:
    """What a file says of a pool's scaling."""

    target: Target
    left_out: str = ""
    """What of it a replay does not do, and why."""


def read(path: Path) -> PoolFile:
    """Read a QueuePool, or its spec alone.

    Raises PoolFileError, in one sentence, where it is none.
    """
    document = _load(path)
    kind = document.get("kind", KIND)
    if kind != KIND:
        raise PoolFileError(f"{path}: kind is {kind}, it must be {KIND}")
    spec: Any = document.get("spec", document)
    scaling: Any = spec.get("scaling") if isinstance(spec, dict) else None
    if not isinstance(scaling, dict):
        raise PoolFileError(f"{path}: spec.scaling is missing: a pool without it has a fixed count")
    for field in scaling:
        if field not in FIELDS:
            raise PoolFileError(
                f"{path}: spec.scaling.{field} is no field of it: {', '.join(FIELDS)}"
            )
    target = Target(
        wait=_seconds(path, "targetWait", scaling.get("targetWait", TARGET_WAIT)),
        minimum=_count(path, "spec.scaling.minReplicas", scaling.get("minReplicas", 0), 0),
        maximum=_count(path, "spec.scaling.maxReplicas", scaling.get("maxReplicas"), 1),
        slots=_count(path, "spec.concurrency", spec.get("concurrency", CONCURRENCY), 1),
        idle=_seconds(path, "idle", scaling.get("idle", IDLE)),
    )
    if target.maximum > MOST:
        raise PoolFileError(
            f"{path}: spec.scaling.maxReplicas is {target.maximum}, it may be {MOST} at most"
        )
    if target.minimum > target.maximum:
        raise PoolFileError(
            f"{path}: spec.scaling.minReplicas is {target.minimum}, "
            f"above maxReplicas {target.maximum}"
        )
    floors = scaling.get("floors")
    return PoolFile(target, FLOORS_LEFT_OUT if floors else "")


def _load(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise PoolFileError(
            "reading a pool needs PyYAML: pip install 'osnovci[simulate]'"
        ) from error
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except OSError as error:
        raise PoolFileError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise PoolFileError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    maps = [each for each in documents if isinstance(each, dict)]
    pools = [each for each in maps if each.get("kind") == KIND] or maps
    if len(pools) != 1:
        raise PoolFileError(f"{path} must hold one QueuePool, it holds {len(pools)}")
    return pools[0]


def _seconds(path: Path, field: str, value: object) -> float:
    try:
        seconds = parse_duration(value).total_seconds()
    except ValueError as error:
        raise PoolFileError(f"{path}: spec.scaling.{field}: {error}") from error
    if not seconds:
        raise PoolFileError(f"{path}: spec.scaling.{field} must be above zero")
    return seconds


def _count(path: Path, field: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        told = "missing" if value is None else repr(value)
        raise PoolFileError(
            f"{path}: {field} is {told}, it must be a whole number of {least} or more"
        )
    return value
