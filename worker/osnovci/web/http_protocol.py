"""uvicorn's HTTP, with a bound for the head of a request.

httptools has none: a single visitor with one endless header would fill a pod's memory, and hold up all
others, as what has come of a header is copied with each piece that comes.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX_BYTES = 65_536
"""As h11's, and twice what nginx takes."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    """Of a head that is not there whole, without the piece that it began in, which the socket bounds."""

    def data_received(self, data: bytes) -> None:
        """Hear a piece of requests."""
        before = self.scope
        super().data_received(data)
        # A head that is whole has told its method.
        if not before or before is not self.scope or "method" in before:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head of a request has at most {HEAD_MAX_BYTES} bytes.")
