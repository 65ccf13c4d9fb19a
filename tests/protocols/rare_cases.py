"""What can be said, too, but hardly ever is: tried in every direction like `cases.py`, and no row of the published matrix."""

from typing import Any

from tests.protocols.cases import (
    CALL,
    PNG,
    QUESTION,
    RESULT,
    SEARCH,
    ReplyCase,
    RequestCase,
    answers,
    asks,
    can,
    chooses,
    opaque,
    said,
    sets,
    shows,
    turns,
)

from omnillm.model import (
    Audio,
    BuiltinTool,
    CacheControl,
    CapabilitySet,
    Citation,
    EndOfInstructions,
    EndOfMessage,
    File,
    FileSource,
    FinishReason,
    GenerationConfig,
    ImageBase64,
    ImageFile,
    ImageUrl,
    InlineSource,
    Json,
    LlmRequest,
    Message,
    MessagePart,
    MessageRole,
    Native,
    PromptCachePolicy,
    Reasoning,
    ReasoningCapability,
    Refusal,
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

MARK = CacheControl()
GEMINI = opaque("gemini_generate_content")
WAV = InlineSource(data=b"RIFF", media_type="audio/wav")
NATIVES: dict[str, Any] = {
    "openai_chat": {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    "openai_responses": {"type": "computer_call", "id": "cu_1", "call_id": "call_1", "status": "completed", "pending_safety_checks": []},
    "anthropic_messages": {"type": "container_upload", "file_id": "file_1"},
    "gemini_generate_content": {"executableCode": {"language": "PYTHON", "code": "1"}},
    "bedrock_converse": {"guardContent": {"text": {"text": "Hm."}}},
}


def history(*parts: MessagePart) -> LlmRequest:
    """The assistant has said it."""
    return asks(QUESTION, said(*parts), user("And now?"))


def system(*parts: MessagePart, **members: Any) -> LlmRequest:
    return asks(Message(role=MessageRole.SYSTEM, parts=parts, **members), QUESTION)


def result(*content: Any, call: ToolCall = CALL, **members: Any) -> LlmRequest:
    return turns(said(call), ToolResult(call_id=call.call_id, content=content, **members))


RARE_REQUESTS = (
    RequestCase("image of a kind that few take", shows(ImageBase64(data=b"II*\0", media_type="image/tiff"))),
    RequestCase("image without its kind", shows(ImageBase64(data=b"RIFF\0\0\0\0WEBP"))),
    RequestCase("image of an unusual name", shows(ImageBase64(data=b"\xff\xd8\xff", media_type="image/jpg"))),
    RequestCase("image by URL and kind", shows(ImageUrl(url="https://example.com/a", media_type="image/png"))),
    *[
        RequestCase(f"{kind} by {protocol}'s file id and kind", shows(part))
        for protocol in ("openai_chat", "openai_responses", "anthropic_messages")
        for kind, part in (
            ("image", ImageFile(file_id="file-1", media_type="image/png", protocol=protocol)),
            ("file", File(source=FileSource(file_id="file-1", media_type="application/pdf", protocol=protocol))),
        )
    ],
    RequestCase("image that the assistant showed", history(ImageBase64(data=PNG, media_type="image/png"))),
    RequestCase("signed image", history(ImageBase64(data=PNG, media_type="image/png", signature=GEMINI))),
    RequestCase("signed text", history(Text(text="149 m.", signature=GEMINI))),
    RequestCase("signed sound", history(Audio(source=WAV, format="wav", signature=GEMINI))),
    RequestCase("sound that the assistant made", history(Audio(source=WAV, format="wav", transcript="149 m.", audio_id="audio_1"))),
    RequestCase("sound that the assistant made, by its id", history(Audio(audio_id="audio_1"))),
    RequestCase("sound that the assistant made, without an id", history(Audio(source=WAV), Audio(source=WAV, transcript="149 m."))),
    RequestCase("sound by URL", shows(Audio(source=UrlSource(url="https://example.com/a.wav", media_type="audio/wav"), format="wav"))),
    RequestCase("sound of another name", shows(Audio(source=InlineSource(data=b"RIFF", media_type="audio/x-wav"), format="wav"))),
    RequestCase("sound that the user sends back", shows(Audio(source=WAV, format="wav", transcript="How deep?"))),
    RequestCase("sound that is a text", shows(Audio(source=TextSource(text="149 m.")))),
    RequestCase("video inline", shows(Video(source=InlineSource(data=b"data", media_type="video/mp4"), metadata={"fps": 2}))),
    RequestCase("file by URL without its kind", shows(File(source=UrlSource(url="https://example.com/a"), filename="a"))),
    RequestCase("file that is a picture", shows(File(source=InlineSource(data=PNG, media_type="image/png"), filename="a.png"))),
    RequestCase("file that is a text", shows(File(source=InlineSource(data=b"149 m.", media_type="text/markdown"), filename="a.md"))),
    RequestCase("file that is no text, though it says so", shows(File(source=InlineSource(data=b"\xff\xfe", media_type="text/plain")))),
    RequestCase("file that few take", shows(File(source=InlineSource(data=b"PK", media_type="application/zip"), filename="a.zip"))),
    RequestCase("document of another kind", shows(File(source=TextSource(text="149 m.", media_type="text/x-rst"), filename="a.rst"))),
    RequestCase("file with all that can be said of it", shows(File(source=WAV, filename="a", title="b", context="c", detail="high"))),
    RequestCase("JSON that the user says", shows(Json(value={"depth_m": 149}))),
    RequestCase("JSON that the assistant said", history(Json(value=[149]))),
    RequestCase("nothing in particular", history(Refusal(text=""), Text(text=" "), Text(text=""))),
    RequestCase("message without content", asks(QUESTION, said(), user("And now?"))),
    RequestCase("system text of blanks", system(Text(text=" "), Text(text="Be brief."))),
    RequestCase("picture of the system", system(Text(text="Look."), ImageBase64(data=PNG, media_type="image/png"))),
    RequestCase(
        "nobody but the system", asks(Message.text(MessageRole.SYSTEM, "Be brief."), Message.text(MessageRole.DEVELOPER, "Be kind."))
    ),
    RequestCase("instructions of blanks", asks(instructions=" ")),
    RequestCase("instructions before system text", asks(Message.text(MessageRole.SYSTEM, "Be kind."), QUESTION, instructions="Be brief.")),
    *[
        RequestCase(
            f"what only {protocol} knows{who}", ask(Native(protocol=protocol, kind=value.get("type") or next(iter(value)), value=value))
        )
        for protocol, value in NATIVES.items()
        for who, ask in ((", of the user", shows), (", of the assistant", history))
        if protocol != "openai_responses" or ask is history  # a user's item there is no part
    ],
    RequestCase("unknown members of a part", shows(Text(text="Look.", vendor_extensions={"x": 1}))),
    RequestCase("unknown members of a message", asks(Message(role=MessageRole.USER, parts=QUESTION.parts, vendor_extensions={"x": 1}))),
    RequestCase("unknown members of an answer", asks(QUESTION, Message(role=MessageRole.ASSISTANT, vendor_extensions={"x": 1}), QUESTION)),
    RequestCase("unknown members of a tool", can(tools=(ToolDefinition(name="search", vendor_extensions={"x": 1}),))),
    RequestCase("unknown members of a request", asks(vendor_extensions={"stream_options": {"x": 1}, "text": {"x": 1}, "x": 1})),
    *[
        RequestCase(f"cache mark on {name}", ask(part))
        for name, ask, part in (
            ("an image", shows, ImageBase64(data=PNG, media_type="image/png", cache_control=MARK)),
            ("a sound", shows, Audio(source=WAV, format="wav", cache_control=MARK)),
            ("a long-lived text", shows, Text(text="Long.", cache_control=CacheControl(ttl="30m"))),
            ("reasoning", history, Reasoning(text="Hm.", opaque=opaque("anthropic_messages"), cache_control=MARK)),
            ("an answer", history, Text(text="149 m.", cache_control=MARK)),
            ("a refusal", history, Refusal(text="No.", cache_control=MARK)),
            ("JSON", shows, Json(value=1, cache_control=MARK)),
        )
    ],
    RequestCase("cache mark on a call and its result", result(Text(text="149 m."), call=CALL, cache_control=MARK)),
    RequestCase("cache mark inside a result", result(Text(text="149 m.", cache_control=MARK))),
    RequestCase("cache mark on a hosted tool", can(builtin_tools=(BuiltinTool(kind="web_search", cache_control=MARK),))),
    RequestCase(
        "cache policy, disabled, with a mark",
        asks(
            Message(role=MessageRole.USER, parts=(Text(text="Long.", cache_control=MARK),)),
            capabilities=CapabilitySet(prompt_cache=PromptCachePolicy.disabled()),
        ),
    ),
    *[
        RequestCase(f"cache policy, {where}", asks(*items, capabilities=CapabilitySet(prompt_cache=PromptCachePolicy(breakpoint=at))))
        for where, at, items in (
            ("at instructions that are not there", EndOfInstructions(), (QUESTION,)),
            ("at empty instructions", EndOfInstructions(), (Message(role=MessageRole.SYSTEM), QUESTION)),
            ("at system text alone", EndOfInstructions(), (Message.text(MessageRole.SYSTEM, "Be brief."),)),
            ("at a message", EndOfMessage(index=0), (QUESTION,)),
            (
                "at a marked message",
                EndOfMessage(index=0),
                (Message(role=MessageRole.USER, parts=(Text(text="Long.", cache_control=CacheControl(ttl="5m")),)),),
            ),
            ("at a message without content", EndOfMessage(index=0), (Message(role=MessageRole.USER), QUESTION)),
        )
    ],
    RequestCase("tool result of another name", result(Text(text="149 m."), name="other")),
    RequestCase("tool result of another kind", result(Text(text="149 m."), kind="custom")),
    RequestCase("tool result with an item's id", result(Text(text="149 m."), item_id="fco_1")),
    RequestCase("tool result with a picture before its text", result(ImageBase64(data=PNG, media_type="image/png"), Text(text="149 m."))),
    RequestCase("tool result with a sound", result(Audio(source=WAV, format="wav"))),
    RequestCase("tool result with a video", result(Video(source=InlineSource(data=b"data", media_type="video/mp4")))),
    RequestCase("tool result with a document", result(File(source=TextSource(text="149 m.")))),
    RequestCase("tool result that is a list", result(Json(value=[149]), Json(value={"m": 149}))),
    RequestCase("tool result without content", result()),
    RequestCase("tool result without its call", asks(QUESTION, ToolResult(call_id="gone", content=RESULT.content, item_id="fco_1"))),
    RequestCase("picture of a tool that was not called", asks(QUESTION, ToolResult(call_id="gone", content=(ImageBase64(data=PNG),)))),
    RequestCase("tool call of a long id", result(Text(text="149 m."), call=ToolCall(call_id="call_" + "x" * 80, name="search"))),
    RequestCase("tool call without arguments", result(Text(text="149 m."), call=ToolCall(call_id="call_1", name="search"))),
    RequestCase("signed tool call", result(call=ToolCall(call_id="call_1", name="search", arguments="{}", signature=GEMINI))),
    RequestCase(
        "custom tool call", result(Text(text="ok"), call=ToolCall(call_id="c1", name="sh", arguments="ls", kind="custom"), kind="custom")
    ),
    RequestCase("custom tool with a grammar", can(tools=(ToolDefinition(name="sh", kind="custom", format={"type": "text"}),))),
    RequestCase("custom tool with a schema", can(tools=(ToolDefinition(name="sh", kind="custom", input_schema=SEARCH.input_schema),))),
    RequestCase("tool choice without a name", chooses(mode="named")),
    RequestCase("tool choice of a tool that is not there", chooses(mode="named", names=("gone",))),
    RequestCase("tool choice of a custom tool", chooses(mode="named", names=("search",), kind="custom")),
    RequestCase(
        "tool choice of another protocol", chooses(mode="named", protocol="openai_responses", native={"type": "mcp", "server_label": "x"})
    ),
    RequestCase("tool choice without tools", can(tool_choice=ToolChoice(mode="required"), parallel_tool_calls=False)),
    RequestCase(
        "tool choice none, and no parallel calls", can(tools=(SEARCH,), tool_choice=ToolChoice(mode="none"), parallel_tool_calls=False)
    ),
    RequestCase(
        "forced call of a model that thinks",
        asks(
            generation=GenerationConfig(max_output_tokens=9000),
            capabilities=CapabilitySet(
                tools=(SEARCH,), tool_choice=ToolChoice(mode="required"), reasoning=ReasoningCapability(budget_tokens=2048)
            ),
        ),
    ),
    RequestCase(
        "two searches", can(builtin_tools=(BuiltinTool(kind="web_search"), BuiltinTool(kind="web_search", search_context_size="low")))
    ),
    RequestCase("reasoning effort and budget", can(reasoning=ReasoningCapability(effort="low", budget_tokens=2048))),
    RequestCase(
        "redacted reasoning, then shown",
        history(Reasoning(opaque=opaque("anthropic_messages"), is_redacted=True), Reasoning(text="Hm."), Text(text="149 m.")),
    ),
    RequestCase(
        "reasoning and its summary",
        history(Reasoning(text="Hm.", summary=("A.", "B."), opaque=opaque("openai_responses")), Text(text="149 m.")),
    ),
    RequestCase("citations in the history", history(Text(text="149 m.", citations=(Citation(url="https://example.com", title="Lake"),)))),
    RequestCase("items' ids in the history", history(Text(text="149 m.", item_id="msg_1"), Refusal(text="No.", item_id="msg_1"))),
    RequestCase("stop sequences of blanks", sets(stop=("\n",))),
    RequestCase(
        "schema that is no object", can(structured_output=StructuredOutputConfig(name="depth", schema={"type": "string"}, strict=False))
    ),
)

RARE_REPLIES = (
    ReplyCase("signed image", answers(Text(text="Here."), ImageBase64(data=PNG, media_type="image/png", signature=GEMINI))),
    ReplyCase("sound without a transcript", answers(Audio(source=WAV, format="wav"))),
    ReplyCase("sound by URL", answers(Audio(source=UrlSource(url="https://example.com/a.wav", media_type="audio/wav"), format="wav"))),
    ReplyCase("video", answers(Video(source=InlineSource(data=b"data", media_type="video/mp4"), metadata={"fps": "x"}))),
    ReplyCase("several summaries", answers(Reasoning(summary=("A.", "B."), opaque=opaque("openai_responses")), Text(text="149 m."))),
    ReplyCase("several summaries, unsigned", answers(Reasoning(summary=("A.", "B.")), Text(text="149 m."))),
    ReplyCase(
        "unknown members of the parts of an answer",
        answers(Reasoning(text="Hm.", vendor_extensions={"x": 1}), Text(text="149 m.", vendor_extensions={"x": 1})),
    ),
    ReplyCase("JSON", answers(Json(value={"depth_m": 149}))),
    ReplyCase("text, call, text", answers(Text(text="I look."), CALL, Text(text="149 m."), reason=FinishReason.TOOL_CALL)),
    *[
        ReplyCase(
            f"what only {protocol} knows", answers(Native(protocol=protocol, kind=value.get("type") or next(iter(value)), value=value))
        )
        for protocol, value in NATIVES.items()
    ],
    ReplyCase(
        "several citations",
        answers(
            Text(
                text="149 m. Deep.",
                citations=(Citation(url="https://example.com/a", start=0, end=6), Citation(url="https://example.com/b", title="B")),
            ),
        ),
    ),
)
