"""What can be said, one feature a case: the tests run them in every direction, and the published matrix is made of them."""

from typing import Any, NamedTuple

from omnillm.model import (
    Audio,
    BuiltinTool,
    CacheControl,
    Candidate,
    CapabilitySet,
    Citation,
    EndOfTools,
    ExplicitKey,
    File,
    FileSource,
    FinishReason,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Issuer,
    Json,
    LlmRequest,
    LlmResponse,
    Message,
    MessagePart,
    MessageRole,
    Native,
    Opaque,
    OutputModality,
    PromptCachePolicy,
    PromptCacheRetention,
    Reasoning,
    ReasoningCapability,
    Refusal,
    RequestItem,
    StructuredOutputConfig,
    Text,
    TextSource,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    ToolResult,
    UrlSource,
    Video,
    user,
)
from omnillm.usage import Usage

PROTOCOLS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content", "gemini_interactions")
SEARCH = ToolDefinition(
    name="search",
    description="Search the manual.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
PNG = b"\x89PNG\r\n\x1a\n"
QUESTION = user("How deep is the lake?")
CALL = ToolCall(call_id="call_aaaaaaaa", name="search", arguments='{"query":"lake"}')
SECOND_CALL = ToolCall(call_id="call_bbbbbbbb", name="search", arguments='{"query":"depth"}')


class RequestCase(NamedTuple):
    feature: str
    request: LlmRequest
    path: str = ""
    """Of what the feature is, where more than it can be lost: a loss below it leaves the feature standing."""


class ReplyCase(NamedTuple):
    feature: str
    reply: LlmResponse


def asks(*items: RequestItem, **members: Any) -> LlmRequest:
    """A request with an output cap, which Anthropic needs anyway."""
    generation = members.pop("generation", GenerationConfig(max_output_tokens=200))
    return LlmRequest(model="model-1", input=items or (QUESTION,), generation=generation, **members)


def sets(**members: Any) -> LlmRequest:
    return asks(generation=GenerationConfig(max_output_tokens=200, **members))


def can(**members: Any) -> LlmRequest:
    return asks(capabilities=CapabilitySet(**members))


def shows(*parts: MessagePart) -> LlmRequest:
    return asks(Message(role=MessageRole.USER, parts=(Text(text="What is this?"), *parts)))


def said(*parts: MessagePart) -> Message:
    return Message(role=MessageRole.ASSISTANT, parts=parts)


def turns(*items: RequestItem) -> LlmRequest:
    return asks(QUESTION, *items, capabilities=CapabilitySet(tools=(SEARCH,)))


def opaque(protocol: str, value: str = "c2lnbmF0dXJlLW9mLWFub3RoZXI=") -> Opaque:
    return Opaque(value=value, issuer=Issuer(protocol=protocol))


OTHER = {"type": "object", "properties": {"page": {"type": "integer"}}}


def chooses(**members: Any) -> LlmRequest:
    return can(tools=(SEARCH, ToolDefinition(name="other", input_schema=OTHER)), tool_choice=ToolChoice(**members))


RESULT = ToolResult(call_id=CALL.call_id, name="search", content=(Text(text="149 m"),))

REQUESTS = (
    RequestCase("text", asks()),
    RequestCase("system text", asks(Message.text(MessageRole.SYSTEM, "Be brief."), QUESTION)),
    RequestCase(
        "several system blocks",
        asks(Message(role=MessageRole.SYSTEM, parts=(Text(text="Be brief."), Text(text="Be kind."))), QUESTION),
    ),
    RequestCase(
        "a system message in the middle",
        asks(QUESTION, said(Text(text="149 m.")), Message.text(MessageRole.SYSTEM, "In feet."), user("And now?")),
    ),
    RequestCase("instructions", asks(instructions="Be brief.")),
    RequestCase("several turns", asks(QUESTION, said(Text(text="149 m.")), user("And in feet?"))),
    RequestCase("participant's name", asks(Message(role=MessageRole.USER, parts=QUESTION.parts, name="ada"))),
    RequestCase("image by URL", shows(ImageUrl(url="https://example.com/a.png"))),
    RequestCase("image inline", shows(ImageBase64(data=PNG, media_type="image/png"))),
    RequestCase("image detail", shows(ImageUrl(url="https://example.com/a.png", detail="low"))),
    RequestCase("image by file id", shows(ImageFile(file_id="file-1", protocol="openai_responses"))),
    RequestCase(
        "PDF inline",
        shows(File(source=InlineSource(data=b"%PDF-1.7", media_type="application/pdf"), filename="a.pdf")),
        "input[0].parts[1]",
    ),
    RequestCase(
        "PDF by URL", shows(File(source=UrlSource(url="https://example.com/a.pdf", media_type="application/pdf"))), "input[0].parts[1]"
    ),
    RequestCase("file by id", shows(File(source=FileSource(file_id="file-1", protocol="openai_chat")))),
    RequestCase(
        "document as text, cited", shows(File(source=TextSource(text="149 m."), title="The lake", has_citations=True)), "input[0].parts[1]"
    ),
    RequestCase("sound", shows(Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), format="wav"))),
    RequestCase("video", shows(Video(source=UrlSource(url="https://example.com/a.mp4", media_type="video/mp4")))),
    RequestCase("tools", can(tools=(SEARCH,))),
    RequestCase("strict tool", can(tools=(ToolDefinition(name="search", input_schema=SEARCH.input_schema, strict=True),))),
    RequestCase("custom (free text) tool", can(tools=(ToolDefinition(name="shell", kind="custom"),))),
    RequestCase("tool call and result", turns(said(CALL), RESULT)),
    RequestCase(
        "parallel calls",
        turns(said(Text(text="I look."), CALL, SECOND_CALL), RESULT, ToolResult(call_id="call_bbbbbbbb", content=RESULT.content)),
    ),
    RequestCase("tool result that is an error", turns(said(CALL), ToolResult(call_id=CALL.call_id, content=RESULT.content, is_error=True))),
    RequestCase(
        "image in a tool result",
        turns(said(CALL), ToolResult(call_id=CALL.call_id, content=(ImageBase64(data=PNG, media_type="image/png"),))),
    ),
    RequestCase("JSON tool result", turns(said(CALL), ToolResult(call_id=CALL.call_id, content=(Json(value={"depth_m": 149}),)))),
    RequestCase("arguments that are no JSON", turns(said(ToolCall(call_id=CALL.call_id, name="search", arguments="{lake")), RESULT)),
    RequestCase("tool choice auto", chooses(mode="auto")),
    RequestCase("tool choice none", chooses(mode="none")),
    RequestCase("tool choice required", chooses(mode="required")),
    RequestCase("tool choice by name", chooses(mode="named", names=("search",))),
    RequestCase("tool choice, a subset", chooses(mode="allowed", names=("search",))),
    RequestCase("no parallel calls", can(tools=(SEARCH,), parallel_tool_calls=False)),
    RequestCase("most tool calls", can(tools=(SEARCH,), max_tool_calls=3)),
    RequestCase("web search by the provider", can(builtin_tools=(BuiltinTool(kind="web_search"),))),
    RequestCase("code execution by the provider", can(builtin_tools=(BuiltinTool(kind="code_execution"),))),
    RequestCase(
        "structured output",
        can(structured_output=StructuredOutputConfig(name="depth", schema={"type": "object", "properties": {"m": {"type": "integer"}}})),
        "capabilities.structured_output",
    ),
    RequestCase("JSON mode", can(structured_output=StructuredOutputConfig(kind="json_object"))),
    RequestCase("reasoning effort", can(reasoning=ReasoningCapability(effort="low"))),
    RequestCase(
        "reasoning budget",
        asks(
            generation=GenerationConfig(max_output_tokens=9000),
            capabilities=CapabilitySet(reasoning=ReasoningCapability(budget_tokens=2048)),
        ),
    ),
    RequestCase("reasoning off", can(reasoning=ReasoningCapability(mode="disabled"))),
    RequestCase("reasoning summary", can(reasoning=ReasoningCapability(effort="low", summary="auto"))),
    *[
        RequestCase(f"signed reasoning of {protocol}", turns(said(Reasoning(text="Hm.", opaque=opaque(protocol)), CALL), RESULT))
        for protocol in PROTOCOLS
    ],
    RequestCase("unsigned reasoning", turns(said(Reasoning(text="Hm."), CALL), RESULT)),
    RequestCase("refusal in the history", asks(QUESTION, said(Refusal(text="No.")), user("Please."))),
    RequestCase("cache mark on a part", asks(Message(role=MessageRole.USER, parts=(Text(text="Long.", cache_control=CacheControl()),)))),
    RequestCase("cache policy", can(tools=(SEARCH,), prompt_cache=PromptCachePolicy(breakpoint=EndOfTools()))),
    RequestCase("cache policy, required", can(tools=(SEARCH,), prompt_cache=PromptCachePolicy.required())),
    RequestCase("cache key", can(prompt_cache=PromptCachePolicy(key=ExplicitKey(value="k1")))),
    RequestCase(
        "long cache retention",
        can(tools=(SEARCH,), prompt_cache=PromptCachePolicy(retention=PromptCacheRetention.LONG)),
        "capabilities.prompt_cache",
    ),
    RequestCase(
        "sound as the answer", can(modalities=(OutputModality.TEXT, OutputModality.AUDIO), audio={"voice": "alloy", "format": "wav"})
    ),
    RequestCase("safety settings", can(safety=({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},))),
    RequestCase("no output cap", LlmRequest(model="model-1", input=(QUESTION,))),
    RequestCase("temperature", sets(temperature=0.5)),
    RequestCase("temperature above 1", sets(temperature=1.5)),
    RequestCase("top_p", sets(top_p=0.5)),
    RequestCase("top_k", sets(top_k=5)),
    RequestCase("stop sequences", sets(stop=("END",))),
    RequestCase("presence penalty", sets(presence_penalty=0.5)),
    RequestCase("frequency penalty", sets(frequency_penalty=0.5)),
    RequestCase("seed", sets(seed=7)),
    RequestCase("several answers (n)", sets(n=2)),
    RequestCase("log probabilities", sets(logprobs=True, top_logprobs=2)),
    RequestCase("logit bias", sets(logit_bias={"50256": -100})),
    RequestCase("verbosity", sets(verbosity="low")),
    RequestCase("service tier", sets(service_tier="flex")),
    RequestCase("metadata", asks(metadata={"run": "7"})),
    RequestCase("end user's id", asks(user_id="user-1")),
    RequestCase("state kept by the provider", asks(previous_response_id="resp_1")),
    RequestCase("store", asks(store=False)),
)


