"""What a call would cost, asked of the library without making it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from omnillm import (
    BadRequest,
    BudgetExceeded,
    EmbeddingRequest,
    Estimate,
    Forbidden,
    Gateway,
    GenerationConfig,
    KeyConfig,
    LlmRequest,
    PriceConfig,
    PrimitiveForm,
    PrimitiveRequest,
    ProviderEndpoint,
    SpeechRequest,
    user,
)
from omnillm.testing import FakeProvider

KEYS = [KeyConfig(label="a", key="sk-a")]
PRICE = PriceConfig(input="1", output="2", max_output=500)
WORDS = "How deep is the lake, and how cold?"
ASKED = LlmRequest(model="fake-small", input=(user(WORDS),), generation=GenerationConfig(max_output_tokens=100))
CHAT = {"model": "fake-small", "max_tokens": 100, "messages": [{"role": "user", "content": WORDS}]}


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as fake:
        yield fake


def gateway(endpoint: ProviderEndpoint, budget: str | None = None) -> Gateway:
    return Gateway(endpoint, keys=KEYS, prices={"fake-small": PRICE}, budget_limit_usd=budget)


async def test_an_estimate_is_what_the_call_then_reserves(provider: FakeProvider) -> None:
    """A budget of so much lets it through, one of a nano-dollar less does not; to estimate sends nothing, and holds nothing."""
    endpoint = ProviderEndpoint.anthropic(provider.base_url)
    for budget in (None, "1"):
        async with gateway(endpoint, budget) as gate:
            estimate = await gate.estimate(ASKED)
            assert not provider.log
            assert gate.budget_remaining_usd() == (None if budget is None else Decimal(budget))
    assert estimate.estimated_tokens == estimate.estimated_prompt_tokens + 100
    assert 0 < estimate.estimated_prompt_tokens < 100
    assert estimate.budget_class == "tokens"
    assert estimate.estimated_cost_nanousd is not None
    assert estimate.estimated_cost_usd == f"{estimate.estimated_cost_nanousd / 1e9:.9f}".rstrip("0")
    for missing, is_served in ((0, True), (1, False)):
        limit = Decimal(estimate.estimated_cost_nanousd - missing).scaleb(-9)
        async with gateway(endpoint, format(limit, "f")) as gate:
            if is_served:
                assert await gate.call(ASKED)
            else:
                with pytest.raises(BudgetExceeded):
                    await gate.call(ASKED)


async def test_what_is_no_request_is_told_so(provider: FakeProvider) -> None:
    """Of calls and estimates alike."""
    async with gateway(ProviderEndpoint.openai(provider.base_url)) as gate:
        for ask in (gate.call, gate.estimate):
            with pytest.raises(TypeError, match="LlmRequest, not a dict"):
                await ask({"model": "m"})
            with pytest.raises(BadRequest) as unnamed:
                await ask(LlmRequest(model="", input=(user("Hello"),)))
            assert unnamed.value.code == "missing_model"
        for ask, request in (
            (gate.api_call, EmbeddingRequest(model="", inputs=("one",))),
            (gate.primitive_call, PrimitiveRequest.json({"contents": []}, protocol="gemini_generate_content")),
        ):
            with pytest.raises(BadRequest, match="names no model"):
                await ask(request)


async def test_every_request_has_an_estimate(provider: FakeProvider) -> None:
    """Of whichever kind, streamed or not; what is free costs nothing, and where nobody can know the cost, none is told."""
    open_ended = {**CHAT, "stream": True, "max_tokens": None}
    cases = (
        (PrimitiveRequest.json(CHAT), "tokens", True),
        (PrimitiveRequest.json({**CHAT, "stream": True}), "tokens", True),
        (PrimitiveRequest.json(open_ended), "tokens", True),  # as long as the model can become
        (PrimitiveRequest.json({**CHAT, "model": "unheard-of"}), "tokens", False),
        (PrimitiveRequest.json(CHAT, path="/v1/chat/completions"), "tokens", True),
        (PrimitiveRequest.json({"model": "fake-small", "input": WORDS}, path="/v1/embeddings"), "tokens", True),
        (PrimitiveRequest.json({"model": "fake-small", "input": WORDS}, path="/v1/responses/input_tokens"), "zero", True),
        (PrimitiveRequest.get("/v1/files"), "zero", True),
        (PrimitiveRequest(path="/v1/files", body=PrimitiveForm(file=b"{}", fields={"purpose": "batch"})), "storage", True),
        (PrimitiveRequest.json({"input_file_id": "file-1"}, path="/v1/batches"), "tokens", False),
        (EmbeddingRequest(model="fake-small", inputs=(WORDS,)), "tokens", True),
        (SpeechRequest(model="fake-small", text=WORDS, voice="alloy"), "units", True),
    )
    async with gateway(ProviderEndpoint.openai(provider.base_url)) as gate:
        told: list[Estimate] = [await gate.estimate(request) for request, _, _ in cases]
        assert [(each.budget_class, each.estimated_cost_nanousd is not None) for each in told] == [
            (budget_class, is_known) for _, budget_class, is_known in cases
        ]
        assert [each.estimated_cost_nanousd for each in told if each.budget_class in {"zero", "storage"}] == [0, 0, 0]
        assert told[3].estimated_tokens == told[0].estimated_tokens
        assert told[3].estimated_cost_usd is None
        assert told[5].estimated_tokens == told[5].estimated_prompt_tokens
        with pytest.raises(Forbidden):
            await gate.estimate(PrimitiveRequest.get("/v1/organization/users"))
    assert not provider.log
