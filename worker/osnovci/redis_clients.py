"""The clients of redis-py that the product makes. They try nothing twice: whoever calls does, when it is time.

After a failover, an old connection may still reach what was the primary, and be answered READONLY
for ever. These end it then, and the next command opens one to the new primary.

redis-py does not look whether an idle connection was closed where it expects notices of maintenance,
as asyncio's does by default: the first command on each would fail once Redis was restarted.
"""

from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


def for_threads(url: str, **options: Any) -> Redis:
    """Give a client for threads, with redis-py's options; raises ValueError where it is no URL."""
    # redis-py ends the connection before a retry, and here there is none.
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), retry_on_error=[ReadOnlyError], **options
    )


def for_asyncio(url: str, **options: Any) -> AsyncRedis:
    """Give the same for asyncio."""
    return AsyncRedis.from_url(
        url,
        retry=AsyncRetry(NoBackoff(), 0),
        retry_on_error=[ReadOnlyError],
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        **options,
    )
