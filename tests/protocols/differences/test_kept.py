"""What only its own provider keeps: a conversation, a prompt. Without it the question would be another."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, CONVERSE, GEMINI, MESSAGES, RESPONSES, chat, messages, said

from omnillm.errors import ProtocolError
from omnillm.protocols.priced_messages import THREAD_REFUSED

THREAD = {"type": "continue", "previous_message_id": "msg_1"}
KEPT_BY_GOOGLE = ("cachedContent", "cached_content", "continuationToken", "continuation_token")


@in_turn(
    ("source", "body", "code"),
    [
        (MESSAGES, messages(thread=THREAD), THREAD_REFUSED),
        *((GEMINI, {"contents": [{"parts": [{"text": "Hi"}]}], name: "eA=="}, "unsupported_feature") for name in KEPT_BY_GOOGLE),
    ],
)
def test_what_another_provider_keeps_is_not_left_out(source: str, body: dict[str, Any], code: str) -> None:
    """The answer would be to another question; Anthropic's SDK knows by the code what to send instead."""
    for target in {CHAT, RESPONSES, MESSAGES, GEMINI, CONVERSE} - {source}:
        with pytest.raises(ProtocolError, match="only its own provider keeps") as refused:
            said(source, target, body)
        assert refused.value.code == code
    assert said(source, source, body)[1] == {}


def test_thread_that_begins_is_left_out() -> None:
    """Its conversation is all there, and is only not kept."""
    assert said(MESSAGES, CHAT, messages(thread={"type": "create"}))[1] == {"vendor_extensions.thread": "dropped"}
    assert said(MESSAGES, CHAT, messages(thread=None))[1] == {}
    assert said(CHAT, MESSAGES, chat(thread=THREAD))[1]["vendor_extensions.thread"] == "dropped"
