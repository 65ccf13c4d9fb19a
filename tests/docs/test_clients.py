"""What the pages show of the providers' own SDKs reaches the gateway, as it stands but for the port."""

import asyncio
from pathlib import Path

import anthropic
import google.oauth2.credentials
import openai
import pytest
from google import genai
from tests.docs.pages import BATCH, ROOT, blocks
from tests.docs.test_commands import gateway
from tests.ports import free_port

PAGES = (
    "README.md",
    "docs/getting-started.md",
    "docs/http-api.md",
    "docs/native-calls.md",
    "docs/endpoints.md",
    "docs/protocols/gemini_interactions.md",
)


async def test_the_snippets_of_sdks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of each page; the ledger has what they asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Path("in.jsonl").write_text(BATCH)
    port = free_port()
    async with gateway(port) as service:
        for page in PAGES:
            snippet = blocks(ROOT / page, "python")[0].replace(":4000", f":{port}")
            await asyncio.to_thread(run, snippet, page)
        await service.program.store.flush()
        asked = {(row.operation, row.status) for row in await service.program.store.requests(limit=99, before="")}
    assert asked >= {("generate", 200), ("files", 200), ("batches", 200), ("embeddings", 200), ("image_generations", 200)}


def test_the_sdks_of_vertex_ai_are_made_as_shown() -> None:
    """Each client takes what the page gives it; what it then asks is in `tests/journeys/clouds/test_vertex.py`."""
    names = {"genai": genai, "types": genai.types, "google": google, "AnthropicVertex": anthropic.AnthropicVertex, "TEAM_A_KEY": "sk-b"}
    [snippet] = blocks(ROOT / "docs/providers/vertex_ai.md", "python")
    exec(compile(snippet, "vertex_ai.md", "exec"), names)
    assert {"client", "express", "claude"} <= names.keys()


def run(snippet: str, page: str) -> None:
    names = {
        "openai": openai,
        "anthropic": anthropic,
        "genai": genai,
        "OpenAI": openai.OpenAI,
        "Anthropic": anthropic.Anthropic,
        "Path": Path,
    }
    exec(compile(snippet, page, "exec"), {**names, "VIRTUAL_KEY": "sk-a", "TEAM_A_KEY": "sk-b"})
