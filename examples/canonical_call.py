"""One program, four providers: a call, a stream and a tool in no protocol's words. `python examples/canonical_call.py`.

A fake provider stands in for all four. With a real one, only the endpoint and the key change.
"""

import asyncio

from omnillm import (
    CapabilitySet,
    Completed,
    FinishReason,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LlmRequest,
    ProviderEndpoint,
    RequestItem,
    ToolDefinition,
    user,
)
from omnillm.model import Text, TextDelta, ToolResult
from omnillm.testing import Behaviour, FakeProvider

DEPTH = ToolDefinition(
    name="depth_of",
    description="The depth of a lake, in metres.",
    input_schema={"type": "object", "properties": {"lake": {"type": "string"}}, "required": ["lake"]},
)


async def main() -> None:
    async with FakeProvider(keys={"sk-good": Behaviour(words=8)}) as provider:
        url = provider.base_url
        for name, endpoint in (
            ("chat", ProviderEndpoint.openai(url)),
            ("responses", ProviderEndpoint(kind="openai", base_url=url, protocol="responses")),
            ("messages", ProviderEndpoint.anthropic(url)),
            ("gemini", ProviderEndpoint.gemini(url)),
        ):
            async with Gateway(endpoint, keys=[KeyConfig(label="prod-1", key="sk-good")]) as gateway:
                print(f"{name}:")
                await ask(gateway)


async def ask(gateway: Gateway) -> None:
    request = LlmRequest(model="fake-small", input=(user("How deep is the lake?"),), generation=GenerationConfig(max_output_tokens=40))
    reply = await gateway.call(request)
    print(f"  reply: {reply.content_text} ({reply.finish_reason.value}, {reply.usage.total} tokens)")

    pieces = 0
    async with gateway.stream(request) as events:
        async for event in events:
            pieces += isinstance(event, TextDelta)
            if isinstance(event, Completed):
                print(f"  stream: {event.text} ({pieces} pieces)")

    question = user("[[tool]] How deep is Lake Constance?")  # the fake provider calls the tool that it is told to
    tools = CapabilitySet(tools=(DEPTH,))
    asked = await gateway.call(LlmRequest(model="fake-small", input=(question,), capabilities=tools, generation=request.generation))
    if asked.finish_reason is FinishReason.TOOL_CALL:
        results = [ToolResult(call_id=call.call_id, name=call.name, content=(Text(text="251 m"),)) for call in asked.message.tool_calls]
        print("  calls: ", *(f"{call.name}({call.arguments})" for call in asked.message.tool_calls))
        turns: tuple[RequestItem, ...] = (question, asked.message, *results, user("Thank you. And in feet?"))
        told = await gateway.call(LlmRequest(model="fake-small", input=turns, capabilities=tools, generation=request.generation))
        print(f"  then:  {told.content_text}")


if __name__ == "__main__":
    asyncio.run(main())
