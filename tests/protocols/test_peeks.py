"""Any request, peeked in every protocol."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.peeking import JSON, members

from omnillm.errors import BadRequest
from omnillm.protocols.registry import PROTOCOLS

NAMES = {
    "openai_chat": ("model", "messages", "stream", "max_tokens", "max_completion_tokens", "n", "stream_options"),
    "openai_responses": ("model", "input", "stream", "max_output_tokens", "tools", "prompt"),
    "anthropic_messages": ("model", "max_tokens", "stream", "messages", "tools", "speed", "x"),
    "gemini_generate_content": ("contents", "generationConfig", "generation_config", "tools", "model", "x"),
    "gemini_interactions": ("model", "agent", "input", "stream", "generation_config", "tools", "background", "Input"),
    "bedrock_converse": ("messages", "system", "inferenceConfig", "toolConfig", "serviceTier", "x"),
}
INNER = ("max_output_tokens", "content", "data", "maxOutputTokens", "candidate_count", "responseModalities", "maxTokens", "tools", "type")


@pytest.mark.parametrize("protocol", NAMES)
@given(data=st.data())
def test_whatever_comes_is_read_or_refused(protocol: str, data: st.DataObject) -> None:
    """No JSON object makes peeking raise anything but BadRequest, nor its weighing anything at all."""
    values = JSON | st.dictionaries(st.sampled_from(INNER), JSON, max_size=2)
    asked = members(data.draw(st.dictionaries(st.sampled_from(NAMES[protocol]), values, max_size=6)))
    peek = PROTOCOLS[protocol]
    tokens, media = peek.weigh(asked)
    assert tokens >= 0
    assert media.most >= 0
    with suppress(BadRequest):
        peek.peek_request(asked)
