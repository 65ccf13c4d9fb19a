"""Batches as jobs, of each provider that has them."""

from typing import Any

import pytest
from tests.in_turn import in_turn
from tests.library.calling import KEYS

from omnillm import BadRequest, Gateway, PrimitiveForm, PrimitiveRequest, ProviderEndpoint
from omnillm.providers.batches import job_status, result_paths, succeeded
from omnillm.providers.kinds import KINDS
from omnillm.testing import FakeProvider

LINE = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "fake-small", "messages": []}}\n'
PROMPT = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


async def creating(gateway: Gateway, kind: str) -> PrimitiveRequest:
    if kind == "anthropic":
        params = {"model": "fake-small", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
        return PrimitiveRequest.json({"requests": [{"custom_id": "a", "params": params}]}, path="/v1/messages/batches")
    if kind == "gemini":
        batch = {"batch": {"inputConfig": {"requests": {"requests": [{"request": PROMPT}]}}}}
        return PrimitiveRequest.json(batch, path="/v1beta/models/fake-small:batchGenerateContent")
    form = PrimitiveForm(file=LINE, filename="in.jsonl", fields={"purpose": "batch"})
    file = (await gateway.primitive_call(PrimitiveRequest(path="/v1/files", body=form))).json()["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return PrimitiveRequest.json(asked, path="/v1/batches")


@pytest.mark.parametrize(("kind", "listed"), [("openai", "/batches"), ("anthropic", "/messages/batches"), ("gemini", "/batches")])
async def test_a_job_is_made_told_of_listed_read_and_cancelled(provider: FakeProvider, kind: str, listed: str) -> None:
    """By the requests that the job itself has; each goes to the key that made it."""
    async with Gateway(getattr(ProviderEndpoint, kind)(provider.base_url), keys=KEYS) as gateway:
        made = await gateway.primitive_async_job(await creating(gateway, kind))
        assert (made.status, made.is_final, bool(made.id)) == ("succeeded", True, True)
        again = await gateway.primitive_async_job(made.status_request)
        assert (again.id, again.status, again.reply.key) == (made.id, "succeeded", made.reply.key)
        jobs = (await gateway.primitive_async_job(PrimitiveRequest.get(listed))).jobs
        assert [(job.id, job.status) for job in jobs] == [(made.id, "succeeded")]
        for request in again.result_requests:
            assert (await gateway.primitive_call(request)).body.endswith(b"\n")
        assert len(again.result_requests) == (0 if kind == "gemini" else 1)
        cancelled = await gateway.primitive_async_job(again.cancel_request)
        assert (cancelled.id, cancelled.status) == (made.id, {"openai": "cancelled", "anthropic": "succeeded", "gemini": "unknown"}[kind])


async def test_a_file_of_results_is_a_download(provider: FakeProvider) -> None:
    """Gemini's, of a batch that was given as a file."""
    async with Gateway(ProviderEndpoint.gemini(provider.base_url), keys=KEYS) as gateway:
        asked = {"batch": {"inputConfig": {"fileName": "files/elsewhere"}}}
        job = await gateway.primitive_async_job(PrimitiveRequest.json(asked, path="/v1beta/models/fake-small:batchGenerateContent"))
        [results] = job.result_requests
        assert b"usageMetadata" in (await gateway.primitive_call(results)).body
        assert provider.log[-1].query == "alt=media"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/files/file_1", "/v1/messages/batches/msgbatch_1/results"])
async def test_what_tells_of_no_job_is_refused(provider: FakeProvider, path: str) -> None:
    """Before anything is sent; results are read by the other two methods."""
    async with Gateway(ProviderEndpoint.anthropic(provider.base_url), keys=KEYS) as gateway:
        with pytest.raises(BadRequest) as refused:
            await gateway.primitive_async_job(PrimitiveRequest.get(path))
        assert refused.value.code == "no_job"
    assert provider.log == []


@in_turn(
    ("kind", "told", "status"),
    [
        *(("openai", {"status": word}, "pending") for word in ("validating",)),
        *(("openai", {"status": word}, "running") for word in ("in_progress", "finalizing", "cancelling")),
        *(("openai", {"status": word}, "failed") for word in ("failed", "expired")),
        ("openai", {"status": "completed"}, "succeeded"),
        ("openai", {"status": "cancelled"}, "cancelled"),
        ("openai", {"status": "a new word"}, "unknown"),
        ("openai", [], "unknown"),
        ("anthropic", {"processing_status": "in_progress"}, "running"),
        ("anthropic", {"processing_status": "canceling"}, "running"),
        ("anthropic", {"processing_status": "ended", "request_counts": {"succeeded": 1, "canceled": 2}}, "succeeded"),
        ("anthropic", {"processing_status": "ended", "request_counts": {"succeeded": 0, "canceled": 2, "errored": 1}}, "cancelled"),
        ("anthropic", {"processing_status": "ended", "request_counts": {"succeeded": 0, "expired": 2}}, "failed"),
        ("anthropic", {"processing_status": "paused"}, "unknown"),
        ("gemini", {"metadata": {"state": "BATCH_STATE_PENDING"}}, "pending"),
        ("gemini", {"metadata": {"state": "BATCH_STATE_RUNNING"}}, "running"),
        ("gemini", {"state": "JOB_STATE_CANCELLED"}, "cancelled"),
        ("gemini", {"metadata": {"state": "BATCH_STATE_RUNNING"}, "done": True, "response": {}}, "succeeded"),
        ("gemini", {"done": True, "error": {"code": 1, "message": "cancelled"}}, "cancelled"),
        ("gemini", {"done": True, "error": {"code": 3}}, "failed"),
        ("gemini", {"metadata": {"state": "BATCH_STATE_EXPIRED"}, "done": True}, "failed"),
        ("gemini", {"metadata": {"state": "BATCH_STATE_UNSPECIFIED"}}, "unknown"),
        ("gemini", {}, "unknown"),
    ],
)
def test_a_status_is_the_providers_own(kind: str, told: Any, status: str) -> None:
    """Each provider has a field and words of its own."""
    assert job_status(KINDS[kind], told) == status


@in_turn(
    ("kind", "told", "has_answers"),
    [
        ("openai", {"status": "expired", "request_counts": {"completed": 2, "failed": 1}}, True),
        ("openai", {"status": "expired", "request_counts": {"completed": 0, "failed": 3}}, False),
        ("anthropic", {"processing_status": "ended", "request_counts": {"succeeded": 0, "canceled": 2}}, False),
        (
            "gemini",
            {"metadata": {"state": "BATCH_STATE_CANCELLED", "batchStats": {"requestCount": "2", "pendingRequestCount": "2"}}},
            False,
        ),
        ("gemini", {"metadata": {"state": "BATCH_STATE_CANCELLED", "batchStats": {"successfulRequestCount": "0"}}}, False),
        ("gemini", {"metadata": {"state": "BATCH_STATE_CANCELLED", "batchStats": {"successfulRequestCount": "1"}}}, True),
        ("gemini", {"metadata": {"state": "BATCH_STATE_CANCELLED"}}, True),
        ("gemini", {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "batchStats": {"requestCount": "2"}}}, True),
    ],
)
def test_a_batch_that_answered_nothing_costs_nothing(kind: str, told: Any, has_answers: bool) -> None:
    """By its own counts, where it has been stopped before; one that may have answered is not taken for free."""
    assert succeeded(KINDS[kind], told) is has_answers


def test_results_are_where_the_provider_says() -> None:
    """Files by their id, Anthropic's by the batch; nothing before there are any."""
    openai, anthropic, gemini = (KINDS[kind] for kind in ("openai", "anthropic", "gemini"))
    told = {"output_file_id": "file-1", "error_file_id": "file-2"}
    assert result_paths(openai, "batch_1", told) == ("/files/file-1/content", "/files/file-2/content")
    assert result_paths(openai, "batch_1", {"output_file_id": None}) == ()
    assert result_paths(anthropic, "msgbatch_1", {"results_url": None}) == ()
    assert result_paths(gemini, "batches/b", {"response": {"responsesFile": "files/r"}}) == ("/files/r:download",)
