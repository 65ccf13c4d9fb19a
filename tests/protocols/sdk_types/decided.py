"""Every member that neither arrives nor is told, with the reason why it need not: the rest of what SDKs know does one of both.

`docs/protocols/sdk_types.md` is made of these lists. What a new version of an SDK brings fails until it is carried, told, or stands here.
"""

from tests.protocols.sdk_types.asked import BETA
from tests.protocols.sdk_types.judged import Decided

_NOT_SAID = Decided("`stream: false`", r"\.stream=False", "what is said by saying nothing")
_AUTO = Decided("`detail: auto`", r"\.detail=auto", "it asks for nothing; Responses is told it anyway", "RAGI")
_USUAL_TIER = Decided("`service_tier: auto`", r"\.service_tier=auto", "what Converse does where nobody says", "B")
_HELD = Decided("`strict` of an answer", r"(json_schema|SchemaConfigParam)\.strict", "Converse always holds the answer to its schema", "B")

REQUESTS: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (
        _NOT_SAID,
        Decided(
            "`include_usage`", r"\.stream_options\.include_usage", "the others always count; the client's stream shows it as asked", "RAGIB"
        ),
        Decided("`stream: true`", r"\.stream_options", "Gemini's path says it, and Converse's", "GB"),
        _AUTO,
        _USUAL_TIER,
        _HELD,
        Decided("a schema's `description`", r"\.json_schema\.description", "without a schema the answer is asked for in words", "B"),
        Decided("`modalities: [text]`", r"\.modalities\[\]=text", "the others answer with text", "RAB"),
    ),
    "openai_responses": (
        _NOT_SAID,
        Decided("`type: message`", r"Message(Param)?\.type=message", "what an item with a role is"),
        Decided("`status: completed`", r"\.status=completed", "what an item of the history is"),
        Decided("`name` of a result", r"FunctionCallOutput\.name", "it stands at the call", "CAGIB"),
        Decided("`id` of an item", r"(Param|FunctionCallOutput)\.id", "it means nothing elsewhere; Chat tells it", "AGIB"),
        Decided("`detail: auto`", r"\.detail=auto", "it asks for nothing; Responses is told it anyway", "CAGIB"),
        _USUAL_TIER,
        _HELD,
        Decided("`require_approval: never`", r"\.require_approval\|Literal=never", "Google asks for none", "I"),
        Decided("`user_location.type`", r"\.user_location\.type=approximate", "there is no other", "A"),
        Decided(
            "a dated `web_search_preview`", r"PreviewToolParam\.type=web_search_preview_\d+_\d+_\d+", "another name of the same tool", "AGI"
        ),
    ),
    "anthropic_messages": (
        _NOT_SAID,
        _USUAL_TIER,
        Decided("`type: custom` of a tool", r"ToolParam\.type=custom", "what a tool without a type is"),
        Decided("`display: summarized`", r"\.display=summarized", "Gemini shows thoughts where thinking is on", "GI"),
    ),
    BETA: (),
    "gemini_generate_content": (
        Decided("`role: user`", r"\.contents\[\]\.role", "who speaks where nobody is named"),
        Decided("`role` of the system", r"\.systemInstruction\.role", "the system speaks"),
        Decided("`nullable` arguments", r"\.parameters\.nullable", "a function's arguments are an object, never null", "CRGI"),
        Decided(
            "the `type` of arguments", r"\.parameters\.type=.*", "a function's arguments are an object, whatever their schema says", "CRI"
        ),
        Decided("the `enum` of arguments", r"\.parameters\.enum\[\]", "a function's arguments are an object, which is none of these", "CR"),
        Decided("`mode: AUTO` without a function", r"\.functionCallingConfig\.mode=AUTO", "it asks for nothing, and is refused there", "I"),
    ),
    "gemini_interactions": (
        Decided("`stream: true`", r"\.stream", "Gemini's path says it, and Converse's", "GB"),
        Decided("`response_modalities: [text]`", r"\.response_modalities\[\]=text", "the others answer with text", "RAB"),
        Decided("`name` of a result", r"FunctionResultStep\.name", "it stands at the call"),
        Decided("notes on a thought's summary", r"ThoughtStep\.summary\[\]\|TextContent\.annotations.*", "a thought cites nothing", "I"),
    ),
}
"""Of requests."""

