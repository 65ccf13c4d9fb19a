"""A program that uses the library, as its type checker sees it: `make types` reads it, and nobody runs it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import assert_type

from omnillm import (
    ApiReply,
    ApiRequest,
    ApiResponse,
    BudgetTracker,
    Completed,
    ConversionReport,
    EmbeddingRequest,
    EmbeddingResponse,
    ErrorReply,
    Estimate,
    Failure,
    Fault,
    Gateway,
    GatewayResponse,
    ImageRequest,
    ImageResponse,
    KeyConfig,
    LlmRequest,
    LlmResponse,
    LlmStreamEvent,
    ModerationRequest,
    ModerationResponse,
    PrimitiveReply,
    PrimitiveRequest,
    ProviderEndpoint,
    RerankRequest,
    RerankResponse,
    SpeechRequest,
    SpeechResponse,
    SyncGateway,
    TranscriptionRequest,
    TranscriptionResponse,
    Usage,
    emit_api_request,
    emit_error,
    emit_request,
    parse_api_request,
    parse_api_response,
    parse_error,
    parse_request,
    parse_response,
    user,
)

REQUEST = LlmRequest(model="m", input=(user("Hello"),))


async def of_calls(gateway: Gateway) -> None:
    assert_type(await gateway.call(REQUEST), GatewayResponse)
    assert_type((await gateway.call(REQUEST)).usage, Usage)
    async with gateway.stream(REQUEST) as events:
        assert_type(events, AsyncIterator[LlmStreamEvent | Completed])
        async for event in events:
            if isinstance(event, Completed):
                assert_type(event.response, GatewayResponse | None)
                assert_type(event.cost_usd, str)
    assert_type(await gateway.primitive_call(PrimitiveRequest.json({"model": "m"})), PrimitiveReply)
    assert_type(await gateway.estimate(REQUEST), Estimate)
    assert_type(gateway.budget_used_usd(), Decimal)
    assert_type(gateway.budget_remaining_usd(), Decimal | None)


async def of_families(gateway: Gateway, asked: ApiRequest) -> None:
    assert_type(await gateway.api_call(EmbeddingRequest(model="m", inputs=("a",))), ApiReply[EmbeddingResponse])
    assert_type(await gateway.api_call(ModerationRequest(model="m", texts=("a",))), ApiReply[ModerationResponse])
    assert_type(await gateway.api_call(RerankRequest(model="m", query="a", documents=("b",))), ApiReply[RerankResponse])
    assert_type(await gateway.api_call(ImageRequest(model="m", prompt="a")), ApiReply[ImageResponse])
    assert_type(await gateway.api_call(SpeechRequest(model="m", text="a", voice="b")), ApiReply[SpeechResponse])
    assert isinstance(asked, TranscriptionRequest)
    assert_type(await gateway.api_call(asked), ApiReply[TranscriptionResponse])
    vectors = (await gateway.api_call(EmbeddingRequest(model="m", inputs=("a",)))).response.vectors
    assert_type(vectors[0], tuple[float, ...])


def of_threads(gateway: SyncGateway) -> None:
    assert_type(gateway.call(REQUEST, tags="team=a"), GatewayResponse)
    assert_type(gateway.api_call(RerankRequest(model="m", query="a", documents=("b",))), ApiReply[RerankResponse])
    with gateway.stream(REQUEST) as events:
        assert_type(next(events), LlmStreamEvent | Completed)
    gateway.reload()


async def of_any_family(gateway: Gateway, asked: EmbeddingRequest | RerankRequest) -> None:
    assert_type(await gateway.api_call(asked), ApiReply[EmbeddingResponse] | ApiReply[RerankResponse])


def of_translations() -> None:
    parsed = parse_request("openai_chat", b"{}")
    assert_type(parsed, ConversionReport[LlmRequest])
    assert_type(emit_request("anthropic_messages", parsed.value), ConversionReport[bytes])
    assert_type(parse_response("openai_chat", b"{}"), ConversionReport[LlmResponse])
    asked = parse_api_request("openai_embeddings", b"{}")
    assert_type(asked, ApiRequest)
    assert_type(emit_api_request("openai_embeddings", asked), ConversionReport[bytes])
    assert_type(parse_api_response("openai_embeddings", b"{}"), ApiResponse)
    failure = parse_error("openai_chat", 400, b"{}")
    assert_type(failure, Failure)
    fault = Fault(status=failure.status, code=failure.code, message=failure.message, request_id="")
    assert_type(emit_error("anthropic_messages", fault), ErrorReply)


def of_money() -> Gateway:
    assert_type(BudgetTracker("1").try_reserve("0.5"), bool)
    return Gateway(ProviderEndpoint.openai(), keys=[KeyConfig(label="a", key="x")], budget_limit_usd=Decimal(5))
