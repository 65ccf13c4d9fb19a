"""One question put with each official SDK, whole or streamed, and what the SDK understood: in one form for four protocols."""

import base64
from typing import Any, NamedTuple

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"]}
TOOLS = ("weather", "tides")


class Heard(NamedTuple):
    text: str
    calls: tuple[tuple[str, Any], ...] = ()
    """Names and arguments."""
    reasoning: str = ""
    seals: tuple[str, ...] = ()
    refusal: str = ""
    finish: str = ""
    stop: str | None = None
    tokens: tuple[int, int] = (0, 0)
    """Output with reasoning, and reasoning."""
    kinds: tuple[str, ...] = ()
    """Of the blocks, in order."""


class Wish(NamedTuple):
    is_stream: bool = False
    tools: bool = False
    schema: bool = False
    stop: str = ""
    image: bytes = b""
    url: str = ""
    seals: bool = True
    most: int = 500


async def chat(base_url: str, prompt: str, wish: Wish) -> Heard:
    asked: dict[str, Any] = {"model": "m", "max_completion_tokens": wish.most}
    content: list[Any] = [{"type": "text", "text": prompt}]
    for url in _urls(wish):
        content.append({"type": "image_url", "image_url": {"url": url}})
    asked["messages"] = [{"role": "system", "content": "a secret"}, {"role": "user", "content": content}]
    if wish.tools:
        asked["tools"] = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS]
    if wish.schema:
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    if wish.stop:
        asked["stop"] = wish.stop
    async with AsyncOpenAI(api_key="k", base_url=f"{base_url}/v1", max_retries=0, _strict_response_validation=True) as client:
        if wish.is_stream:
            async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
                async for _ in stream:
                    pass
                reply: Any = await stream.get_final_completion()
        else:
            reply = await client.chat.completions.create(**asked)
    message = reply.choices[0].message
    return Heard(
        text=message.content or "",
        calls=tuple((call.function.name, call.function.arguments) for call in message.tool_calls or ()),
        reasoning=getattr(message, "reasoning_content", None) or "",
        refusal=message.refusal or "",
        finish=reply.choices[0].finish_reason,
        tokens=(reply.usage.completion_tokens, reply.usage.completion_tokens_details.reasoning_tokens),
    )


async def responses(base_url: str, prompt: str, wish: Wish) -> Heard:
    content: list[Any] = [{"type": "input_text", "text": prompt}]
    for url in _urls(wish):
        content.append({"type": "input_image", "image_url": url, "detail": "auto"})
    asked: dict[str, Any] = {"model": "m", "max_output_tokens": wish.most, "instructions": "a secret"}
    asked["input"] = [{"role": "user", "content": content}]
    if wish.tools:
        asked["tools"] = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in TOOLS]
    if wish.schema:
        asked["text"] = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}
    if wish.seals:
        asked["include"] = ["reasoning.encrypted_content"]
    async with AsyncOpenAI(api_key="k", base_url=f"{base_url}/v1", max_retries=0, _strict_response_validation=True) as client:
        if wish.is_stream:
            async with client.responses.stream(**asked) as stream:
                numbers = [event.sequence_number async for event in stream]
                reply: Any = await stream.get_final_response()
            assert numbers == list(range(len(numbers)))
        else:
            reply = await client.responses.create(**asked)
    reasoning = [item for item in reply.output if item.type == "reasoning"]
    parts = [part for item in reply.output if item.type == "message" for part in item.content]
    return Heard(
        text=reply.output_text,
        calls=tuple((item.name, item.arguments) for item in reply.output if item.type == "function_call"),
        reasoning="".join([part.text for item in reasoning for part in item.summary]),
        seals=tuple(item.encrypted_content for item in reasoning if item.encrypted_content),
        refusal="".join([part.refusal for part in parts if part.type == "refusal"]),
        finish=reply.status,
        tokens=(reply.usage.output_tokens, reply.usage.output_tokens_details.reasoning_tokens),
        kinds=tuple(item.type for item in reply.output),
    )


