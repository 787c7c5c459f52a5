"""The part of a QueuePool that a simulation needs, from a YAML file."""

from collections.abc import Iterator
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
SPEC_FIELDS = (
    "appRef",
    "pod",
    "tasks",
    "concurrency",
    "isolation",
    "memoryLimit",
    "queues",
    "schedules",
    "replicas",
    "scaling",
)
FIELDS = ("mode", "minReplicas", "maxReplicas", "targetWait", "idle", "floors")
"""What the QueuePool knows; `mode` changes nothing here."""

MODES = ("Enforce", "Recommend")
MOST = 1000
MOST_JOBS = 256
"""The bounds of the QueuePool: of its counts, and of the jobs in one pod."""

QUEUE_LIMITS = ("paused", "maxActive", "rate")

FLOORS_LEFT_OUT = "floors are left out: a replay has no calendar, minReplicas holds all the time"
SCHEDULES_LEFT_OUT = "schedules are left out: no worker is started ahead for their jobs"
QUEUES_LEFT_OUT = f"{', '.join(QUEUE_LIMITS)} of queues are left out: a replay has one queue"


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
    alone = not {"kind", "spec"} & document.keys()
    spec: Any = document if alone else document.get("spec")
    scaling: Any = spec.get("scaling") if isinstance(spec, dict) else None
    if not isinstance(scaling, dict):
        raise PoolFileError(f"{path}: spec.scaling is missing: a pool without it has a fixed count")
    _check(path, "spec", spec, SPEC_FIELDS)
    _check(path, "spec.scaling", scaling, FIELDS)
    mode = scaling.get("mode", MODES[0])
    if mode not in MODES:
        raise PoolFileError(
            f"{path}: spec.scaling.mode is {mode!r}, it must be {' or '.join(MODES)}"
        )
    return PoolFile(_target(path, spec, scaling), "; ".join(_left_out(spec, scaling)))


def _check(path: Path, place: str, given: dict[Any, Any], known: tuple[str, ...]) -> None:
    """Refuse a field that there is not: what is misspelt would be as if it were not there."""
    for field in given:
        if field not in known:
            raise PoolFileError(f"{path}: {place}.{field} is no field of it: {', '.join(known)}")


def _left_out(spec: dict[str, Any], scaling: dict[str, Any]) -> Iterator[str]:
    if scaling.get("floors"):
        yield FLOORS_LEFT_OUT
    if spec.get("schedules"):
        yield SCHEDULES_LEFT_OUT
    queues: Any = spec.get("queues")
    named = [each for each in queues if isinstance(each, dict)] if isinstance(queues, list) else []
    if any(each.get(limit) for each in named for limit in QUEUE_LIMITS):
        yield QUEUES_LEFT_OUT


def _target(path: Path, spec: dict[str, Any], scaling: dict[str, Any]) -> Target:
    count, slots = "spec.scaling.", spec.get("concurrency", CONCURRENCY)
    target = Target(
        wait=_seconds(path, "targetWait", scaling.get("targetWait", TARGET_WAIT)),
        minimum=_count(path, f"{count}minReplicas", scaling.get("minReplicas", 0), (0, MOST)),
        maximum=_count(path, f"{count}maxReplicas", scaling.get("maxReplicas"), (1, MOST)),
        slots=_count(path, "spec.concurrency", slots, (1, MOST_JOBS)),
        idle=_seconds(path, "idle", scaling.get("idle", IDLE)),
    )
    if target.minimum > target.maximum:
        raise PoolFileError(
            f"{path}: spec.scaling.minReplicas is {target.minimum}, "
            f"above maxReplicas {target.maximum}"
        )
    return target


def _load(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise PoolFileError(
            "reading a pool needs PyYAML: pip install 'osnovci[simulate]'"
        ) from error
    try:
        documents = list(yaml.safe_load_all(path.read_bytes()))
    except OSError as error:
        raise PoolFileError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise PoolFileError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PoolFileError(f"{path} is no pool: it is nested too deeply") from error
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


def _count(path: Path, field: str, value: object, bounds: tuple[int, int]) -> int:
    least, most = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        told = "missing" if value is None else repr(value)
        raise PoolFileError(
            f"{path}: {field} is {told}, it must be a whole number from {least} to {most}"
        )
    return value
