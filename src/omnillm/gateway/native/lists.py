"""Lists of a provider's objects, put together from all of its keys, with only those objects that the caller made.

The list of one key lacks what the caller made with other keys, and shows what other callers made with this one. So all keys are asked in
order, and what is not the caller's is left out. A page goes on at the key of the last entry. If a provider pages by tokens of its own
(Gemini, and Anthropic's files), the list comes whole.
"""

from collections.abc import AsyncIterator, Mapping
from sys import maxsize
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from omnillm.errors import BadRequest, UpstreamLost
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call
from omnillm.gateway.case import SUCCESS, Case
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.native.dispatch import NativeDispatch
from omnillm.protocols.counts import UNREADABLE
from omnillm.providers.native_replies import DEFAULT_SIZE, Listing, id_member, list_member, listing, made

MOST_PAGES: Final = 50
"""The most pages of the provider's for one page of ours, beyond one for each key."""
MOST_BYTES: Final = 8 * 1024 * 1024
LARGEST_PAGE: Final = 100
LONGEST_SIZE: Final = 9
"""Digits of a size that are read."""
MOST_PARAMETERS: Final = 100
"""Of a query, which is read for each of the few that mean something here."""
PARTLY: Final = (b"if-", b"range")
"""Fields that ask for a page only if it has changed, or for part of it: the provider's page, which clients do not see."""
NO_TOKEN: Final = msgspec.Raw(b'""')
Entry = tuple[msgspec.Raw, dict[str, Any]]
"""As its provider wrote it, and read."""
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_verbatim = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read = msgspec.json.Decoder(list[dict[str, Any]]).decode
_text = msgspec.json.Decoder(str | None).decode


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a key's own list."""

    members: dict[str, msgspec.Raw]
    name: str
    """Of the member that holds the entries."""
    entries: list[Entry]
    has_tokens: bool
    """Pages of this list are told by tokens of the provider's own."""
    token: str
    """Of the next page."""

    @classmethod
    def read(cls, body: bytes, name: str, how: Listing) -> "Page":
        """UpstreamLost: it is no page of a list."""
        try:
            members = _members(body)
            entries = bytes(members.setdefault(name, msgspec.Raw(b"[]")))
            token = _text(members.get(how.next_page, NO_TOKEN)) if how.next_page else None
            return cls(
                members=members,
                name=name,
                entries=list(zip(_verbatim(entries), _read(entries), strict=True)),
                has_tokens=how.next_page in members or not how.after,
                token=token or "",
            )
        except UNREADABLE as error:
            raise UpstreamLost("The provider's list is none.", code="garbled_reply") from error


class PageStart(msgspec.Struct, frozen=True):
    """Where a list goes on: with which key, and from where ("": its beginning), which is told by the parameter `by`."""

    key: int
    cursor: str = ""
    by: str = ""


