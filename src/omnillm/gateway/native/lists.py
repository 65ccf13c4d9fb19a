"""Lists of what a provider keeps: one key after the other, and of each only what the caller made.

A key's own list would hide what the caller made with the others, and show what other callers made with this one. So all keys are asked,
in their order, and what is not the caller's is left out. A page goes on where the last entry's key stands; where a provider pages by
tokens of its own (Gemini), the list comes whole.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from omnillm.errors import BadRequest, UpstreamLost
from omnillm.gateway.bindings import Bindings, Pin
from omnillm.gateway.call import Call
from omnillm.gateway.case import SUCCESS, Case
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.native.engine import NativeEngine
from omnillm.outcome import Outcome, Verdict
from omnillm.protocols.counts import UNREADABLE
from omnillm.providers.native_replies import Listing, id_member, list_member, listing, made

MOST_PAGES: Final = 50
"""The most pages of the provider's for one page of ours, beyond one for each key."""
MOST_BYTES: Final = 8 * 1024 * 1024
LARGEST_PAGE: Final = 100
PARTLY: Final = (b"if-", b"range")
"""Fields that ask for a page only if it has changed, or for part of it: the provider's page, which clients do not see."""
_page = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


class PageStart(msgspec.Struct, frozen=True):
    """Where a list goes on: with which key, and from where ("": its beginning)."""

    key: int
    cursor: str = ""


class NativeLists:
    def __init__(self, engine: NativeEngine, bindings: Bindings, labels: Mapping[str, tuple[str, ...]]) -> None:
        """`labels`: provider -> its keys, in order."""
        self._engine = engine
        self._bindings = bindings
        self._labels = labels

    async def serve(self, call: Call, ask: NativeAsk) -> tuple[Case, bytes]:
        """(the closed case, one page for the client)."""
        call = msgspec.structs.replace(call, headers={name: told for name, told in call.headers.items() if not name.startswith(PARTLY)})
        with self._engine.open(call, ask, "", None) as case:
            await self._engine.admit(case, is_free=True)
            body = await self._walk(case, ask)
            case.is_handed_over = True
            case.close(status=200, outcome=SUCCESS)
            return case, body

    async def _walk(self, case: Case, ask: NativeAsk) -> bytes:
        labels, how = self._labels[ask.provider], listing(ask.endpoint)
        start: PageStart | None = await self._start(ask, how, labels, caller=case.call.caller.name)
        kept: list[msgspec.Raw] = []
        for _ in range(MOST_PAGES + len(labels)):
            assert start is not None
            label = labels[start.key]
            page, name = await self._ask(case, ask, how, label, start.cursor)
            entries = _entries(page[name])
            kept += [entry async for entry in self._visible(case, ask, entries, label)]
            following = _following(page, how, entries, start, id_member(ask.endpoint))
            if following is None or (kept and not how.has_tokens):
                is_last = following is None and start.key + 1 >= len(labels)
                if is_last or following is not None:
                    return _written(page, name, kept, has_more=following is not None)
            start = following or PageStart(start.key + 1)
        raise UpstreamLost("The provider's list has too many pages.", code="upstream_too_large")

    async def _start(self, ask: NativeAsk, how: Listing, labels: tuple[str, ...], *, caller: str) -> PageStart:
        cursor = dict(parse_qsl(ask.query)).get(how.cursor, "")
        if not cursor:
            return PageStart(0)
        binding = None if how.has_tokens else await self._bindings.owner((ask.asked.operation.lists, cursor))
        if binding is not None and binding.key in labels and binding.caller == caller:
            return PageStart(labels.index(binding.key), cursor)
        if binding is None and not caller and len(labels) == 1:
            return PageStart(0, cursor)  # what was made elsewhere is nobody's, and shown to nobody else
        raise BadRequest(f"{how.cursor} names no page of this list.")

    async def _ask(self, case: Case, ask: NativeAsk, how: Listing, label: str, cursor: str) -> tuple[dict[str, msgspec.Raw], str]:
        """(a page as the provider wrote it, the member that holds its entries)."""
        replaced = {how.cursor, how.size} if how.has_tokens else {how.cursor}
        kept = [part for part in ask.query.split("&") if part and part.partition("=")[0] not in replaced]
        if how.has_tokens:
            kept.append(f"{how.size}={LARGEST_PAGE}")
        query = "&".join([*kept, *([f"{how.cursor}={quote(cursor, safe='')}"] if cursor else [])])
        case.pin = Pin(provider=ask.provider, key=label, is_must=True)
        exchange = await self._engine.send(case, msgspec.structs.replace(ask, query=query))
        body = await exchange.read_all(MOST_BYTES)
        case.end(Outcome(verdict=Verdict.SUCCESS), status=exchange.status)
        try:
            page = _page(body)
            name = list_member(ask.endpoint, ask.asked.operation)
            page.setdefault(name, msgspec.Raw(b"[]"))
            _entries(page[name])
        except UNREADABLE as error:
            raise UpstreamLost("The provider's list is none.", code="garbled_reply") from error
        return page, name

    async def _visible(self, case: Case, ask: NativeAsk, entries: list[msgspec.Raw], label: str) -> Any:
        member, kind, caller = id_member(ask.endpoint), ask.asked.operation.lists, case.call.caller.name
        for raw in entries:
            entry = msgspec.json.decode(raw)
            found = str(entry.get(member, "")) if isinstance(entry, dict) else ""
            binding = await self._bindings.owner((kind, found))
            is_own = not caller if binding is None else (binding.caller, binding.key) == (caller, label)
            if is_own:
                if caller:
                    await self._bind_results(case, ask, entry, label)
                yield raw

    async def _bind_results(self, case: Case, ask: NativeAsk, entry: object, label: str) -> None:
        """Bind a batch's result files to its owner, also where a list tells of them."""
        attempt, member = case.last_lease, id_member(ask.endpoint)
        fresh = [bound for bound in made(ask.asked.operation, entry, member) if await self._bindings.owner(bound) is None]
        if fresh and attempt.key == label:
            case.bind(attempt, tuple(fresh))


def _following(page: dict[str, msgspec.Raw], how: Listing, entries: list[msgspec.Raw], start: PageStart, member: str) -> PageStart | None:
    """Where this key's list goes on; None at its end."""
    if how.has_tokens:
        token = msgspec.json.decode(page.get("nextPageToken", msgspec.Raw(b'""')))
        return PageStart(start.key, token) if token else None
    has_more = bytes(page.get("has_more", msgspec.Raw(b"false"))) == b"true"
    last = msgspec.json.decode(entries[-1]).get(member) if entries else None
    return PageStart(start.key, last) if has_more and isinstance(last, str) else None


def _written(page: dict[str, msgspec.Raw], name: str, kept: list[msgspec.Raw], *, has_more: bool) -> bytes:
    """A page with the caller's entries, verbatim, and whether there is more."""
    changed: dict[str, Any] = {**page, name: kept}
    changed.pop("nextPageToken", None)
    if "has_more" in page:
        ids = list(_ids(kept))
        changed["has_more"] = has_more
        changed |= {each: (found[0] if found else None) for each, found in (("first_id", ids[:1]), ("last_id", ids[-1:])) if each in page}
    return msgspec.json.encode(changed)


def _ids(entries: list[msgspec.Raw]) -> Iterator[str]:
    for raw in entries:
        yield msgspec.json.decode(raw)["id"]
