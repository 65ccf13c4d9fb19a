"""The snippets of `docs/library.md` run, in their order, as a reader would try them."""

import ast
import asyncio
import contextlib
import inspect
import io
from pathlib import Path

import pytest
from tests.docs.pages import BATCH, ROOT, blocks

from omnillm import Gateway, KeyConfig, LlmRequest, PriceConfig, ProviderEndpoint, user
from omnillm.testing import FakeProvider

PAGE = ROOT / "docs/library.md"
ELSEWHERE = [
    blocks(ROOT / "docs/realtime.md", "python")[0],
    blocks(ROOT / "docs/endpoints.md", "python")[-1] + 'print(await embed(gateway, ["a", "b"]))',
    blocks(ROOT / "docs/from-the-crate.md", "python")[0],  # has a gateway of its own
]
"""The parts of other pages on the library; they go on with the names of this one."""
MARKED = ("How deep is Lake Constance?", "[[tool]] How deep is Lake Constance?")
"""So that the fake model calls the tool that it is given."""


async def test_the_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is a program; the others await at the top, as a notebook's cells do, and share their names."""
    program, *snippets = blocks(PAGE, "python")
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text(BATCH)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a")
    told = io.StringIO()
    async with FakeProvider() as provider:
        with contextlib.redirect_stdout(told):
            code = compile(program.replace(".openai()", f".openai({provider.base_url!r})"), "library.md", "exec")
            await asyncio.to_thread(exec, code, {"__name__": "__main__"})
            async with Gateway(
                ProviderEndpoint.openai(provider.base_url),
                keys=[KeyConfig(label="k", key="sk-a")],
                prices={"gpt-4.1-mini": PriceConfig(input="0.4", output="1.6")},
            ) as gateway:
                request = LlmRequest(model="gpt-4.1-mini", input=(user("How deep is the lake?"),))
                names = {"gateway": gateway, "request": request, "asyncio": asyncio, "user": user, "LlmRequest": LlmRequest}
                names |= {"Gateway": Gateway, "KeyConfig": KeyConfig, "ProviderEndpoint": ProviderEndpoint}
                for snippet in (*snippets, *ELSEWHERE):
                    ran = eval(compile(snippet.replace(*MARKED), "library.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
                    if inspect.isawaitable(ran):
                        await ran
        assert b"251 m" in b"".join(call.body for call in provider.log)
    for said in ("You said: How deep is the lake?", "You said: And how wide?", "BinaryChunk", "the Messages API requires one"):
        assert said in told.getvalue(), said
