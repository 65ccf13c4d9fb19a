"""Batches of three providers, in one set of words: make, wait, read the results. `python examples/primitive_async_job.py`.

OpenAI's is given as a file, which is streamed from disk; Anthropic's and Gemini's in the body. The providers are fake ones, whose batches
are done at once; a real one takes minutes to a day, and costs money.
"""

import asyncio
import json
import tempfile
from pathlib import Path

from omnillm import BinaryChunk, Completed, Gateway, KeyConfig, PrimitiveForm, PrimitiveJob, PrimitiveRequest, ProviderEndpoint
from omnillm.testing import FakeProvider

KEYS = [KeyConfig(label="one", key="sk-one"), KeyConfig(label="two", key="sk-two")]
MESSAGES = [{"role": "user", "content": "How deep is the lake?"}]


async def main() -> None:
    async with FakeProvider() as provider:
        async with Gateway(ProviderEndpoint.openai(provider.base_url), keys=KEYS) as gateway:
            await show(gateway, "openai", await of_a_file(gateway))
        async with Gateway(ProviderEndpoint.anthropic(provider.base_url), keys=KEYS) as gateway:
            params = {"model": "fake-small", "max_tokens": 40, "messages": MESSAGES}
            await show(
                gateway,
                "anthropic",
                PrimitiveRequest.json({"requests": [{"custom_id": "a", "params": params}]}, path="/v1/messages/batches"),
            )
        async with Gateway(ProviderEndpoint.gemini(provider.base_url), keys=KEYS) as gateway:
            asked = {"contents": [{"role": "user", "parts": [{"text": "How deep is the lake?"}]}]}
            batch = {"batch": {"inputConfig": {"requests": {"requests": [{"request": asked}]}}}}
            await show(gateway, "gemini", PrimitiveRequest.json(batch, path="/v1beta/models/fake-small:batchGenerateContent"))


async def of_a_file(gateway: Gateway) -> PrimitiveRequest:
    """The request for a batch whose input was uploaded: it goes to the key that has the file."""
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "messages": MESSAGES}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.jsonl")
        path.write_text(json.dumps(line) + "\n")  # noqa: ASYNC240  one line
        form = PrimitiveForm(file=path, fields={"purpose": "batch"})
        file = (await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form))).json()
    asked = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return PrimitiveRequest.json(asked, path="/v1/batches")


async def show(gateway: Gateway, name: str, request: PrimitiveRequest) -> None:
    job: PrimitiveJob = await gateway.primitive_async_job(request)
    while not job.is_final:
        await asyncio.sleep(30)
        job = await gateway.primitive_async_job(job.status_request)
    listed = await gateway.primitive_async_job(PrimitiveRequest.get("/v1/messages/batches" if name == "anthropic" else "/batches"))
    print(f"{name:9} {job.status}, made by key {job.reply.key}, listed: {job.id in [each.id for each in listed.jobs]}")
    for results in job.result_requests:
        async with gateway.primitive_stream(results) as events:  # of any size: piece by piece
            async for event in events:
                if isinstance(event, BinaryChunk):
                    print("         ", f"{len(event.data)} bytes")
                elif isinstance(event, Completed):
                    print("         ", "completed")


if __name__ == "__main__":
    asyncio.run(main())
