"""Lists at paths that the configuration adds, without the objects of other virtual keys. Objects that nobody here made are shown to all."""

from typing import Any, Final

import msgspec

from omnillm.gateway.bindings import Bindings
from omnillm.protocols.counts import UNREADABLE

_page: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
NO: Final = b"false"


async def without_others(body: bytes, bindings: Bindings, caller: str, *, kind: str, member: str) -> bytes:
    """A reply without the entries of its lists that another caller made. `member`: the member that names an entry."""
    is_list = body.lstrip()[:1] == b"["
    try:
        page: dict[str, Any] = dict(_page(b'{"data":%b}' % body if is_list else body))
    except UNREADABLE:
        return body
    is_changed = False
    for name, raw in tuple(page.items()):
        entries = _entries(raw)
        kept = [entry for entry in entries if await _is_shown(entry, bindings, caller, (kind, member))]
        if len(kept) < len(entries):
            page[name], is_changed = kept, True
            page |= _ends(page, kept, member)
    return msgspec.json.encode(page["data"] if is_list else page) if is_changed else body


def _ends(page: dict[str, Any], kept: list[msgspec.Raw], member: str) -> dict[str, str | None]:
    """Its first and last entry, where it names them. Where nothing is kept of it, the last one stays if the next page begins behind it."""
    ends = {name: _name(kept[at], member) if kept else None for name, at in (("first_id", 0), ("last_id", -1)) if name in page}
    if not kept and bytes(page.get("has_more", NO)) != NO:
        ends.pop("last_id", None)
    return ends


def _entries(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The entries of a member that is a list."""
    return msgspec.json.decode(raw, type=list[msgspec.Raw]) if bytes(raw).startswith(b"[") else []


async def _is_shown(raw: msgspec.Raw, bindings: Bindings, caller: str, named: tuple[str, str]) -> bool:
    kind, member = named
    name = _name(raw, member)
    binding = None if name is None else await bindings.owner((kind, name.rpartition("/")[2]))
    return binding is None or binding.caller == caller


def _name(raw: msgspec.Raw, member: str) -> str | None:
    """What names an entry; None: nothing does."""
    entry = msgspec.json.decode(raw)
    name = entry.get(member) if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None
