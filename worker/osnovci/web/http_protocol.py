"""uvicorn's HTTP, with a bound for the head of a request, and for the trailers behind its body.

httptools has none: a single visitor with one endless header would fill a pod's memory, and hold up all
others, as what has come of a header is copied with each piece that comes.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MAX_BYTES = 65_536
"""As h11's, and twice what nginx takes."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _bounded: object = None
    """The request of which these are counted."""
    _unknown_bytes = 0
    """Of a head or of trailers that are not there whole, without the piece in which they began: that is
    what a socket gives at once."""
    _has_body = False
    """There was some of a body since that was looked at."""

    def data_received(self, data: bytes) -> None:
        """Hear a piece of requests; with nearly each begins another one."""
        before = self.scope
        super().data_received(data)
        if before is self.scope and before:
            self._bound(len(data))

    def on_body(self, body: bytes) -> None:
        """Hear a piece of a body, which is the application's to bound."""
        self._has_body = True
        super().on_body(body)

    def _bound(self, size: int) -> None:
        """End who sends one more piece of a request, and tells nothing by it for too long."""
        if self._bounded is not self.scope or self._has_body:
            self._bounded, self._unknown_bytes = self.scope, 0
        if self._has_body or self._is_whole():
            self._has_body = False
            return
        self._unknown_bytes += size
        if self._unknown_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head of a request has at most {HEAD_MAX_BYTES} bytes.")

    def _is_whole(self) -> bool:
        """Tell whether the request is there to its end; a head that is has told its method."""
        return "method" in self.scope and not (self.cycle and self.cycle.more_body)
