"""How an idle engine gets work, without ever taking a job out of its queue before it is leased.

`BLMOVE q q LEFT LEFT` waits for a list to have an element and puts it back where it was, in one
step: nothing is ever in nobody's hands. It works for whoever pushes, plain rq included. A turn
stands behind it and takes the job in the same moment. All else (priorities, a queue resumed, a job
cancelled) is told on a channel, which may lose a message: the engine also looks once a second.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import aclosing

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from osnovci.contract import key_prefix, resume_message
from osnovci.queues.client import Line
from osnovci.queues.engine.jobs import Kind
from osnovci.queues.engine.loop import Engine
from osnovci.queues.scripts import text

log = logging.getLogger(__name__)
BLOCK_SECONDS = 5
ANSWER_SECONDS = 5
# The loops here look at `draining` because redis-py may answer a cancellation with its own error.
AGAIN_SECONDS = 0.5
BLOCKED_SECONDS = 0.2


async def watch_queue(redis: Redis, namespace: str, queue: str, engine: Engine) -> None:
    """Let turns of an idle engine stand in Redis until the queue has a job."""
    key = f"rq:queue:{queue}"
    wait = ("BLMOVE", key, key, "LEFT", "LEFT", BLOCK_SECONDS)
    async with aclosing(Line(redis, namespace)) as line:
        while not engine.draining:
            await engine.idle.wait()
            if queue in engine.blocked:
                await asyncio.sleep(BLOCKED_SECONDS)
                continue
            turn, term = engine.standing()
            try:
                reply = await line.stand(wait, turn, BLOCK_SECONDS + ANSWER_SECONDS)
            except NoScriptError:
                # Redis has forgotten the scripts: a turn of the engine's own tells them anew
                engine.idle.clear()
                engine.wake.set()
            except (RedisError, OSError) as error:
                log.debug("cannot wait for %s: %s", queue, error)
                await asyncio.sleep(AGAIN_SECONDS)
                engine.wake.set()
            else:
                engine.stood(reply, term)


async def listen(redis: Redis, namespace: str, worker: str, engine: Engine) -> None:
    """Hear what is told to all workers, and to this one by rq's tools."""
    told, asked = f"{key_prefix(namespace)}wake", f"rq:pubsub:{worker}"
    resume = resume_message(worker)
    while not engine.draining:
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(told, asked)
                async for message in channel.listen():
                    if text(message["channel"]) == told:
                        if text(message["data"]) == resume:
                            engine.ask_to_drain(0)
                        _hear(text(message["data"]), engine)
                    else:
                        _obey(message["data"], engine)
        except (RedisError, OSError) as error:
            log.debug("cannot listen: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)


def _hear(message: str, engine: Engine) -> None:
    what, _, execution = message.partition(" ")
    if what == "cancel" and execution:
        engine.stop_execution(execution)
    engine.wake.set()


def _obey(message: bytes, engine: Engine) -> None:
    """Do what rq's send_stop_job_command and send_shutdown_command ask."""
    try:
        asked = json.loads(message)
        command, job_id = asked["command"], asked.get("job_id")
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    if command == "shutdown":
        engine.drain()
    elif command == "stop-job":
        for job in list(engine.held.values()):
            if job.id == job_id:
                engine.stop_execution(job.execution, "It was stopped on request.", Kind.REFUSED)


def watchers(
    redis: Redis, namespace: str, worker: str, queues: Sequence[str], engine: Engine
) -> list[asyncio.Task[None]]:
    """Start listening and watching."""
    work = [watch_queue(redis, namespace, queue, engine) for queue in queues]
    work.append(listen(redis, namespace, worker, engine))
    return [asyncio.create_task(each) for each in work]
