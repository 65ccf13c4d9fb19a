"""What other gateways had advisories for, where no other test would notice: S1, S6, S7 and S8 of the threat model.

The others stand where their code is tested: S2 in `server/test_authenticate.py`, S3 and S5 in `server/test_paths.py`, S9, S10 and S12 in
`test_canary.py` and `test_secrets.py`, S11 in `idempotency/`, S13 in `cli/test_reports.py`, S14 and S17 in `test_operations.py`, S16 in
`config/test_checks.py`, S18 in `bypasses/`, S19 in `transport/test_body.py`, S20 in `test_bad_input.py`, S21 in `test_wheel.py`. S4 (one key
for two purposes) and S15 (addresses that a client chooses) have nothing here to be about.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.journeys.hosts import hosting
from tests.journeys.ledgers import rows
from tests.journeys.running import VIRTUAL_KEY, Serve, configuration
from tests.journeys.wire import DIALECTS, Question, admin, ask, exchange, send

from omnillm.testing import FakeProvider

ODD = ("'", '"; DROP TABLE requests; --', "' OR '1'='1", "%' ESCAPE '", "\\", "%", "_", "x'||(SELECT digest FROM virtual_keys)||'")


async def test_s1_no_text_of_a_request_is_read_as_sql(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """Of a call that succeeds, of one that fails, and of the administrator's questions: it is kept, compared, and shown as it is."""
    gateway = await serve(configuration(provider, store=f"sqlite:///{tmp_path}/ledger.db"))
    quoted = "".join(f"%{byte:02X}" for byte in b"' OR '1'='1")
    for odd in ODD:
        fields = {"x-omnillm-session": odd, "x-omnillm-tags": f"team={odd}", "idempotency-key": odd.replace(" ", "_"), "user-agent": odd}
        for dialect in ("openai_chat", "anthropic_messages"):
            assert (await exchange(gateway.port, ask(dialect, odd, headers=fields))).is_answer
        assert (await exchange(gateway.port, ask("openai_chat", odd, model=odd, headers={"x-omnillm-session": odd}))).status == 404
        assert (await exchange(gateway.port, ask("openai_chat", odd, key=odd))).status == 401
    await gateway.program.store.flush()
    for name in ("virtual_key", "model", "provider", "outcome"):
        assert (await admin(gateway, "GET", f"/admin/v1/requests?{name}={quoted}")).json == {"requests": [], "next": None}
    for path in (
        "usage?group_by=",
        "usage?since=",
        "requests?before=",
        "requests?status=",
        "virtual-keys?after=",
        "requests/",
        "virtual-keys/",
    ):
        assert (await admin(gateway, "GET", f"/admin/v1/{path}{quoted}")).status in {200, 400, 404}
    rows = (await admin(gateway, "GET", "/admin/v1/requests?limit=1000")).json["requests"]
    assert {row["session"] for row in rows} == set(ODD)
    assert len(rows) == 2 * len(ODD)
    await gateway.books()


