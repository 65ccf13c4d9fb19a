"""A tool call and a look at a picture, at a real provider named by the environment. `python examples/live_demo.py`; see `.env.example`.

Without OMNILLM_RESPONSES_API_KEY a fake provider stands in.
"""

import asyncio
import os

from omnillm import (
    AuthScheme,
    Bearer,
    CapabilitySet,
    Completed,
    Gateway,
    GatewayResponse,
    GenerationConfig,
    Header,
    KeyConfig,
    LlmRequest,
    LlmResponse,
    Message,
    MessageRole,
    ProviderEndpoint,
    Query,
    ToolDefinition,
    user,
)
from omnillm.model import ImageUrl, Text
from omnillm.protocols.protocol_names import parse_protocol
from omnillm.testing import Behaviour, FakeProvider

DEPTH = ToolDefinition(name="depth_of", input_schema={"type": "object", "properties": {"lake": {"type": "string"}}, "required": ["lake"]})
KINDS = {"anthropic_messages": "anthropic", "gemini_generate_content": "gemini"}


def setting(name: str, default: str = "") -> str:
    return os.environ.get(f"OMNILLM_RESPONSES_{name}", "") or default


def auth() -> AuthScheme:
    name, scheme = setting("AUTH_NAME"), setting("AUTH_SCHEME", "bearer").lower()
    if scheme == "header":
        return Header(name)
    return Query(name) if scheme == "query" else Bearer()


def endpoint(base_url: str) -> ProviderEndpoint:
    protocol, is_compat = parse_protocol(setting("PROTOCOL", "responses"))
    extra = {setting("EXTRA_HEADER_NAME"): setting("EXTRA_HEADER_VALUE")} if setting("EXTRA_HEADER_NAME") else {}
    return ProviderEndpoint(
        kind=KINDS.get(protocol, "openai"), base_url=base_url, protocol=protocol, is_compat=is_compat, auth=auth(), headers=extra
    )


async def main() -> None:
    secret = setting("API_KEY")
    if secret:
        await demonstrate(endpoint(setting("BASE_URL", "https://api.openai.com/v1")), secret)
        return
    async with FakeProvider(keys={"sk-good": Behaviour(words=8)}) as provider:
        await demonstrate(ProviderEndpoint(kind="openai", base_url=provider.base_url, protocol="responses"), "sk-good")


async def demonstrate(at: ProviderEndpoint, secret: str) -> None:
    generation = GenerationConfig(max_output_tokens=int(setting("MAX_OUTPUT_TOKENS", "256")))
    async with Gateway(at, keys=[KeyConfig(label="live", key=secret)]) as gateway:
        tools = LlmRequest(
            model=setting("TOOL_MODEL", "gpt-4.1-mini"),
            input=(user(setting("TOOL_PROMPT", "[[tool]] How deep is Lake Constance? Use the tool.")),),
            capabilities=CapabilitySet(tools=(DEPTH,)),
            generation=generation,
        )
        reply = await answer(gateway, tools)
        print("tool:  ", *(f"{call.name}({call.arguments})" for call in reply.message.tool_calls), reply.content_text)
        picture = ImageUrl(url=setting("IMAGE_URL", "https://www.gstatic.com/webp/gallery/1.jpg"))
        prompt = Text(text=setting("VISION_PROMPT", "What is in this picture?"))
        vision = LlmRequest(
            model=setting("VISION_MODEL", "gpt-4.1-mini"),
            input=(Message(role=MessageRole.USER, parts=(prompt, picture)),),
            generation=generation,
        )
        print("vision:", (await answer(gateway, vision)).content_text)


async def answer(gateway: Gateway, request: LlmRequest) -> LlmResponse | GatewayResponse:
    if setting("STREAM", "false").lower() not in {"1", "true", "yes"}:
        return await gateway.call(request)
    async with gateway.stream(request) as events:
        async for event in events:
            if isinstance(event, Completed) and event.response is not None:
                return event.response
    raise AssertionError("a stream ends with Completed, or raises")


if __name__ == "__main__":
    asyncio.run(main())
