"""The operator's end of the config channel."""

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from osnovci.app_contract import AppDocument, checksum, config_key

SCRIPT = files("osnovci.config").joinpath("publish.lua").read_text()
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""The name by which Redis knows the script."""


@dataclass(frozen=True)
class Published:
    """What Redis holds for an app now."""

    revision: int
    is_new: bool
    """Whether it was written; the same document again is not."""


async def publish(redis: Redis, namespace: str, document: AppDocument, above: int = 0) -> Published:
    """Put an app's document where its pods find it; the same one again changes nothing.

    A new revision is greater than `above`, the last one that is known, so that a Redis which has
    lost its data gives none twice.
    """
    text = document.model_dump_json()
    arguments = [config_key(namespace, document.app), checksum(text), text, above]
    reply: Any
    try:
        reply = await redis.execute_command("EVALSHA", SHA, 0, *arguments)
    except NoScriptError:
        reply = await redis.execute_command("EVAL", SCRIPT, 0, *arguments)
    revision, is_new = reply
    return Published(int(revision), bool(is_new))
