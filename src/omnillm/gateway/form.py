"""A form with files, read as it arrives.

Its bytes go into a spool. Its fields become members, as of a JSON body; a file becomes a description, and its bytes stay in the spool.
"""

from hashlib import blake2b
from typing import Any, Final, Self

import msgspec

from omnillm.endpoints.forms import Opening, described
from omnillm.endpoints.shapes import misfit
from omnillm.errors import TooLarge
from omnillm.framing.multipart import MultipartReader, PartHead, PartPiece, read_boundary
from omnillm.protocols.protocol import Members
from omnillm.transport.spool import Spliced, Spool

FIELD_BYTES: Final = 1024 * 1024
"""Of all fields together: text, not files."""
LIST: Final = "[]"
"""A name that ends so may stand more than once."""


class Form:
    """`+=` takes what arrives. After `finish`, and not before, `members`, `digest` and `body` can be asked."""

    # fmt: off
    __slots__ = (
        "_digest", "_fields", "_head", "_opening", "_places", "_reader", "_room", "_spool", "_text", "content_type", "digest", "members",
    )
    # fmt: on

    def __init__(self, content_type: bytes) -> None:
        """BadRequest: it is no multipart/form-data."""
        self.content_type = content_type
        self._reader = MultipartReader(read_boundary(content_type.decode("latin-1")))
        self._spool = Spool()
        self._digest = blake2b(digest_size=32)
        self._room = FIELD_BYTES
        self._head: PartHead | None = None
        self._opening = Opening()
        """Of a file."""
        self._text = bytearray()
        """Of a field."""
        self._fields: dict[str, list[Any]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        """Where the content of a field lies."""
        self.members: Members = {}
        """The form as the members of a JSON object: a field is a string, a file its description."""
        self.digest = b""
        """Of all its bytes: stands for them where two calls are compared."""

    def __len__(self) -> int:
        return len(self._spool)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self._spool.held

    def __iadd__(self, piece: bytes) -> Self:
        self._spool += piece
        self._digest.update(piece)
        for event in self._reader.feed(piece):
            if isinstance(event, PartHead):
                self._begin(event)
            elif isinstance(event, PartPiece):
                self._take(event.content)
            else:
                self._end(event.end)
        return self

    def _begin(self, head: PartHead) -> None:
        name = head.name.removesuffix(LIST)
        if name in self._fields and name == head.name:
            raise misfit(name, "it stands twice in the form")
        self._head = head
        self._opening, self._text = Opening(), bytearray()

    def _take(self, piece: bytes) -> None:
        assert self._head is not None
        if self._head.filename is not None:
            self._opening.feed(piece)
            return
        self._room -= len(piece)
        if self._room < 0:
            raise TooLarge(f"The fields of the form are larger than {FIELD_BYTES} bytes.")
        self._text += piece

    def _end(self, end: int) -> None:
        head = self._head
        assert head is not None
        if head.filename is not None:
            value: Any = described(head.filename, head.content_type, end - head.start, self._opening.kept)
        else:
            self._places[head.name] = (head.start, end)
            try:
                value = self._text.decode()
            except UnicodeDecodeError as error:
                raise misfit(head.name, "it is not UTF-8") from error
        self._fields.setdefault(head.name.removesuffix(LIST), []).append((head.name.endswith(LIST), value))

    def finish(self) -> None:
        """The body is over. BadRequest: it is no whole form."""
        self._reader.finish()
        self.digest = self._digest.digest()
        for name, values in self._fields.items():
            whole: Any = [value for _, value in values] if any(is_list for is_list, _ in values) else values[0][1]
            self.members[name] = msgspec.Raw(msgspec.json.encode(whole))

    def body(self, model: str | None) -> Spool | Spliced:
        """What to send: as it came, but for its field `model` where another name is given."""
        place = self._places.get("model")
        return self._spool if model is None or place is None else Spliced(self._spool, *place, model.encode())
