"""A head that comes again is known for the same one, on whichever connection, and never for more than that."""

import time
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omnillm.errors import BadRequest, OmniError
from omnillm.server.front.bounded_table import BoundedTable, Entry
from omnillm.server.front.crowd import FrontLimits
from omnillm.server.front.head import frame, read_head
from omnillm.server.front.head_reader import HeadReader
from omnillm.server.front.known_heads import HALF, LONGEST, KnownHeads

FIELDS = b"host: x\r\nauthorization: Bearer sk-a\r\n"
LENGTHS = (
    "0",
    "5",
    "12",
    "99999",
    "005",
    "",
    "+5",
    "-5",
    "5, 5",
    "5 ",
    "0x5",
    "5\r\nx: y",
    "5\r\ncontent-length: 6",
    "\u0665",
    "9" * 16,
    "9" * 30,
)
NAMES = (b"content-length: ", b"Content-Length: ", b"CONTENT-LENGTH:", b"content-length:  ")


def head(length: str, *, name: bytes = NAMES[0], fields: bytes = FIELDS, behind: bytes = b"accept: */*\r\n") -> bytes:
    return b"POST /v1/chat HTTP/1.1\r\n" + fields + name + length.encode() + b"\r\n" + behind + b"\r\n"


def read(raw: bytes):
    request = read_head(raw, peer="", most_fields=100)
    frame(request)
    request.context = "what it led to"
    return request


def told(request):
    return (
        request.method,
        request.path,
        request.http_minor,
        request.length,
        request.is_last,
        request.expects_continue,
        request.context,
        request.trace,
    )


def keep(heads: KnownHeads, raw: bytes):
    """What the connection that brought it knows from then on."""
    sighting = heads.find(raw)
    return None if sighting is None else heads.keep(sighting, read(raw))


def find(heads: KnownHeads, raw: bytes):
    """The request as another connection knows it."""
    sighting = heads.find(raw)
    return None if sighting is None else sighting.request


def told_twice(raw: bytes) -> KnownHeads:
    heads = KnownHeads(longest=65536)
    for _ in range(2):
        keep(heads, raw)
    return heads


def again(first: bytes, second: bytes):
    """What the connection that brought `first` and what another one knows of `second`: the same."""
    heads = told_twice(first)
    own, theirs = keep(heads, first), find(heads, second)
    mine = None if own is None else own.match(second)
    assert (mine is None) == (theirs is None)
    assert mine is None or told(mine) == told(theirs)
    return mine


class Front:
    """An application that says of a head what it says, and how often it was asked to read one."""

    limits = FrontLimits()

    def __init__(self):
        self.application = self
        self.heads = KnownHeads(longest=65536)
        self.revoked = set()
        self.opened = 0

    def open(self, request):
        self.opened += 1
        request.is_keepable = True
        return request.headers[b"x-api-key"]

    def is_current(self, context):
        return context is not None and context not in self.revoked


CALLERS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.sampled_from(["0", "7", "123"]), st.booleans()), max_size=40)


@given(CALLERS)
def test_connections_whose_caller_changes_lead_each_call_to_its_own(calls):
    """In any order, on two connections, with keys that are revoked in between: each head leads to its caller, and is read where it must be."""
    front = Front()
    readers = [HeadReader(front, "") for _ in range(2)]
    times_read = [0, 0, 0]
    for caller, connection, length, is_revoked in calls:
        if is_revoked:
            front.revoked ^= {b"sk-%d" % caller}
        raw = head(length, fields=b"host: x\r\nx-api-key: sk-%d\r\n" % caller)
        before, body = front.opened, b"b" * int(length)
        request = readers[connection].feed(raw + body)
        assert (request.context, request.length, readers[connection].input) == (b"sk-%d" % caller, int(length), body)
        readers[connection].input = b""
        is_read = front.opened > before
        if b"sk-%d" % caller in front.revoked:
            assert is_read, "whether it is current is asked each time"
        else:
            assert not (is_read and times_read[caller] >= 2)
        times_read[caller] += is_read


@given(st.sampled_from(NAMES), st.sampled_from(LENGTHS), st.sampled_from((FIELDS, FIELDS[:-3] + b"b\r\n")))
@example(NAMES[0], "5", FIELDS)
def test_it_is_what_it_would_have_been_read_as(name, length, fields):
    """Any second head: the request that reading it anew makes, or none; one that is refused is never known."""
    second = head(length, name=name, fields=fields)
    found = again(head("7", name=name), second)
    try:
        expected = read(second)
    except OmniError:
        assert found is None
    else:
        assert found is None or told(found) == told(expected)


@pytest.mark.parametrize("fields", [b"connection: close\r\n", b"expect: 100-continue\r\n", b""])
def test_another_length_is_the_same_head(fields):
    """And what it led to is the same; so are the ends of the connection and of the wait for a body."""
    first = head("7", fields=FIELDS + fields)
    second = again(first, head("12345", fields=FIELDS + fields))
    assert told(second) == told(read(head("12345", fields=FIELDS + fields)))
    assert second.context is read(first).context


SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b%d-01"
PARENTS = (
    "",
    f"traceparent: {SPAN}",
    f"Traceparent: {SPAN}",
    f"traceparent: {SPAN}-more",
    f"traceparent:{SPAN}",
    f"traceparent: {SPAN} ",
    f"traceparent: {SPAN}\r\ntraceparent: {SPAN % 9}",
    f"traceparent: {SPAN}\r\nTraceparent:{SPAN}",
    f"traceparent: {SPAN.replace('b', 'B')}",
    f"traceparent: {SPAN}\nx: y",
    f"traceparent: {SPAN}\r\n content-length: 9",
)
STATES = (
    "",
    "tracestate: dd=p:%d",
    "Tracestate: dd=p:%d;s:1,ot=th:8",
    "tracestate:dd=%d",
    "tracestate: ",
    "tracestate: dd=%d ",
    "tracestate: dd=%d\r\ntracestate: ot=6",
    "tracestate: dd=%d\x00",
    "tracestate: dd=%d\x80",
    "tracestate: traceparent: %d",
)


def traced(parent: str, state: str, number: int, *, is_before: bool) -> bytes:
    fields = "".join(f"{field}\r\n" for field in (parent, state) if field).replace("%d", str(number)).encode("latin-1")
    return head("7", fields=FIELDS + fields * is_before, behind=b"accept: */*\r\n" + fields * (not is_before))


def test_a_trace_is_what_it_would_have_been_read_as():
    """Whatever a client says of its trace, before the length or behind it, and however it spells that: known or read, it is the same."""
    known = []
    for parent, state, is_before in product(PARENTS, STATES, (True, False)):
        raws = [traced(parent, state, number, is_before=is_before) for number in range(3)]
        heads = KnownHeads(longest=65536)
        try:
            for raw in (*raws[:2], raws[1]):
                keep(heads, raw)
            expected = [read(raw) for raw in raws]
        except OmniError:
            assert [find(heads, raw) for raw in raws] == [None] * 3
            continue
        found = [find(heads, raw) for raw in raws]
        for each, raw, as_read in zip(found, raws, expected, strict=True):
            assert each is None or told(each) == told(as_read), raw
        known += [(parent, state)] * (found[2] is not None)
    assert {parent for parent, _ in known} == {"", *PARENTS[1:3]}
    assert {state for parent, state in known if parent} == {*STATES[:3], STATES[9]}


def test_a_client_that_traces_its_calls_is_read_twice():
    """Each call has another span, and another state of its systems. What is known is not kept with either."""
    front = Front()
    for number in range(9):
        reader = HeadReader(front, "")
        for connection_call in range(3):
            parent, state = b"00-%032x-%016x-01" % (number + 1, connection_call + 1), b"dd=p:%d" % (number * 9999)
            fields = b"x-api-key: sk-a\r\nhost: x\r\ntraceparent: %b\r\ntracestate: %b\r\n" % (parent, state)
            request = reader.feed(head("0", fields=fields))
            assert (request.trace.parent, request.trace.state) == (parent, state)
            assert (request.context, request.length, reader.input) == (b"sk-a", 0, b"")
    assert front.opened == 2
    assert len(front.heads) == 1
    [kept] = front.heads._known._young.values()
    assert kept.request.trace is None


def test_nothing_that_could_bear_a_credential_is_kept():
    """Neither fields, target, query nor the peer, nor the bytes of the head, in anything that all connections share."""
    raw = head("7", fields=b"host: x\r\nx-api-key: sk-hidden\r\n").replace(b"/v1/chat", b"/v1/chat?key=sk-hidden")
    heads = told_twice(raw)
    found = find(heads, raw)
    assert (found.headers, found.target, found.query, found.peer) == ({}, b"", "", "")
    assert len(heads) == 1
    assert not any("sk-hidden" in repr(getattr(table, slot)) for table in (heads._known, heads._seen) for slot in table.__slots__)


def test_heads_of_a_path_share_how_they_were_read():
    """Ten thousand callers' differ in what they led to, and in nothing else."""
    heads = KnownHeads(longest=65536)
    raws = [head("7", fields=FIELDS + b"authorization: Bearer sk-%d\r\n" % number) for number in range(2)]
    for raw in (*raws, *raws):
        keep(heads, raw)
    one, other = heads._known._young.values()
    assert len(heads) == 2
    assert one.request is other.request


def test_what_differs_by_a_byte_is_another_head():
    """Before its length or behind it."""
    first = head("7")
    assert again(first, head("7", fields=FIELDS[:-3] + b"b\r\n")) is None
    assert again(first, head("7", behind=b"accept: */+\r\n")) is None
    assert again(first, head("7", behind=b"")) is None


def test_a_head_whose_length_is_not_plain_is_not_known_again():
    """None, or one that is spelt otherwise than as a number behind one space."""
    for raw in (head("7", name=b"content-length:"), head("007"), head("7 ")):
        assert again(raw, raw) is None


