"""What may be shown of a call under way, in a traceback or a debugger."""

from typing import Any

import msgspec
import pytest

from omnillm.gateway.bridges.bridge import Bridge, Bridged
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.case import Case
from omnillm.gateway.native.asks import NativeAsk
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.replies.answer import Answer
from omnillm.gateway.replies.relay import Relay
from omnillm.protocols.protocol import RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.native import Operation, PathAsk
from omnillm.server.front.reply import Reply
from omnillm.server.front.requests import Request
from omnillm.transport.exchange import Exchange

UNUSED: Any = None
SAID = b"what was said"
CHAT = PROTOCOLS["openai_chat"]
CALL = Call(
    protocol=CHAT,
    operation="generate",
    caller=Caller(name="someone"),
    model="small",
    is_stream=False,
    peek=RequestPeek(model="small"),
    members={"messages": msgspec.Raw(SAID)},
    body=SAID,
    headers={b"x-said": SAID},
    started_at=0.0,
    wall=0.0,
    deadline=1.0,
)
ANSWER = Answer(exchange=UNUSED, upstream=UNUSED, body=SAID, final=SAID)
CASE = Case(UNUSED, CALL, "01a210d73e56a54404b3a59d7201f18f", Quote(), (), 0.0, provider_body=SAID)
REQUEST = Request(
    method="POST", target=b"/", path="/v1/chat/completions", query=SAID.decode(), headers={b"x-said": SAID}, body=SAID, http_minor=1
)
SHOWN = {
    f"Case({CASE.request_id!r}, {CALL!r})": CASE,
    "Answer(plain)": ANSWER,
    f"Relay({CASE!r}, {ANSWER!r})": Relay(CASE, ANSWER, UNUSED, UNUSED, SAID),
    "Call(openai_chat, 'small' for 'someone')": CALL,
    f"Bridge({CALL!r})": Bridge(CALL, UNUSED, UNUSED, (), UNUSED, SAID, False),
    "Bridged(openai_chat)": Bridged(protocol=CHAT, body=SAID, members=CALL.members, peek=CALL.peek, reasons=(), names={}),
    "NativeAsk(POST /files of 'openai')": NativeAsk(
        provider="openai",
        endpoint=UNUSED,
        asked=PathAsk(operation=Operation(method="POST", path="/files", family="files"), path="/files"),
        method="POST",
        query=SAID.decode(),
        body=SAID,
    ),
    f"Reply({REQUEST!r})": Reply(REQUEST, UNUSED, UNUSED, _head=SAID),
    "Exchange(200)": Exchange(UNUSED, 200, {b"x-said": SAID}, 0.0, 0.0, False),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_nothing_of_a_call_under_way_shows_what_was_said(shown: str) -> None:
    """All are structs, which by themselves show every field."""
    assert repr(SHOWN[shown]) == shown
    assert SAID.decode() not in shown
