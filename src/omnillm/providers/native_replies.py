"""What replies to native operations tell: the objects that were made, and how a list is paged."""

from collections.abc import Iterator
from typing import Final

import msgspec

from omnillm.protocols.bound import COMPACTION, FILE, encrypted_in
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT
from omnillm.providers.batches import result_files
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import BATCH, UNLISTED, Operation

DEFAULT_SIZE: Final = 20


def id_member(endpoint: Endpoint) -> str:
    return "name" if GEMINI_GENERATE_CONTENT in endpoint.protocols else "id"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider pages its lists: by the ids of entries, by tokens of its own, or (Anthropic) some so and some so.

    All are names of parameters, but for `next_page`; "": there is no such.
    """

    after: str = ""
    """The id of the entry behind which a page begins."""
    before: str = ""
    """That of the one before which it ends. Such a page has `DEFAULT_SIZE` entries at most, unless another size is asked for."""
    page: str = ""
    """The token of the page that is asked for."""
    next_page: str = ""
    """The member of a page that has the token of the next one."""
    ids: str = ""
    """The only entries that are asked for. They come in one page, of which no size is asked for."""
    size: str = "limit"


def list_member(endpoint: Endpoint, operation: Operation) -> str:
    """The member of a list's page that holds its entries."""
    if GEMINI_GENERATE_CONTENT not in endpoint.protocols:
        return "data"
    return "operations" if operation.lists == BATCH else operation.path.rpartition("/")[2]


def listing(endpoint: Endpoint) -> Listing:
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        return Listing(page="pageToken", next_page="nextPageToken", size="pageSize")
    if ANTHROPIC_MESSAGES in endpoint.protocols:
        return Listing(after="after_id", before="before_id", page="page", next_page="next_page", ids="ids")
    return Listing(after="after")


def made(operation: Operation, reply: object, member: str) -> Iterator[tuple[str, str]]:
    """(kind, id) of what a decoded reply made, or names as made by what the caller owns: an upload's file, a batch's results."""
    if not isinstance(reply, dict):
        return
    if operation.makes == COMPACTION:
        yield from encrypted_in(reply.get("output"))
        return
    is_unlisted = operation.family == UNLISTED
    is_made = bool(operation.makes) and not (is_unlisted and "usage" in reply)  # what was used up is kept nowhere
    told = [(operation.makes, reply.get(member))] if is_made else []
    if is_unlisted:
        told = [(kind, name.rpartition("/")[2]) for kind, name in told if isinstance(name, str)]  # as it stands in a path, in one segment
    if operation.family == "batches":
        told += [(FILE, file) for file in result_files(reply)]
    file = reply.get("file") if operation.method == "POST" else None  # what is read back is anybody's words, a file's content among them
    if operation.family in {"files", "uploads"} and isinstance(file, dict):
        told.append((FILE, file.get(member)))
    yield from ((kind, found) for kind, found in told if isinstance(found, str) and found)
