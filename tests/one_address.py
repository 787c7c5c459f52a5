"""One address for several servers, as a Service or a virtual address is: it leads to one of them."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


class OneAddress:
    """A TCP proxy in a thread of its own; who is connected as it is switched is cut."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.WriteTransport] = set()
        self._server: asyncio.Server | None = None

    def switch(self, server_port: int) -> None:
        """Lead to another server from now on."""
        asyncio.run_coroutine_threadsafe(self._switch(server_port), self._loop).result()

    def run(self) -> None:
        """Serve until `stop`; runs in the thread."""
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def open(self) -> None:
        """Take a free port."""
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _switch(self, server_port: int) -> None:
        self._server_port = server_port
        for each in list(self._open):
            each.abort()

    async def _end(self) -> None:
        assert self._server
        self._server.close()
        await self._switch(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer.transport)
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._server_port)
            self._open.add(ours.transport)
            await asyncio.gather(_forward(reader, ours), _forward(theirs, writer))
            self._open.discard(ours.transport)
        except OSError:
            writer.transport.abort()
        finally:
            self._open.discard(writer.transport)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, and then the end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.transport.abort()


@contextmanager
def one_address(server_port: int) -> Generator[OneAddress]:
    """Lead to a server for the time of the block."""
    address = OneAddress(server_port)
    address.open()
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(address.run)
        try:
            yield address
        finally:
            address.stop()
            served.result(timeout=10)
