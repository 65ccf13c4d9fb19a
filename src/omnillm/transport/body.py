"""Replies that a provider compressed although it was asked not to. A few kilobytes can unpack to gigabytes, so each step has a limit."""

import zlib

from omnillm.errors import UpstreamLost
from omnillm.transport.limits import TransportLimits

STEP_BYTES = 262_144
"""The most that one step yields."""
RATIO_COUNTS_FROM_BYTES = 1_048_576
"""Short repetitive replies compress very well and hurt nobody."""
GZIP, ZLIB, RAW = 31, 15, -15
MOST_MEMBERS = 1_000
"""Of gzip, which joins files so: each is read by a machine of its own, and what follows it copied."""


class Inflater:
    """gzip (several members too) or deflate (with or without its zlib wrapper), step by step."""

    __slots__ = ("_input", "_is_wrapper_known", "_limits", "_machine", "_members", "_output", "_rest")

    def __init__(self, coding: bytes, *, limits: TransportLimits) -> None:
        self._is_wrapper_known = coding != b"deflate"
        self._machine = zlib.decompressobj(GZIP)
        self._limits = limits
        self._rest = b""
        self._input = 0
        self._output = 0
        self._members = 0

    @classmethod
    def for_reply(cls, headers: dict[bytes, bytes], *, limits: TransportLimits, is_error: bool = False) -> "Inflater | None":
        """Choose by `content-encoding`, and take from `headers` what is not true of the inflated body.

        A coding that is not known is refused at once; in an error only when its body is read, so that its status is told first.
        """
        coding = headers[b"content-encoding"].strip().lower()
        if not is_error and coding not in {b"gzip", b"x-gzip", b"deflate", b"identity", b""}:
            raise UpstreamLost("The provider compressed its reply in a way that nobody asked for.", code="upstream_encoding")
        del headers[b"content-encoding"]
        if coding in {b"identity", b""}:
            return None
        headers.pop(b"content-length", None)
        return cls(coding, limits=limits)

    def inflate(self, piece: bytes) -> bytes:
        """Take in a piece and yield the next step; call with an empty piece until nothing comes, then bring more."""
        self._input += len(piece)
        source = self._rest + piece
        if not self._is_wrapper_known:
            if len(source) < 2:
                self._rest = source
                return b""
            self._unwrap(source)
        try:
            output = self._step(source)
        except zlib.error as error:
            raise UpstreamLost("The provider's compressed reply is corrupt.") from error
        self._count(len(output))
        return output

    def finish(self) -> None:
        """The reply is complete: raise if its compressed body was cut short. A body of no bytes at all is whole."""
        if self._input and not self._machine.eof:
            raise UpstreamLost("The provider's compressed reply is cut short.")

    def _unwrap(self, source: bytes) -> None:
        # RFC 9110 8.4.1.2: deflate has the zlib wrapper, and some send it bare. RFC 1950 2.2 says how to tell the wrapper's two bytes.
        is_wrapped = source[0] & 15 == 8 and (source[0] << 8 | source[1]) % 31 == 0
        self._machine = zlib.decompressobj(ZLIB if is_wrapped else RAW)
        self._is_wrapper_known = True

    def _step(self, source: bytes) -> bytes:
        while True:
            if self._machine.eof and source:
                # A next member of gzip; after deflate, zlib will not take it for one.
                self._machine = zlib.decompressobj(GZIP)
                self._members += 1
            if self._members > MOST_MEMBERS:
                raise UpstreamLost("The provider's compressed reply has too many members.", code="upstream_too_large")
            output = self._machine.decompress(source, STEP_BYTES)
            source = self._rest = self._machine.unused_data or self._machine.unconsumed_tail
            if output or not source:
                return output

    def _count(self, size: int) -> None:
        self._output += size
        limits = self._limits
        is_bomb = self._output > RATIO_COUNTS_FROM_BYTES and self._output > self._input * limits.max_inflate_ratio
        if is_bomb or self._output > limits.max_inflated_bytes:
            raise UpstreamLost("The provider's compressed reply is too large.", code="upstream_too_large")
