"""uvicorn's WebSocket protocol, with an eye on what no application sees: pings, pongs and pieces of messages."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

WITHIN_S = 10.0
_SLICE_BYTES = 4096  # of the smallest frames that is 682: so many are parsed at most before they are counted


def counted(frames_max: int) -> type[WebSocketsSansIOProtocol]:
    """A protocol that cuts off a socket with more frames of any kind in ten seconds.

    2 MB/s of empty pings would stall the process; also those of a socket whose close is under way.
    """

    class CountedFrames(WebSocketsSansIOProtocol):
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
            if self._counted > frames_max:
                self.transport.abort()
                return
            super().handle_events()

    return CountedFrames