async def test_s6_what_is_kept_of_a_secret_is_no_credential(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """Whoever has read the ledger cannot call: neither its digests nor anything else that stands in it opens a door, and no page shows them."""
    path = tmp_path / "ledger.db"
    gateway = await serve(configuration(provider, store=f"sqlite:///{path}"))
    made = (await admin(gateway, "POST", "/admin/v1/virtual-keys", {"name": "ada"})).json
    assert (await exchange(gateway.port, ask("openai_chat", "hello", key=made["secret"]))).is_answer
    [(row,)] = rows(path, "SELECT record FROM virtual_keys")
    record = json.loads(row)
    pepper = path.with_name("ledger.db.pepper").read_text().strip()
    kept = {
        record["digest"],
        f"sk-omni-{record['digest']}",
        *record.keys(),
        *filter(lambda value: isinstance(value, str), record.values()),
        pepper,
        "ada",
    } - {""}
    assert made["secret"] not in row
    for text in kept:
        for key in (text, text.upper()):
            assert (await exchange(gateway.port, ask("openai_chat", "hello", key=key))).status == 401
            assert (await admin(gateway, "GET", "/admin/v1/pools", key=key)).status == 403
    shown = (await admin(gateway, "GET", "/admin/v1/virtual-keys")).body + (await admin(gateway, "GET", "/admin/v1/virtual-keys/ada")).body
    assert not [text for text in (record["digest"], pepper, made["secret"], VIRTUAL_KEY) if text.encode() in shown]


@pytest.fixture
async def attacker() -> AsyncIterator[tuple[str, list[object]]]:
    """A host that would be glad of a provider key: its base URL, and who has connected."""
    seen: list[object] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        writer.close()

    async with hosting(connected) as url:
        yield url, seen


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_s7_no_member_field_or_query_says_where_a_call_goes(
    serve: Serve, provider: FakeProvider, attacker: tuple[str, list[object]], dialect: str
) -> None:
    """The names that other gateways heed, in any letters, nested and repeated: the configured provider answers, and nobody else is connected to."""
    url, seen = attacker
    gateway = await serve(configuration(provider))
    names = (
        "api_base",
        "base_url",
        "baseURL",
        "API_BASE",
        "endpoint",
        "host",
        "url",
        "user_config",
        "litellm_params",
        "custom_llm_provider",
    )
    nested = {"model_list": [{"litellm_params": {"api_base": url, "api_key": "os.environ/OPENAI_API_KEY"}}], "base_url": url}
    fields = (
        "x-portkey-custom-host",
        "x-litellm-api-base",
        "x-forwarded-host",
        "x-original-url",
        "x-omnillm-base-url",
        "forwarded",
        "origin",
    )
    for more in (dict.fromkeys(names, url), dict.fromkeys(names, nested), {"metadata": nested, "extra_body": nested}):
        question = ask(dialect, "hello", more=more, headers=dict.fromkeys(fields, url))
        mark = b"&" if b"?" in question.raw.partition(b" HTTP/1.1")[0] else b"?"
        asked = question.raw.replace(b" HTTP/1.1", mark + f"api_base={url}&base_url={url} HTTP/1.1".encode(), 1)
        reply = await exchange(gateway.port, Question(dialect, asked.replace(b"host: gateway", b"host: " + url[7:].encode(), 1)))
        assert reply.is_answer
    native = f"/providers/openai/v1/models?base_url={url}"
    assert (await send(gateway, "GET", native)).status == 200
    assert (await send(gateway, "GET", f"/providers/{url}/v1/models")).status in {400, 404}
    assert len(provider.log) == 4
    assert seen == []


@pytest.mark.parametrize(("told", "sent"), [("models/fake-large", "models/fake-small"), ("fake-large", "fake-small"), (5, "fake-small")])
async def test_s7_a_body_names_no_other_model_than_its_path(serve: Serve, provider: FakeProvider, told: object, sent: str) -> None:
    """Gemini's path names the model, and its body may, too: what was allowed and priced is what is asked for, also under the same name."""
    gateway = await serve(
        configuration(provider).replace("  gemini: {targets:", "  fake-small: {targets: [gemini/fake-small]}\n  gemini: {targets:")
    )
    for model in ("gemini", "fake-small"):
        assert (await exchange(gateway.port, ask("gemini", "hello", model=model, more={"model": told}))).is_answer
        assert json.loads(provider.log[-1].body)["model"] == sent


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_s8_no_text_of_a_request_names_a_file_or_a_variable(
    serve: Serve, provider: FakeProvider, tmp_path: Path, dialect: str
) -> None:
    """What the configuration would fill in goes on as it was written, and nothing of it is opened."""
    (tmp_path / "secret").write_text("canary-file-1")
    os.environ["OMNILLM_NEVER_READ"] = "canary-variable-1"
    gateway = await serve(configuration(provider))
    texts = [
        f"${{file:{tmp_path}/secret}}",
        "${OMNILLM_NEVER_READ}",
        "os.environ/OMNILLM_NEVER_READ",
        f"file://{tmp_path}/secret",
        f"{tmp_path}/secret",
    ]
    for text in texts:
        more = {"vertex_ai_credentials": text, "metadata": {"user_id": text}} if dialect != "gemini" else {"labels": {"a": text}}
        reply = await exchange(gateway.port, ask(dialect, text, more=more, headers={"x-omnillm-tags": f"a={text}"}))
        assert reply.is_answer
        assert text in provider.log[-1].body.decode().replace("\\/", "/")
        row, _ = await gateway.last()
        assert row.tags == f"a={text}"
    told = b"".join(logged.body for logged in provider.log) + repr([logged.headers for logged in provider.log]).encode()
    del os.environ["OMNILLM_NEVER_READ"]
    assert b"canary" not in told
