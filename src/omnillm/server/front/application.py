"""What the front asks of the application that answers its requests."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from omnillm.errors import OmniError
from omnillm.server.front.requests import Request

if TYPE_CHECKING:
    from omnillm.server.front.reply import Reply


class Rendered(msgspec.Struct, frozen=True):
    """An error as a reply. `fields` are whole lines: `name: value`, each with its CR LF."""

    status: int
    fields: bytes
    body: bytes


class Application(Protocol):
    def open(self, request: Request) -> object:
        """Called at the end of the headers, before a byte of the body is taken: the context of the request, or an OmniError."""

    def is_current(self, context: object) -> bool:
        """Whether `open` would answer this context, which it called keepable, to its head now. Asked of every known head that comes."""

    def respond(self, request: Request, reply: "Reply") -> Coroutine[Any, Any, None]:
        """Answer: one task a request, cancelled at once when the client hangs up. An OmniError before the first byte becomes `problem`."""

    def problem(self, request: Request | None, error: OmniError) -> Rendered:
        """An error in the protocol that the path speaks. `request` is None when not even a head was readable."""