def answers(*parts: MessagePart, reason: FinishReason = FinishReason.STOP, **members: Any) -> LlmResponse:
    candidate = Candidate(message=said(*parts), finish_reason=reason, **members)
    return LlmResponse(
        id="reply1",
        model="model-1",
        created=1_795_608_000,
        candidates=(candidate,),
        usage=Usage(input=20, cache_read=5, output=7, reasoning=3),
    )


REPLIES = (
    ReplyCase("text", answers(Text(text="149 m."))),
    ReplyCase("tool call", answers(CALL, reason=FinishReason.TOOL_CALL)),
    ReplyCase("parallel calls", answers(Text(text="I look."), CALL, SECOND_CALL, reason=FinishReason.TOOL_CALL)),
    ReplyCase(
        "arguments that are no JSON",
        answers(ToolCall(call_id="call_aaaaaaaa", name="search", arguments="{lake"), reason=FinishReason.TOOL_CALL),
    ),
    ReplyCase(
        "custom tool call",
        answers(ToolCall(call_id="call_aaaaaaaa", name="sh", arguments="ls", kind="custom"), reason=FinishReason.TOOL_CALL),
    ),
    ReplyCase("reasoning, unsigned", answers(Reasoning(text="Hm."), Text(text="149 m."))),
    *[
        ReplyCase(f"signed reasoning of {protocol}", answers(Reasoning(text="Hm.", opaque=opaque(protocol)), Text(text="149 m.")))
        for protocol in PROTOCOLS
    ],
    ReplyCase("redacted reasoning", answers(Reasoning(opaque=opaque("anthropic_messages"), is_redacted=True), Text(text="149 m."))),
    ReplyCase("reasoning summary", answers(Reasoning(summary=("Hm.",), opaque=opaque("openai_responses")), Text(text="149 m."))),
    ReplyCase(
        "signed tool call",
        answers(
            ToolCall(call_id="call_aaaaaaaa", name="search", arguments="{}", signature=opaque("gemini_generate_content")),
            reason=FinishReason.TOOL_CALL,
        ),
    ),
    ReplyCase("refusal", answers(Refusal(text="No."), reason=FinishReason.REFUSAL)),
    ReplyCase(
        "citation of a URL", answers(Text(text="149 m.", citations=(Citation(url="https://example.com", title="Lake", start=0, end=6),)))
    ),
    ReplyCase("image", answers(Text(text="Here."), ImageBase64(data=PNG, media_type="image/png"))),
    ReplyCase(
        "sound", answers(Audio(source=InlineSource(data=b"RIFF", media_type="audio/wav"), format="wav", transcript="149 m.", audio_id="a1"))
    ),
    ReplyCase(
        "server tool's trace",
        answers(
            Native(
                protocol="openai_responses",
                kind="web_search_call",
                value={"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "lake"}},
            ),
            Text(text="149 m."),
        ),
    ),
    ReplyCase(
        "several answers (n)",
        LlmResponse(
            id="reply1",
            model="model-1",
            created=1_795_608_000,
            candidates=(Candidate(message=said(Text(text="149 m."))), Candidate(message=said(Text(text="489 ft.")))),
            usage=Usage(input=20, output=9),
        ),
    ),
    ReplyCase(
        "log probabilities",
        answers(
            Text(text="149 m."),
            logprobs={"content": [{"token": "149 m.", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None},
        ),
    ),
    *[
        ReplyCase(f"finish: {reason.value}", answers(Text(text="149 m."), reason=reason))
        for reason in FinishReason
        if reason not in (FinishReason.STOP_SEQUENCE, FinishReason.TOOL_CALL)
    ],
    ReplyCase("finish: stop_sequence", answers(Text(text="149 m."), reason=FinishReason.STOP_SEQUENCE, stop_sequence="END")),
    ReplyCase("no answer (blocked prompt)", LlmResponse(id="reply1", model="model-1", created=1_795_608_000, usage=Usage(input=20))),
)