def test_it_is_known_where_it_begins_the_input():
    """Whatever comes behind it, and not before all of it is there."""
    known = keep(KnownHeads(longest=65536), head("7"))
    raw = head("12345")
    for behind in (b"", b"x", raw, b"\r\n", b"12345\r\n\r\n"):
        assert known.match(raw + behind).length == 12345
        assert known.end == len(raw)
    for cut in range(len(raw)):
        assert known.match(raw[:cut]) is None


@pytest.mark.parametrize(("longest", "is_known"), [(65536, True), (len(head("7")), False), (len(head("7")) + 15, True)])
def test_a_head_that_may_be_too_long_is_not_known(longest, is_known):
    """With the longest length there is it would be refused."""
    heads = KnownHeads(longest=longest)
    assert (keep(heads, head("7")) is not None) == is_known


def test_a_very_long_head_is_not_worth_knowing():
    """So that what is held has a bound."""
    heads = KnownHeads(longest=65536)
    assert keep(heads, head("7", fields=FIELDS + b"cookie: " + b"x" * LONGEST + b"\r\n")) is None


def test_a_head_is_shared_from_its_second_time_on():
    """The connection that brought it knows it at once."""
    heads = KnownHeads(longest=65536)
    assert keep(heads, head("7")).match(head("8")).length == 8
    assert find(heads, head("7")) is None
    keep(heads, head("9"))
    assert find(heads, head("8")).length == 8


def test_ten_thousand_callers_are_known_through_a_flood():
    """Heads that never come again, one for each of theirs, drive none of them out; and what is held stays bounded."""
    heads = KnownHeads(longest=65536)
    callers = [head("7", fields=b"x-api-key: sk-%d\r\nhost: x\r\n" % number) for number in range(10_000)]
    request = read(callers[0])
    for turn in range(4):
        for number, caller in enumerate(callers):
            if turn < 2:
                heads.keep(heads.find(caller), request)
            else:
                assert find(heads, caller) is not None
                strange = head("7", fields=b"x-request-id: %d-%d\r\nhost: x\r\n" % (turn, number))
                heads.keep(heads.find(strange), request)
    assert len(heads) == len(callers)
    assert len(heads._seen) <= 2 * HALF


def test_a_forgotten_head_is_none():
    """And costs its second time again only where nobody remembers the first."""
    heads = told_twice(head("7"))
    heads.forget()
    assert find(heads, head("7")) is None
    assert len(heads) == 0
    keep(heads, head("7"))
    assert find(heads, head("7")) is not None


@given(st.lists(st.integers(0, 30)), st.integers(1, 8), st.integers(1, 40))
def test_a_table_holds_what_was_asked_for_lately(keys, most, most_bytes):
    """The latest `most` different keys are there, as far as their bytes go; never more than twice of either."""
    table: BoundedTable[Entry] = BoundedTable(most, most_bytes)
    sizes = {key: key % 4 for key in keys}
    entries = {key: Entry(size) for key, size in sizes.items()}
    for key in keys:
        raw = b"%d" % key
        if table.get(raw) is None:
            table.put(raw, entries[key])
        assert table.get(raw) is entries[key]
        assert len(table) <= 2 * most
    latest = list(dict.fromkeys(reversed(keys)))[:most]
    while sum(sizes[key] for key in latest) > most_bytes:
        latest.pop()
    for key in latest:
        assert b"%d" % key in table._young or b"%d" % key in table._old


def test_what_is_kept_anew_counts_once():
    """A head whose caller has changed is no reason to forget the others."""
    table: BoundedTable[Entry] = BoundedTable(10, 100)
    table.put(b"other", Entry(40))
    for _ in range(20):
        table.put(b"changed", Entry(40))
    assert table._young_bytes == 80
    assert table.get(b"other") == Entry(40)
    assert not table._old


def test_a_head_that_drips_costs_what_is_new_of_it():
    """A byte at a time, which anybody may send: what came before is not looked at again and again."""
    reader = HeadReader(Front(), "")
    dripping = (b"GET / HTTP/1.1\r\n" + b"field: a value that is longer than most\r\n" * 1500)[:60_000]
    began = time.process_time()
    for place in range(len(dripping)):
        assert reader.feed(dripping[place : place + 1]) is None
    assert time.process_time() - began < 1


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"b: c", b"dd"]), min_size=1, max_size=12), st.integers(1, 4))
def test_a_line_without_its_cr_is_refused_however_it_comes(pieces, size):
    """As soon as it is there, whatever was between it and the byte before."""
    text = b"GET / HTTP/1.1\r\nx" + b"".join(pieces)
    text = text.partition(b"\r\n\r\n")[0]
    reader, whole = HeadReader(Front(), ""), b""
    for place in range(0, len(text), size):
        whole = text[: place + size]
        is_bare = whole.count(b"\n") != whole.count(b"\r\n")
        try:
            assert reader.feed(text[place : place + size]) is None
        except BadRequest:
            assert is_bare
            return
        assert not is_bare
