"""Caps and stops beyond what the other API takes."""

import json

from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, CONVERSE, GEMINI, MESSAGES, RESPONSES, chat, messages, said

from omnillm.protocols.codecs import CODECS
from omnillm.protocols.dialects import ChatDialect, ResponsesDialect
from omnillm.protocols.members import read_members
from omnillm.protocols.registry import PROTOCOLS


@in_turn(("cap", "written"), [(1, 16), (15, 16), (16, 16), (100, 100)])
def test_smallest_cap_of_responses_is_sixteen(cap: int, written: int) -> None:
    """OpenAI refuses a smaller one; other hosts of Responses do not."""
    body, lost = said(MESSAGES, RESPONSES, messages(max_tokens=cap))
    assert body["max_output_tokens"] == written
    assert lost == ({} if cap == written else {"generation.max_output_tokens": "approximated"})
    assert said(MESSAGES, RESPONSES, messages(max_tokens=cap), ResponsesDialect(is_openai=False))[0]["max_output_tokens"] == cap
    own = {"model": "m", "input": "Hi", "max_output_tokens": cap}
    assert said(RESPONSES, RESPONSES, own)[0]["max_output_tokens"] == cap


@in_turn("target", [CHAT, RESPONSES, GEMINI, "gemini_interactions", CONVERSE])
def test_cap_is_no_more_than_the_model_writes(target: str) -> None:
    """Beyond it every provider refuses the call, and a client cannot know which model answers; what came in the protocol stays as it is."""
    model = type(CODECS[target].dialect)(most_output=64)
    for asked, lost in ((100, {"generation.max_output_tokens": "approximated"}), (64, {}), (63, {})):
        body, told = said(MESSAGES, target, messages(max_tokens=asked), model)
        cap = PROTOCOLS[target].peek_request(read_members(json.dumps(body).encode())).output_cap
        assert (cap, told) == (min(asked, 64), lost)
    assert said(CHAT, CHAT, chat(), ChatDialect(most_output=64)) == (chat(), {})


def test_gemini_takes_five_stop_sequences() -> None:
    """The others are dropped, and told."""
    body, lost = said(MESSAGES, GEMINI, messages(stop_sequences=list("abcdefg")))
    assert body["generationConfig"]["stopSequences"] == list("abcde")
    assert lost == {"generation.stop": "dropped"}
    assert said(MESSAGES, GEMINI, messages(stop_sequences=list("abcde")))[1] == {}
