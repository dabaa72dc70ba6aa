"""Collects the body of an answer and undoes its content codings (gzip, deflate), in bounded memory. No I/O.

We ask for no coding (``Accept-Encoding: identity``), but some hosts pack their answers anyway, and object storages
name codings that are none (``aws-chunked``). So the content decides: what does not begin as the coding does is passed
on as it is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from email.utils import formatdate

from airflow_provider_orux.gateways.wire import HttpResponse

#: Largest piece of unpacked content, in bytes.
PIECE = 64 * 1024
#: Codings that are undone at most, one inside the other.
MOST_LAYERS = 3
#: Codings of HTTP that nothing here undoes. Any other unknown name is no coding.
UNKNOWN_CODINGS = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")
#: How many times its packed size an answer may have, in any case ``SMALL`` bytes: JSON packs to a tenth.
MOST_PACKED = 64
SMALL = 1024 * 1024
#: Pieces in which a body may arrive, and bytes that allow one more: each costs as much time as a kilobyte.
MOST_PIECES = 20_000
PIECE_BYTES = 64
_GZIP = b"\x1f\x8b"
_FRAME = re.compile(rb"(?:\r\n)?([0-9a-fA-F]{1,8})(?:;chunk-signature=[0-9a-fA-F]{64})?\r\n")
#: The start of content that is in no frame.
_NO_FRAME = re.compile(rb"(?![0-9a-fA-F]{1,8}(?:[\r;]|$))")
_LONGEST_FRAME_HEAD = 100


class BrokenEncodingError(ValueError):
    """The content begins as its coding does, and goes wrong later."""


class Decoder:
    """Undoes the codings that a ``Content-Encoding`` header names.

    :param encoding: the header; empty: none.
    """

    def __init__(self, encoding: str) -> None:
        names = [name.strip().lower() for name in encoding.split(",")]
        known = [name for name in names if name in ("gzip", "x-gzip", "deflate", "aws-chunked")]
        #: A coding that is not undone; None: there is none.
        self.undecoded = next((name for name in names if name in UNKNOWN_CODINGS), None)
        # The last one named is the outermost.
        self._layers: list[_Layer | _Frames] = [
            _Frames() if name == "aws-chunked" else _Layer(name) for name in known[::-1][:MOST_LAYERS]
        ]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content of the next bytes, in pieces of at most ``PIECE`` bytes where a coding is undone.

        :raises BrokenEncodingError: see there.
        """
        return self._through(data, last=False)

    def finish(self) -> Iterator[bytes]:
        """What was still held back when the answer ended. Whether it is complete, the content itself decides."""
        return self._through(b"", last=True)

    def _through(self, data: bytes, *, last: bool) -> Iterator[bytes]:
        pieces: Iterable[bytes] = (data,)
        for layer in self._layers:
            pieces = layer.unpack(pieces, last=last)
        return iter(pieces)


class _Layer:
    """One coding."""

    def __init__(self, name: str) -> None:
        self._gzip = name != "deflate"
        self._start: bytes | None = b""  # what came before it was clear what this is; None: it is clear
        self._unpacker: zlib._Decompress | None = None
        self._ended = False

    def unpack(self, pieces: Iterable[bytes], *, last: bool) -> Iterator[bytes]:
        for piece in pieces:
            if piece:
                yield from self._feed(piece)
        if not last:
            return
        if self._start:
            yield self._start

    def _feed(self, data: bytes) -> Iterator[bytes]:
        if self._ended:
            return
        if self._start is not None:
            data = self._start + data
            if len(data) < 2:
                self._start = data
                return
            self._start = None
            self._unpacker = self._unpacker_for(data)
        if self._unpacker is None:
            yield data
            return
        while True:
            try:
                piece = self._unpacker.decompress(data, PIECE)
            except zlib.error as e:
                raise BrokenEncodingError(f"the packed content is broken ({e})") from None
            if piece:
                yield piece
            data = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                data = self._unpacker.unused_data
                if not (self._gzip and data.startswith(_GZIP)):
                    self._ended = True  # what follows belongs to nothing
                    return
                self._unpacker = zlib.decompressobj(31)  # gzip may have several members
            elif not data and len(piece) < PIECE:
                return

    def _unpacker_for(self, data: bytes) -> zlib._Decompress | None:
        if self._gzip:
            return zlib.decompressobj(31) if data.startswith(_GZIP) else None
        if data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0:
            return zlib.decompressobj(15)
        if 32 <= data[0] < 127 or data[0] in b"\t\r\n":
            return None  # text, and the start of many a file
        raw = zlib.decompressobj(-15)
        try:
            raw.decompress(data, PIECE)
        except zlib.error:
            return None
        return zlib.decompressobj(-15)


