"""A conversation held with each official SDK, so that one test says it in all clients: strict, and with the history as the SDK returns it."""

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import anthropic
import openai
from google import genai
from google.genai import types
from tests.journeys.running import VIRTUAL_KEY
from tests.protocols.sdk_types.put_together import interaction_of

SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"], "additionalProperties": False}
TOOLS = {"search": "Search the manual.", "look_up": "Look up a word."}


class Called(NamedTuple):
    call_id: str
    name: str
    arguments: dict[str, Any]


class Said(NamedTuple):
    text: str
    calls: tuple[Called, ...] = ()
    finish: str = ""
    reasoning: str = ""
    prompt_tokens: int = 0
    """With what was read from a cache."""
    cached_tokens: int = 0
    output_tokens: int = 0
    """With reasoning."""


class Wish(NamedTuple):
    """What a call asks for beside the conversation."""

    is_stream: bool = False
    tools: bool = False
    schema: bool = False
    reasons: bool = False
    stop: str = ""
    max_tokens: int = 200


class Chat:
    """`openai`, chat completions."""

    def __init__(self, base_url: str, model: str, key: str = VIRTUAL_KEY) -> None:
        self._client = openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)
        self._model = model
        self._messages: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def system(self, text: str) -> None:
        self._messages.append({"role": "system", "content": text})

    async def ask(self, text: str, wish: Wish = Wish(), *, image: bytes = b"") -> Said:  # noqa: B008  a value
        content: Any = text
        if image:
            url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
        self._messages.append({"role": "user", "content": content})
        return await self._send(wish)

    async def answer(self, results: Mapping[str, str], wish: Wish) -> Said:
        self._messages += [{"role": "tool", "tool_call_id": call_id, "content": text} for call_id, text in results.items()]
        return await self._send(wish)

    async def _send(self, wish: Wish) -> Said:
        asked: dict[str, Any] = {"model": self._model, "messages": self._messages, "max_completion_tokens": wish.max_tokens}
        if wish.tools:
            functions = [{"name": name, "description": text, "parameters": SCHEMA} for name, text in TOOLS.items()]
            asked["tools"] = [{"type": "function", "function": function} for function in functions]
        if wish.schema:
            asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "found", "schema": SCHEMA, "strict": True}}
        if wish.reasons:
            asked["reasoning_effort"] = "low"
        if wish.stop:
            asked["stop"] = [wish.stop]
        if wish.is_stream:
            async with self._client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
                try:
                    completion = await stream.get_final_completion()
                except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):  # the SDK's own way of telling them
                    completion = stream.current_completion_snapshot
        else:
            completion = await self._client.chat.completions.create(**asked)
        [choice] = completion.choices
        message = choice.message
        self._messages.append(_plain(message))
        usage = completion.usage
        return Said(
            text=message.content or "",
            calls=tuple(Called(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()),
            finish=choice.finish_reason,
            reasoning=getattr(message, "reasoning_content", None) or "",
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.prompt_tokens_details.cached_tokens or 0 if usage.prompt_tokens_details else 0,
            output_tokens=usage.completion_tokens,
        )


class Responses:
    """`openai`, responses, without state at the provider."""

    def __init__(self, base_url: str, model: str, key: str = VIRTUAL_KEY) -> None:
        self._client = openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)
        self._model = model
        self._items: list[Any] = []
        self._instructions = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def system(self, text: str) -> None:
        self._instructions = text

    async def ask(self, text: str, wish: Wish = Wish(), *, image: bytes = b"") -> Said:  # noqa: B008  a value
        content: Any = text
        if image:
            url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            content = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": url, "detail": "auto"}]
        self._items.append({"role": "user", "content": content})
        return await self._send(wish)

    async def answer(self, results: Mapping[str, str], wish: Wish) -> Said:
        self._items += [{"type": "function_call_output", "call_id": call_id, "output": text} for call_id, text in results.items()]
        return await self._send(wish)

    async def _send(self, wish: Wish) -> Said:
        asked: dict[str, Any] = {"model": self._model, "input": self._items, "max_output_tokens": wish.max_tokens, "store": False}
        if self._instructions:
            asked["instructions"] = self._instructions
        if wish.tools:
            functions = [{"name": name, "description": text, "parameters": SCHEMA} for name, text in TOOLS.items()]
            asked["tools"] = [{"type": "function", "strict": True, **function} for function in functions]
        if wish.schema:
            asked["text"] = {"format": {"type": "json_schema", "name": "found", "schema": SCHEMA, "strict": True}}
        if wish.reasons:
            asked |= {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        if wish.is_stream:
            async with self._client.responses.stream(**asked) as stream:
                ends = [event async for event in stream if event.type in {"response.completed", "response.incomplete"}]
            [response] = [end.response for end in ends]  # the SDK's `get_final_response` knows no incomplete one
        else:
            response = await self._client.responses.create(**asked)
        self._items += [_plain(item) for item in response.output]
        return _said_by_responses(response)


def _said_by_responses(response: Any) -> Said:
    calls = [item for item in response.output if item.type == "function_call"]
    reasoning = [item for item in response.output if item.type == "reasoning"]
    incomplete = response.incomplete_details
    return Said(
        text=response.output_text,
        calls=tuple(Called(call.call_id, call.name, json.loads(call.arguments)) for call in calls),
        finish=incomplete.reason if incomplete else response.status,
        reasoning="".join([part.text for item in reasoning for part in [*(item.summary or ()), *(item.content or ())]]),
        prompt_tokens=response.usage.input_tokens,
        cached_tokens=response.usage.input_tokens_details.cached_tokens,
        output_tokens=response.usage.output_tokens,
    )


class Messages:
    """`anthropic`."""

    def __init__(self, base_url: str, model: str, key: str = VIRTUAL_KEY) -> None:
        self._client = anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0, _strict_response_validation=True)
        self._model = model
        self._messages: list[Any] = []
        self._system = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def system(self, text: str) -> None:
        self._system = text

    async def ask(self, text: str, wish: Wish = Wish(), *, image: bytes = b"") -> Said:  # noqa: B008  a value
        content: Any = text
        if image:
            source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}
            content = [{"type": "text", "text": text}, {"type": "image", "source": source}]
        self._messages.append({"role": "user", "content": content})
        return await self._send(wish)

    async def answer(self, results: Mapping[str, str], wish: Wish) -> Said:
        content = [{"type": "tool_result", "tool_use_id": call_id, "content": text} for call_id, text in results.items()]
        self._messages.append({"role": "user", "content": content})
        return await self._send(wish)

    async def _send(self, wish: Wish) -> Said:
        asked: dict[str, Any] = {"model": self._model, "messages": self._messages, "max_tokens": wish.max_tokens}
        if self._system:
            asked["system"] = self._system
        if wish.tools:
            asked["tools"] = [{"name": name, "description": text, "input_schema": SCHEMA} for name, text in TOOLS.items()]
        if wish.schema:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if wish.stop:
            asked["stop_sequences"] = [wish.stop]
        if wish.reasons:
            asked |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
        if wish.is_stream:
            async with self._client.messages.stream(**asked) as stream:
                async for _ in stream:
                    pass
                message = await stream.get_final_message()
        else:
            message = await self._client.messages.create(**asked)
        self._messages.append({"role": "assistant", "content": [_plain(block) for block in message.content]})
        cached = message.usage.cache_read_input_tokens or 0
        return Said(
            text="".join([block.text for block in message.content if block.type == "text"]),
            calls=tuple(Called(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"),
            finish=message.stop_reason,
            reasoning="".join([block.thinking for block in message.content if block.type == "thinking"]),
            prompt_tokens=message.usage.input_tokens + cached + (message.usage.cache_creation_input_tokens or 0),
            cached_tokens=cached,
            output_tokens=message.usage.output_tokens,
        )


class Gemini:
    """`google-genai`."""

    def __init__(self, base_url: str, model: str, key: str = VIRTUAL_KEY) -> None:
        self._client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base_url))
        self._model = model
        self._contents: list[types.Content] = []
        self._system = ""
        self._names: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aio.aclose()

    def system(self, text: str) -> None:
        self._system = text

    async def ask(self, text: str, wish: Wish = Wish(), *, image: bytes = b"") -> Said:  # noqa: B008  a value
        parts = [types.Part(text=text)]
        if image:
            parts.append(types.Part(inline_data=types.Blob(mime_type="image/png", data=image)))
        self._contents.append(types.Content(role="user", parts=parts))
        return await self._send(wish)

    async def answer(self, results: Mapping[str, str], wish: Wish) -> Said:
        answered = [
            types.FunctionResponse(
                id=call_id if not call_id.startswith("#") else None, name=self._names[call_id], response={"result": text}
            )
            for call_id, text in results.items()
        ]
        self._contents.append(types.Content(role="user", parts=[types.Part(function_response=each) for each in answered]))
        return await self._send(wish)

    async def _send(self, wish: Wish) -> Said:
        config = types.GenerateContentConfig(max_output_tokens=wish.max_tokens, system_instruction=self._system or None)
        if wish.tools:
            functions = [
                types.FunctionDeclaration(name=name, description=text, parameters_json_schema=SCHEMA) for name, text in TOOLS.items()
            ]
            config.tools = [types.Tool(function_declarations=functions)]
        if wish.schema:
            config.response_mime_type = "application/json"
            config.response_json_schema = SCHEMA
        if wish.stop:
            config.stop_sequences = [wish.stop]
        if wish.reasons:
            config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW)
        models = self._client.aio.models
        if wish.is_stream:
            stream = await models.generate_content_stream(model=self._model, contents=self._contents, config=config)
            chunks = [chunk async for chunk in stream]
        else:
            chunks = [await models.generate_content(model=self._model, contents=self._contents, config=config)]
        parts = [part for chunk in chunks for part in _parts(chunk)]
        self._contents.append(types.Content(role="model", parts=parts))
        return self._said(parts, chunks[-1])

    def _said(self, parts: list[types.Part], last: types.GenerateContentResponse) -> Said:
        calls = [
            Called(call.id or f"#{len(self._names) + number}", call.name or "", call.args or {})
            for number, call in enumerate(part.function_call for part in parts if part.function_call)
        ]
        self._names |= {call.call_id: call.name for call in calls}
        usage = last.usage_metadata
        assert usage is not None
        return Said(
            text="".join([part.text for part in parts if part.text and not part.thought]),
            calls=tuple(calls),
            finish=last.candidates[0].finish_reason.value,
            reasoning="".join([part.text for part in parts if part.text and part.thought]),
            prompt_tokens=usage.prompt_token_count or 0,
            cached_tokens=usage.cached_content_token_count or 0,
            output_tokens=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        )


