"""Images through the gateway, made, edited and varied: by the SDK, streamed and not, paid by tokens or by the image."""

import base64
import json

import openai
import pytest
from tests.in_turn import in_turn
from tests.journeys.families.families import PNG, sdk
from tests.journeys.running import Running
from tests.journeys.wire import send

from omnillm.testing import FakeProvider, Fault


async def test_images_are_made_and_paid_by_tokens(gateway: Running, provider: FakeProvider) -> None:
    """What a model counts in tokens is settled by them, another key having hidden a limit."""
    provider.enqueue(Fault.status(429), None)
    async with sdk(gateway) as client:
        reply = await client.images.generate(model="openai/gpt-image-1", prompt="a lake", n=2, quality="low")
    assert [base64.b64decode(each.b64_json) for each in reply.data] == [b"a lake:0", b"a lake:1"]
    await gateway.agrees_with(provider)
    request, attempts = await gateway.last()
    assert (request.operation, request.usage.output_image, len(attempts)) == ("image_generations", reply.usage.output_tokens, 2)


@pytest.mark.parametrize(("size", "quality", "usd"), [("1024x1024", "standard", 0.08), ("1024x1792", "hd", 0.12)])
async def test_images_are_paid_by_size_and_quality(gateway: Running, provider: FakeProvider, size: str, quality: str, usd: float) -> None:
    """A model that is priced by the image."""
    async with sdk(gateway) as client:
        reply = await client.images.with_raw_response.generate(model="openai/dall-e-3", prompt="a lake", size=size, quality=quality)
    assert float(reply.headers["x-omnillm-cost-usd"]) == usd
    await gateway.agrees_with(provider)


async def test_an_image_is_streamed(gateway: Running, provider: FakeProvider) -> None:
    """Previews first; the last event has the usage. A form can ask for a stream, too."""
    async with sdk(gateway) as client:
        stream = await client.images.generate(model="openai/gpt-image-1", prompt="a lake", stream=True, partial_images=2)
        kinds = [event.type async for event in stream]
        assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
        stream = await client.images.edit(model="openai/gpt-image-1", prompt="sunny", image=("a.png", PNG), stream=True, partial_images=1)
        assert [event.type async for event in stream] == ["image_edit.partial_image", "image_edit.completed"]
    await gateway.agrees_with(provider)


async def test_a_cut_image_stream_is_no_success(gateway: Running, provider: FakeProvider) -> None:
    """After the first preview nothing can be hidden: the client is told, and what may be billed is charged."""
    provider.enqueue(Fault.reset(after_events=1))
    async with sdk(gateway) as client:
        stream = await client.images.generate(model="openai/gpt-image-1", prompt="a lake", stream=True, partial_images=2)
        with pytest.raises(openai.APIError, match="closed the connection"):
            [event async for event in stream]
    request, _ = await gateway.last()
    assert request.outcome == "upstream_lost"
    assert await gateway.spent() >= provider.invoice.total_nanousd > 0


async def test_images_are_edited(gateway: Running, provider: FakeProvider) -> None:
    """Two images and a mask, as the SDK sends them; the name of the model is the only thing that changes on the way."""
    async with sdk(gateway) as client:
        reply = await client.images.edit(
            model="openai/gpt-image-1", prompt="sunny", image=[("a.png", PNG), ("b.png", PNG + b"2")], mask=("m.png", PNG), quality="low"
        )
    assert reply.data[0].b64_json
    assert b"openai/gpt-image-1" not in provider.log[0].body
    assert provider.log[0].body.count(PNG) == 3
    await gateway.agrees_with(provider)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
async def test_images_are_varied(gateway: Running, provider: FakeProvider) -> None:
    """Another form, another path."""
    async with sdk(gateway) as client:
        reply = await client.images.create_variation(model="openai/dall-e-3", image=("a.png", PNG), n=2, size="1024x1024")
    assert len(reply.data) == 2
    await gateway.agrees_with(provider)


@pytest.mark.parametrize("usage", [None, [], {"input_tokens": 5, "output_tokens": 0}, {"input_tokens": "5", "output_tokens": "7"}])
async def test_an_image_whose_tokens_are_not_told_is_not_free(gateway: Running, provider: FakeProvider, usage: object) -> None:
    """Where tokens are what it is paid by: it is charged by its bound, as an estimate."""
    told = json.dumps({"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage}).encode()
    provider.enqueue(Fault(http_status=200, body=told, fields=(("content-type", "application/json"),)))
    reply = await send(gateway, "POST", "/v1/images/generations", {"model": "openai/gpt-image-1", "prompt": "a lake"})
    assert (reply.status, len(provider.log)) == (200, 1)
    _, [attempt] = await gateway.last()
    assert (attempt.verdict, attempt.is_usage_known, attempt.is_estimated) == ("success", False, True)
    assert attempt.cost_nanousd == (await gateway.books())[1] >= 6_250 * 40_000


async def test_an_image_of_unknown_tokens_needs_a_bound(gateway: Running, provider: FakeProvider) -> None:
    """Without max_output nobody knows how many tokens an image may have: a caller with a budget is refused, and told how to change that."""
    async with sdk(gateway) as client:
        with pytest.raises(openai.BadRequestError, match=r"max_output of the model under pricing\.overrides"):
            await client.images.generate(model="openai/gpt-image-2", prompt="a lake")
    assert provider.log == []


@in_turn(
    ("body", "param"),
    [
        ({"model": "fast"}, "prompt"),
        ({"model": "fast", "prompt": "x", "n": 0}, "n"),
        ({"model": "fast", "prompt": "x", "stream": 1}, "stream"),
    ],
)
async def test_a_misfit_is_named(gateway: Running, body: object, param: str) -> None:
    """In OpenAI's error, with the member."""
    reply = await send(gateway, "POST", "/v1/images/generations", body)
    assert (reply.status, reply.json["error"]["param"]) == (400, param)
