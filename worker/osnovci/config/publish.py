"""The operator's end of the config channel."""

from redis.asyncio import Redis

from osnovci.app_contract import AppDocument, checksum, config_key
from osnovci.scripted import Script, run_async

SCRIPT = Script.read("osnovci.config", "publish")


async def publish(
    redis: Redis, namespace: str, document: AppDocument, above: int = 0, release: str = ""
) -> int:
    """Put a document where an app's pods find it; the same one again changes nothing. Give its revision.

    A new revision is greater than `above`, the last one that is known, so that a Redis which has
    lost its data gives none twice.
    """
    text = document.model_dump_json()
    key = config_key(namespace, document.app, release)
    return int(await run_async(redis, SCRIPT.call([0, key, checksum(text), text, above])))