async def messages(base_url: str, prompt: str, wish: Wish) -> Heard:
    content: list[Any] = [{"type": "text", "text": prompt}]
    if wish.image:
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(wish.image).decode()}
        content.append({"type": "image", "source": source})
    if wish.url:
        content.append({"type": "image", "source": {"type": "url", "url": wish.url}})
    asked: dict[str, Any] = {"model": "m", "max_tokens": wish.most, "system": "a secret"}
    asked["messages"] = [{"role": "user", "content": content}]
    if wish.tools:
        asked["tools"] = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]
    if wish.schema:
        asked["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if wish.stop:
        asked["stop_sequences"] = [wish.stop]
    async with AsyncAnthropic(api_key="k", base_url=base_url, max_retries=0, _strict_response_validation=True) as client:
        if wish.is_stream:
            async with client.messages.stream(**asked) as stream:
                reply: Any = await stream.get_final_message()
        else:
            reply = await client.messages.create(**asked)
    blocks = reply.content
    thinking = [block for block in blocks if block.type == "thinking"]
    return Heard(
        text="".join([block.text for block in blocks if block.type == "text"]),
        calls=tuple((block.name, block.input) for block in blocks if block.type == "tool_use"),
        reasoning="".join([block.thinking for block in thinking]),
        seals=(*(block.signature for block in thinking), *(block.data for block in blocks if block.type == "redacted_thinking")),
        refusal=reply.stop_details.category if reply.stop_details else "",
        finish=reply.stop_reason,
        stop=reply.stop_sequence,
        tokens=(reply.usage.output_tokens, reply.usage.output_tokens_details.thinking_tokens),
        kinds=tuple(block.type for block in blocks),
    )


async def gemini(base_url: str, prompt: str, wish: Wish) -> Heard:
    config = types.GenerateContentConfig(max_output_tokens=wish.most, system_instruction="a secret")
    parts = [types.Part(text=prompt)]
    if wish.image:
        parts.append(types.Part(inline_data=types.Blob(mime_type="image/png", data=wish.image)))
    if wish.url:
        parts.append(types.Part(file_data=types.FileData(mime_type="image/png", file_uri=wish.url)))
    if wish.tools:
        functions = [types.FunctionDeclaration(name=name, parameters_json_schema=SCHEMA) for name in TOOLS]
        config.tools = [types.Tool(function_declarations=functions)]
    if wish.schema:
        config.response_mime_type = "application/json"
        config.response_json_schema = SCHEMA
    if wish.stop:
        config.stop_sequences = [wish.stop]
    async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base_url)).aio as client:
        contents: Any = [types.Content(role="user", parts=parts)]
        if wish.is_stream:
            stream = await client.models.generate_content_stream(model="m", contents=contents, config=config)
            chunks: list[Any] = [chunk async for chunk in stream]
        else:
            chunks = [await client.models.generate_content(model="m", contents=contents, config=config)]
    said = [part for chunk in chunks if chunk.candidates[0].content for part in chunk.candidates[0].content.parts]
    usage = chunks[-1].usage_metadata
    thoughts = usage.thoughts_token_count or 0
    kinds = ["call" if part.function_call else "thought" if part.thought else "text" for part in said if part.text or part.function_call]
    return Heard(
        text="".join([part.text for part in said if part.text and not part.thought]),
        calls=tuple((part.function_call.name, part.function_call.args) for part in said if part.function_call),
        reasoning="".join([part.text for part in said if part.text and part.thought]),
        seals=tuple(base64.b64encode(part.thought_signature).decode() for part in said if part.thought_signature),
        finish=chunks[-1].candidates[0].finish_reason.value,
        tokens=(usage.candidates_token_count + thoughts, thoughts),
        kinds=tuple(dict.fromkeys(kinds)),
    )


def _urls(wish: Wish) -> list[str]:
    packed = f"data:image/png;base64,{base64.b64encode(wish.image).decode()}" if wish.image else ""
    return [url for url in (packed, wish.url) if url]


ASK = {"openai_chat": chat, "openai_responses": responses, "anthropic_messages": messages, "gemini_generate_content": gemini}