REFUSED: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (Decided("a file with data and an id", r"\|File\.file\.file_id", "it is one or the other"),),
    "openai_responses": (),
    "anthropic_messages": (),
    BETA: (),
    "gemini_generate_content": (
        Decided(
            "functions in `systemInstruction`", r"\.systemInstruction\.parts\[\]\.function(Call|Response)(\..*)?", "the system calls none"
        ),
    ),
    "gemini_interactions": (),
}
"""What the SDK lets a client say and the provider refuses, as the gateway does."""

_SAMPLING = Decided(
    "`temperature`, `top_p`, `top_k`",
    r"\.(temperature|top_p|top_k): no such member",
    "gone from the SDK; the API takes them under 2023-06-01, which translated calls ask for",
    "A",
)
_NO_ID = Decided(
    "the assistant's message without an `id`",
    r"\.input\[1\]\.(content\[0\]\.(type: no such word.*|refusal: no such member|annotations: no such member)|(id|status): missing)",
    "OpenAI takes it without, and knows none of ours",
    "R",
)
INVALID: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (_SAMPLING, _NO_ID),
    "openai_responses": (_SAMPLING,),
    "anthropic_messages": (_NO_ID,),
    BETA: (),
    "gemini_generate_content": (
        _SAMPLING,
        Decided("`top_k`", r"\.generation_config\.top_k: no such member", "not in the SDK; the API takes it", "I"),
        Decided("an object as a result", r"\.result\.\w+: no such member", "the SDK takes any", "I"),
    ),
    "gemini_interactions": (_SAMPLING, _NO_ID),
}
"""Of what is written for a provider, what its own SDK would not write."""

_TIER = Decided(
    "the usual `service_tier`", r"\.service_tier=(auto|default)", "Gemini's traffic is on demand where nothing else is said", "GI"
)
_REFUSED = Decided("`stop_details`", r"\.stop_details(\..*)?", "they stand beside a refusal only", "A")
REPLIES: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (_TIER,),
    "openai_responses": (
        _TIER,
        Decided("`status: completed` of an item", r"\.status=completed", "what an item of an answer is"),
        Decided(
            "why it is incomplete",
            r"\.incomplete_details\.reason=(max_messages|steered)",
            "OTHER, as every end without a word in Gemini",
            "G",
        ),
        Decided("why it is incomplete", r"\.incomplete_details\.reason=(max_\w+|steered)", "`incomplete` says no more", "I"),
    ),
    "anthropic_messages": (_REFUSED,),
    BETA: (_REFUSED,),
    "gemini_generate_content": (
        Decided("`index` of a candidate", r"\.candidates\[\]\.index", "0 is what a lone answer has"),
        Decided("`responseId`", r"\.responseId", "an id of another protocol's form", "CRAI"),
    ),
    "gemini_interactions": (
        Decided("a step of the user", r"\|UserInputStep.*", "it repeats the request"),
        Decided("`id`", r"\.id", "an id of another protocol's form", "CRAG"),
        Decided("`created`", r"\.created", "there is no moment in it", "AG"),
        Decided("notes on a thought's summary", r"ThoughtStep\.summary\[\]\|TextContent\.annotations.*", "a thought cites nothing"),
        Decided("`updated`", r"\.updated", "an answer is made once"),
        Decided("`service_tier: standard`", r"\.service_tier=standard", "what Gemini does where nothing else is said", "G"),
        Decided("where a citation begins", r"URLCitation\.start_index", "a segment without an end is the whole text", "G"),
    ),
}
"""Of replies, without usage, whose counts are compared."""

STREAMS: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (),
    "openai_responses": (
        Decided(
            "reasoning behind its summary",
            r"ResponseReasoningItem\.content\[\]",
            "the summary is shown before it is known that more follows",
            "CI",
        ),
        Decided("a custom tool's call", r"ResponseCustomToolCall(\..*)?", "a chunk of Chat has no word for the sort of a call", "C"),
        Decided(
            "`status` of an item",
            r"(Message|ToolCall)\.status=(in_progress|incomplete)",
            "the stream's own end tells what is cut short",
            "A",
        ),
    ),
    "anthropic_messages": (),
    BETA: (),
    "gemini_generate_content": (
        Decided("arguments in pieces", r"\.functionCall\.(partialArgs|willContinue).*", "a whole reply has none"),
        Decided(
            "the signature of a text", r"\.thoughtSignature", "clients show the last block as the answer: none may follow the text", "A"
        ),
    ),
    "gemini_interactions": (
        Decided(
            "a picture in a thought",
            r"ThoughtStep\.summary\[\]\|ImageContent.*",
            "a stream has told that it is left out before the thought has begun",
            "R",
        ),
    ),
}
"""Of what is not the same streamed as whole."""
