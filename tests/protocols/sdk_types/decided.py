"""Every member that neither arrives nor is told, with the reason why it need not: the rest of what SDKs know does one of both."""

from tests.protocols.sdk_types.asked import BETA
from tests.protocols.sdk_types.judged import Decided

_NOT_SAID = Decided(r"\.stream=False", "what is said by saying nothing")

REQUESTS: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (
        _NOT_SAID,
        Decided(r"\.stream_options\.include_usage", "the others always count, and the client's stream shows it as asked", "RAG"),
        Decided(r"\.stream_options", "a stream is asked for by Gemini's path", "G"),
        Decided(r"\.image_url\.detail=auto", "what holds anyway, and is written anyway", "R"),
        Decided(r"\.modalities\[\]=text", "the others answer with text", "RA"),
    ),
    "openai_responses": (
        _NOT_SAID,
        Decided(r"Message(Param)?\.type=message", "what an item with a role is", "CRAG"),
        Decided(r"\.status=completed", "what an item of the history is", "CRAG"),
        Decided(r"FunctionCallOutput\.name", "the name stands at its call", "CAG"),
        Decided(r"(Param|FunctionCallOutput)\.id", "an item's own id means nothing elsewhere; Chat tells it", "AG"),
        Decided(r"\.user_location\.type=approximate", "the only sort of place that there is", "A"),
        Decided(r"WebSearchPreviewToolParam\.type=web_search_preview_2025_03_11", "another name of the same tool", "AG"),
    ),
    "anthropic_messages": (
        _NOT_SAID,
        Decided(r"ToolParam\.type=custom", "what a tool without a type is"),
        Decided(r"\.display=summarized", "Gemini shows thoughts where thinking is on", "G"),
    ),
    BETA: (),
    "gemini_generate_content": (
        Decided(r"\.contents\[\]\.role", "who speaks where nobody is named"),
        Decided(r"\.systemInstruction\.role", "the system speaks"),
        Decided(r"\.parameters\.nullable", "the arguments of a function are an object, never null"),
        Decided(r"\.parameters\.type=.*", "the arguments of a function are an object, whatever their schema says", "A"),
    ),
}

_BOTH = r"ContentPartParam\|File\.file\.file_id|\|File\.file\.file_id"
REFUSED: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (Decided(_BOTH, "a file is its data or its id, never both"),),
    "openai_responses": (),
    "anthropic_messages": (),
    BETA: (),
    "gemini_generate_content": (
        Decided(r"\.systemInstruction\.parts\[\]\.function(Call|Response)(\..*)?", "Google refuses it: the system calls no functions"),
    ),
}
"""What the SDK lets a client say and the provider refuses, as the gateway does."""

_SAMPLING = Decided(
    r"\.(temperature|top_p|top_k): no such member", "taken from the types; taken by the API under 2023-06-01, which translated calls ask for", "A"
)
_NO_ID = Decided(
    r"\.input\[1\]\.(content\[0\]\.(type: no such word.*|refusal: no such member|annotations: no such member)|(id|status): missing)",
    "a message of the assistant's needs an id in the types; OpenAI takes it without, and refuses one of ours",
    "R",
)
INVALID: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (_SAMPLING, _NO_ID),
    "openai_responses": (_SAMPLING,),
    "anthropic_messages": (_NO_ID,),
    BETA: (),
    "gemini_generate_content": (_SAMPLING,),
}
"""Of what is written, what the target's SDK would not have written."""

_TIER = Decided(r"\.service_tier=(auto|default)", "Gemini's traffic is on demand where nothing else is said", "G")
_DONE = Decided(r"\.status=completed", "what an item of an answer is")
REPLIES: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (_TIER,),
    "openai_responses": (
        _TIER,
        _DONE,
        Decided(r"\.incomplete_details\.reason=(max_messages|steered)", "OTHER, like every end that has no word in Gemini", "G"),
    ),
    "anthropic_messages": (Decided(r"\.stop_details(\..*)?", "they stand beside a refusal only", "A"),),
    BETA: (Decided(r"\.stop_details(\..*)?", "they stand beside a refusal only", "A"),),
    "gemini_generate_content": (
        Decided(r"\.candidates\[\]\.index", "0 is what a lone answer has"),
        Decided(r"\.responseId", "an id of another protocol's form", "CRA"),
    ),
}
"""Without usage, whose counts are compared."""

STREAMS: dict[str, tuple[Decided, ...]] = {
    "openai_chat": (),
    "openai_responses": (
        Decided(r"ResponseReasoningItem\.content\[\]", "a stream cannot know that the reasoning itself follows its summary", "C"),
        Decided(r"ResponseCustomToolCall(\..*)?", "a chunk of Chat has no word for the sort of a call", "C"),
        Decided(r"(Message|ToolCall)\.status=(in_progress|incomplete)", "that an item is cut short is told by the end of the stream", "A"),
        Decided(r"ResponseOutputRefusal", "only the whole reply tells that ids of items are left out", "C"),
    ),
    "anthropic_messages": (),
    BETA: (),
    "gemini_generate_content": (
        Decided(r"\.functionCall\.(partialArgs|willContinue).*", "only streams have them"),
        Decided(r"\.thoughtSignature", "clients of Anthropic's show the last block as the answer: none may follow the text", "A"),
    ),
}
"""Of what is not the same streamed as whole."""
