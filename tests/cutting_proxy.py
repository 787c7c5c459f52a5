"""A TCP proxy between a client and PostgreSQL that cuts both at a chosen word."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum


class Cut(Enum):
    """Where the connection ends once the client has sent the word."""

    BEFORE = "before the server gets it"
    AFTER = "after the server has done it and answered"


class CuttingProxy:
    """Forwards everything until a client sends the word; then, once, it cuts."""

    def __init__(self, server_port: int, word: bytes, cut: Cut) -> None:
        self.port = 0
        self.cuts = 0
        self._server_port = server_port
        self._word = word
        self._cut = cut

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        answers = asyncio.create_task(self._forward(from_server, writer))
        try:
            while data := await reader.read(65536):
                if self._word in data and not self.cuts:
                    self.cuts += 1
                    if self._cut is Cut.AFTER:
                        answers.cancel()
                        await asyncio.gather(answers, return_exceptions=True)
                        to_server.write(data)
                        assert await from_server.read(65536)
                    return
                to_server.write(data)
        except ConnectionError:
            return
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            writer.transport.abort()
            to_server.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.transport.abort()


@asynccontextmanager
async def cutting_proxy(server_port: int, word: bytes, cut: Cut) -> AsyncGenerator[CuttingProxy]:
    proxy = CuttingProxy(server_port, word, cut)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