class _Frames:
    """The frames of ``aws-chunked``. They belong to an upload; some storages keep them as if they were content."""

    def __init__(self) -> None:
        self._held = b""
        self._framed: bool | None = None  # None: it is not clear yet
        self._left = 0  # bytes of the frame at hand
        self._ended = False

    def unpack(self, pieces: Iterable[bytes], *, last: bool) -> Iterator[bytes]:
        for piece in pieces:
            if self._framed is False:
                yield piece
            elif not self._ended:
                self._held += piece
                yield from self._frames()
        if last and self._framed is None and self._held:
            yield self._held

    def _frames(self) -> Iterator[bytes]:
        while self._held and not self._ended:
            if self._left:
                piece, self._held = self._held[: self._left], self._held[self._left :]
                self._left -= len(piece)
                yield piece
                continue
            head = _FRAME.match(self._held)
            if head is not None:
                self._framed = True
                self._left, self._held = int(head[1], 16), self._held[head.end() :]
                self._ended = self._left == 0
            elif (self._framed is None and _NO_FRAME.match(self._held)) or len(
                self._held
            ) > _LONGEST_FRAME_HEAD:
                if self._framed:
                    raise BrokenEncodingError("the frames of the content are broken")
                self._framed = False
                yield self._held
                return
            else:
                return  # more is needed


class BoundedBody:
    """The body of an answer, as far as it may be read.

    :param encoding: the ``Content-Encoding`` header; empty: none.
    :param max_bytes: longest body, after unpacking; of a longer one the first part is kept.
    """

    def __init__(self, encoding: str, *, max_bytes: int) -> None:
        self.truncated = False
        self._decoder = Decoder(encoding)
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = self._arrived = self._pieces = 0

    def add(self, data: bytes) -> bool:
        """Add what arrived; False if no more is wanted.

        :raises BrokenEncodingError: see there.
        """
        self._arrived += len(data)
        self._pieces += 1
        if self._pieces > MOST_PIECES + self._arrived // PIECE_BYTES:
            self.truncated = True
        return not self.truncated and self._take(self._decoder.feed(data))

    def response(self, status: int, headers: Mapping[str, str], *, secret: str | None) -> HttpResponse:
        """The whole answer as a plain value.

        :param secret: the key, which is blanked out of it.
        """
        if not self.truncated:
            self._take(self._decoder.finish())
        # As RFC 9110 has it, a recipient with a clock adds a missing date.
        dated = {"date": formatdate(usegmt=True), **{name.lower(): text for name, text in headers.items()}}
        return HttpResponse(status, dated, b"".join(self._parts), self.truncated).without(secret)

    def _take(self, pieces: Iterator[bytes]) -> bool:
        for piece in pieces:
            most = self._max_bytes
            if len(piece) + self._size > self._arrived:
                most = min(most, max(SMALL, MOST_PACKED * self._arrived))
            room = most - self._size
            self._parts.append(piece[:room])
            self._size += len(self._parts[-1])
            if len(piece) > room:
                self.truncated = True
                return False
        return True
