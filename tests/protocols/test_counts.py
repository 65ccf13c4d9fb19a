"""Counts that a provider reports."""

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.protocols.counts import UNREADABLE, Count, decode_clamped
from omnillm.protocols.registry import PROTOCOLS
from omnillm.protocols.transcode import parse_response
from omnillm.usage import MAX_COUNT


class Report(msgspec.Struct):
    tokens: Count | None = None
    name: str = ""
    parts: list["Report"] = []


@in_turn(("written", "tokens"), [(b"-1", 0), (b"1e300", MAX_COUNT), (b"2.9", 2), (b"18446744073709551616", MAX_COUNT), (b"null", None)])
def test_numbers_are_clamped_at_every_depth(written, tokens):
    """Only numbers change; names and structure stay."""
    report = decode_clamped(b'{"name":"a","parts":[{"tokens":%s}],"tokens":%s}' % (written, written), Report)
    assert report == Report(tokens=tokens, name="a", parts=[Report(tokens=tokens)])


@in_turn("written", [b'{"tokens":"5"}', b'{"tokens":[]}', b"[]", b"", b"{", b"\xff", b'{"name":5}'])
def test_what_is_no_number_cannot_be_read(written):
    """A count in quotes is no count: the usage is unknown, not zero."""
    with pytest.raises(UNREADABLE):
        decode_clamped(written, Report)


LIES = [
    ("openai_chat", b'{"choices":[{"message":{"role":"assistant","content":"a"}}],"usage":{"prompt_tokens":-5,"completion_tokens":1e300}}'),
    ("openai_chat", b'{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":"5"}}'),
    ("anthropic_messages", b'{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":2.5,"output_tokens":-1}}'),
    ("gemini_generate_content", b'{"candidates":[{"content":{"parts":[]}}],"usageMetadata":{"promptTokenCount":-3,"totalTokenCount":9}}'),
    ("openai_responses", b'{"status":"completed","output":[],"usage":{"input_tokens":1e99,"output_tokens":-2}}'),
]


@in_turn(("protocol", "body"), LIES)
def test_peek_and_translation_read_a_lying_count_alike(protocol, body):
    """So the usage that was peeked can stand for what the translation would read."""
    read = parse_response(protocol, body).value.usage
    assert read == PROTOCOLS[protocol].peek_reply(body).usage
