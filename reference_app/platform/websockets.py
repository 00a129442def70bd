"""uvicorn's WebSocket protocol, with an eye on what no application sees: pings, pongs and pieces of messages."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FRAMES_MAX, WITHIN_S = 1000, 10.0  # whoever sends messages at such a rate was told off long before
_SLICE_BYTES = 4096  # of the smallest frames that is 682: so many are parsed at most before they are counted


class CountedFrames(WebSocketsSansIOProtocol):
    """A socket that sends too many frames of any kind is cut off: 2 MB/s of empty pings would stall the process.

    Also after it was closed, while its own close frame is waited for.
    """

    __slots__ = ("_counted", "_window_ends_s")  # 10,000 idle sockets have one each

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._counted, self._window_ends_s = 0, 0.0

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE_BYTES])

    def handle_events(self) -> None:
        now_s = self.loop.time()
        if now_s >= self._window_ends_s:
            self._counted, self._window_ends_s = 0, now_s + WITHIN_S
        self._counted += len(self.conn.events)
        if self._counted > FRAMES_MAX:
            self.transport.abort()
            return
        super().handle_events()
