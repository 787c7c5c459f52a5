"""The operator's end of the config channel."""

from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from osnovci.app_contract import AppDocument, checksum, config_key

SCRIPT = files("osnovci.config").joinpath("publish.lua").read_text()
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""The name by which Redis knows the script."""


async def publish(
    redis: Redis, namespace: str, document: AppDocument, above: int = 0, release: str = ""
) -> int:
    """Put a document where an app's pods find it; the same one again changes nothing. Give its revision.

    A new revision is greater than `above`, the last one that is known, so that a Redis which has
    lost its data gives none twice.
    """
    text = document.model_dump_json()
    arguments = [config_key(namespace, document.app, release), checksum(text), text, above]
    reply: Any
    try:
        reply = await redis.execute_command("EVALSHA", SHA, 0, *arguments)
    except NoScriptError:
        reply = await redis.execute_command("EVAL", SCRIPT, 0, *arguments)
    return int(reply)