class Interactions:
    """`google-genai`, interactions, without state at the provider."""

    def __init__(self, base_url: str, model: str, key: str = VIRTUAL_KEY) -> None:
        options = types.HttpOptions(base_url=base_url, retry_options=types.HttpRetryOptions(attempts=1))
        self._client = genai.Client(api_key=key, http_options=options)
        self._model = model
        self._steps: list[Any] = []
        self._system = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aio.aclose()

    def system(self, text: str) -> None:
        self._system = text

    async def ask(self, text: str, wish: Wish = Wish(), *, image: bytes = b"") -> Said:  # noqa: B008  a value
        content: list[Any] = [{"type": "text", "text": text}]
        if image:
            content.append({"type": "image", "data": base64.b64encode(image).decode(), "mime_type": "image/png"})
        self._steps.append({"type": "user_input", "content": content})
        return await self._send(wish)

    async def answer(self, results: Mapping[str, str], wish: Wish) -> Said:
        self._steps += [{"type": "function_result", "call_id": call_id, "result": text} for call_id, text in results.items()]
        return await self._send(wish)

    async def _send(self, wish: Wish) -> Said:
        generation: dict[str, Any] = {"max_output_tokens": wish.max_tokens}
        asked: dict[str, Any] = {"model": self._model, "input": self._steps, "store": False, "generation_config": generation}
        if self._system:
            asked["system_instruction"] = self._system
        if wish.tools:
            asked["tools"] = [{"type": "function", "name": name, "description": text, "parameters": SCHEMA} for name, text in TOOLS.items()]
        if wish.schema:
            asked["response_format"] = {"type": "text", "mime_type": "application/json", "schema": SCHEMA}
        if wish.stop:
            generation["stop_sequences"] = [wish.stop]
        if wish.reasons:
            generation |= {"thinking_level": "low", "thinking_summaries": "auto"}
        interactions = self._client.aio.interactions
        if wish.is_stream:
            events = [event async for event in await interactions.create(**asked, stream=True)]
            if events[-1].event_type == "error":
                raise RuntimeError(events[-1].error.message)
            made = interaction_of(events)
        else:
            made = (await interactions.create(**asked)).model_dump(mode="json", exclude_none=True)
        steps = made["steps"]
        self._steps += steps
        usage = made["usage"]
        return Said(
            text="".join([content["text"] for step in steps if step["type"] == "model_output" for content in step["content"]]),
            calls=tuple(Called(step["id"], step["name"], step["arguments"]) for step in steps if step["type"] == "function_call"),
            finish=made["status"],
            reasoning="".join([told["text"] for step in steps if step["type"] == "thought" for told in step.get("summary", ())]),
            prompt_tokens=usage["total_input_tokens"],
            cached_tokens=usage["total_cached_tokens"],
            output_tokens=usage["total_output_tokens"] + usage["total_thought_tokens"],
        )


def _parts(chunk: types.GenerateContentResponse) -> list[types.Part]:
    content = chunk.candidates[0].content if chunk.candidates else None
    return (content.parts or []) if content else []


def _plain(value: Any) -> Any:
    """As an application sends it back: what the SDK read, without what was absent. Parsed output is the SDK's own addition."""
    return value.model_dump(mode="json", exclude_none=True, exclude={"parsed", "parsed_arguments", "parsed_output"}, by_alias=True)


CLIENTS = {
    "openai_chat": Chat,
    "openai_responses": Responses,
    "anthropic_messages": Messages,
    "gemini_generate_content": Gemini,
    "gemini_interactions": Interactions,
}
