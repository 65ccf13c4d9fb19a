"""What a stream with tools of the provider's can have taken, by the calls that it has shown."""

from hypothesis import given
from hypothesis import strategies as st

from omnillm.framing.sse import Frame
from omnillm.gateway.quotes.extras import Extras
from omnillm.gateway.quotes.quote import Quote
from omnillm.gateway.quotes.tool_calls import TOOLS_PROMPT, ToolCalls
from omnillm.pricing.cost import Price, Units
from omnillm.protocols.extras import Asked
from omnillm.protocols.registry import PROTOCOLS

TARGET = ("p", "m")
RESPONSES, MESSAGES = PROTOCOLS["openai_responses"], PROTOCOLS["anthropic_messages"]
CALL = {
    RESPONSES.name: b'{"type":"response.web_search_call.searching","output_index":%d}',
    MESSAGES.name: b'{"type":"content_block_start","index":%d,"content_block":{"type":"server_tool_use"}}',
}


def quoted(prompt_bound, **asked):
    extras = Extras(asked=Asked(**asked), units=Units(asked.get("calls", 0)))
    return Quote(prompt_bound=prompt_bound, output_bound=100, extras={TARGET: extras})


def shown(protocol, quote, calls):
    tools = ToolCalls.of(protocol.watch(False), protocol, quote, TARGET)
    for _ in range(2):
        for place in range(calls):
            tools.see(Frame(b"", CALL[protocol.name] % place))
    return tools


@given(
    st.sampled_from([RESPONSES, MESSAGES]),
    st.integers(0, 300_000),
    st.integers(2, 12),
    st.integers(0, 12),
    st.integers(0, 50_000),
    st.booleans(),
    st.integers(0, 1),
)
def test_it_grows_with_each_call_and_never_beyond_the_bound(protocol, prompt, turns, most_calls, observed, is_unseen, compactions):
    """Whatever is shown: never less than the prompt or the part before, never more than was reserved."""
    quote = quoted(prompt, turns=turns + compactions, calls=most_calls, has_unseen_input=is_unseen, compactions=compactions)
    price = Price.of(input=1, output=1, context=200_000)
    most, _, units = quote.bounds(TARGET, price)
    before = (0, -1)
    for calls in range(14):
        tokens, left = shown(protocol, quote, calls).bounds(quote, TARGET, price, observed)
        assert before <= (tokens, left.tool_calls)
        assert min(prompt, price.context) <= tokens <= most
        assert left.tool_calls == min(calls + 1, units.tool_calls)
        before = (tokens, left.tool_calls)
    assert tokens == most or (protocol is MESSAGES and tokens >= prompt * min(14, turns))


def test_a_further_turn_reads_what_the_stream_has_shown_or_the_whole_context():
    """Anthropic's shows what its tools gave; OpenAI's does not."""
    price, quote = Price.of(input=1, output=1, context=200_000), quoted(1000, turns=11, calls=9)
    first = 1000 + TOOLS_PROMPT
    assert [shown(MESSAGES, quote, calls).bounds(quote, TARGET, price, 500)[0] for calls in range(3)] == [
        first,
        2 * first + 500,
        3 * first + 1000,
    ]
    assert [shown(RESPONSES, quote, calls).bounds(quote, TARGET, price, 500)[0] for calls in range(2)] == [first, first + 200_000]


def test_only_where_calls_are_shown_they_are_counted():
    """And only where there may be some."""
    quote, chat = quoted(1000, turns=2), PROTOCOLS["openai_chat"]
    assert ToolCalls.of(chat.watch(False), chat, quote, TARGET) is None
    for other in (quoted(1000), Quote()):
        assert ToolCalls.of(RESPONSES.watch(False), RESPONSES, other, TARGET) is None