class NativeLists:
    def __init__(self, dispatch: NativeDispatch, labels: Mapping[str, tuple[str, ...]]) -> None:
        """`labels`: provider -> its keys, in order."""
        self._dispatch = dispatch
        self._bindings = dispatch.settlement.bindings
        self._labels = labels

    async def serve(self, call: Call, ask: NativeAsk) -> tuple[Case, bytes]:
        """(the closed case, one page for the client). BadRequest: the query has more parameters than any list takes."""
        if ask.query.count("&") >= MOST_PARAMETERS:
            raise BadRequest(f"The query has more than {MOST_PARAMETERS} parameters.")
        call = msgspec.structs.replace(call, headers={name: told for name, told in call.headers.items() if not name.startswith(PARTLY)})
        with self._dispatch.open(call, ask, "", None) as case:
            await case.settlement.admit(case, is_free=True)
            body = await self._walk(case, ask)
            case.close(status=200, outcome=SUCCESS)
            return case, body

    async def _walk(self, case: Case, ask: NativeAsk) -> bytes:
        labels, how = self._labels[ask.provider], listing(ask.endpoint)
        if before := _parameter(ask, how.before):
            return await self._walk_up_to(before, case, ask, how)
        most = _most_wanted(ask, how)
        start: PageStart | None = await self._start(ask, how, labels, caller=case.call.caller.name)
        kept: list[Entry] = []
        for _ in range(MOST_PAGES + len(labels)):
            assert start is not None
            label = labels[start.key]
            page = await self._ask(case, ask, how, label, start)
            kept += [entry async for entry in self._visible(case, ask, page, label)]
            following = _following(page, how, start, id_member(ask.endpoint))
            if page.has_tokens:
                most = maxsize
            if following is None or (kept and not page.has_tokens):
                is_last = following is None and start.key + 1 >= len(labels)
                if is_last or following is not None:
                    return _written(page, kept[:most], has_more=following is not None or len(kept) > most)
            start = following or PageStart(start.key + 1)
        raise UpstreamLost("The provider's list has too many pages.", code="upstream_too_large")

    async def _walk_up_to(self, before: str, case: Case, ask: NativeAsk, how: Listing) -> bytes:
        """The page that ends where an entry stands. Nobody can begin at the end of a key's list, so it is looked for from the beginning."""
        labels, member = self._labels[ask.provider], id_member(ask.endpoint)
        most = min(_most_wanted(ask, how), LARGEST_PAGE) if _parameter(ask, how.size) else DEFAULT_SIZE
        start, kept = PageStart(0), list[Entry]()
        for _ in range(MOST_PAGES + len(labels)):
            label = labels[start.key]
            page = await self._ask(case, ask, how, label, start)
            async for entry in self._visible(case, ask, page, label):
                if entry[1].get(member) == before:
                    return _written(page, kept[-most:], has_more=len(kept) > most)
                kept.append(entry)
            start = _following(page, how, start, member) or PageStart(start.key + 1)
            if start.key >= len(labels):
                raise BadRequest(f"{how.before} names no page of this list.")
        raise UpstreamLost("The provider's list has too many pages.", code="upstream_too_large")

    async def _start(self, ask: NativeAsk, how: Listing, labels: tuple[str, ...], *, caller: str) -> PageStart:
        by = next((each for each in (how.after, how.page) if _parameter(ask, each)), "")
        if not by:
            return PageStart(0)
        cursor = _parameter(ask, by)
        binding = await self._bindings.owner((ask.asked.operation.lists, cursor)) if by == how.after else None
        if binding is not None and binding.key in labels and binding.caller == caller:
            return PageStart(labels.index(binding.key), cursor, by)
        if binding is None and not caller and len(labels) == 1:
            return PageStart(0, cursor, by)  # what was made elsewhere is nobody's, and shown to nobody else
        raise BadRequest(f"{by} names no page of this list.")

    async def _ask(self, case: Case, ask: NativeAsk, how: Listing, label: str, start: PageStart) -> Page:
        """A page of a key's own list, as long as may be: most of a small one may be other callers' entries."""
        has_size = not any(name.removesuffix("[]") == how.ids for name, _ in parse_qsl(ask.query))
        is_grown = has_size and (not how.after or _most_wanted(ask, how) < LARGEST_PAGE)
        replaced = {how.after, how.before, how.page} | ({how.size} if is_grown else set())
        kept = [part for part in ask.query.split("&") if part and part.partition("=")[0] not in replaced]
        if is_grown:
            kept.append(f"{how.size}={LARGEST_PAGE}")
        query = "&".join([*kept, *([f"{start.by}={quote(start.cursor, safe='')}"] if start.by else [])])
        case.pin = Pin(provider=ask.provider, key=label, is_must=True)
        body = await self._dispatch.fetch(case, msgspec.structs.replace(ask, query=query), MOST_BYTES)
        return Page.read(body, list_member(ask.endpoint, ask.asked.operation), how)

    async def _visible(self, case: Case, ask: NativeAsk, page: Page, label: str) -> AsyncIterator[Entry]:
        member, kind, caller = id_member(ask.endpoint), ask.asked.operation.lists, case.call.caller.name
        owners = await self._bindings.owners(kind, [str(entry.get(member, "")) for _, entry in page.entries])
        for raw, entry in page.entries:
            binding = owners.get(str(entry.get(member, "")))
            is_own = not caller if binding is None else (binding.caller, binding.key) == (caller, label)
            if is_own:
                if caller:
                    await self._bind_results(case, ask, entry)
                yield raw, entry

    async def _bind_results(self, case: Case, ask: NativeAsk, entry: object) -> None:
        """Bind a batch's result files to its owner, also where a list tells of them."""
        told = made(ask.asked.operation, entry, id_member(ask.endpoint))
        fresh = [bound for bound in told if await self._bindings.owner(bound) is None]
        if fresh:
            case.bind(case.last_lease, tuple(fresh))


def _parameter(ask: NativeAsk, name: str) -> str:
    """Of the query; "": it is not there, or there is no such."""
    return dict(parse_qsl(ask.query)).get(name, "") if name else ""


def _most_wanted(ask: NativeAsk, how: Listing) -> int:
    """How many entries a page for the client has at most. A size that is none is the provider's to refuse."""
    size = _parameter(ask, how.size)
    is_read = how.after and size.isascii() and size.isdigit() and len(size) <= LONGEST_SIZE
    return int(size) if is_read and 0 < int(size) < LARGEST_PAGE else maxsize


def _following(page: Page, how: Listing, start: PageStart, member: str) -> PageStart | None:
    """Where this key's list goes on; None at its end."""
    if page.has_tokens:
        return PageStart(start.key, page.token, how.page) if page.token else None
    has_more = bytes(page.members.get("has_more", msgspec.Raw(b"false"))) == b"true"
    last = page.entries[-1][1].get(member) if page.entries else None
    return PageStart(start.key, last, how.after) if has_more and isinstance(last, str) else None


def _written(page: Page, kept: list[Entry], *, has_more: bool) -> bytes:
    """A page with the caller's entries, verbatim, and whether there is more."""
    changed: dict[str, Any] = {**page.members, page.name: [raw for raw, _ in kept]}
    changed.pop("nextPageToken", None)
    if "next_page" in changed:
        changed["next_page"] = None
    if "has_more" in changed:
        changed["has_more"] = has_more
    changed |= {each: kept[at][1].get("id") if kept else None for each, at in (("first_id", 0), ("last_id", -1)) if each in changed}
    return msgspec.json.encode(changed)
