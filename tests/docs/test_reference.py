"""What the pages of `docs/` say of keys and their defaults, headers, metrics and the admin API is so."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
from msgspec.structs import FieldInfo, fields
from tests.docs.pages import CONFIGURATION, MONITORING, ROOT, blocks, names, rows, section
from tests.in_turn import in_turn

import omnillm
from omnillm.admission.asks import BudgetSnapshot, KeySnapshot
from omnillm.assemble import Service
from omnillm.config import prices, settings
from omnillm.config.document import read_document
from omnillm.config.load import parse
from omnillm.config.problems import Problems
from omnillm.config.schema import FAILED, Schema, wanted
from omnillm.config.substitution import Substitution
from omnillm.gateway.counters import Counters, Series, Tally
from omnillm.providers.heads import RETURNED
from omnillm.providers.passing import PASSED
from omnillm.providers.paths import GEMINI_FORMATS, GEMINI_OPERATIONS
from omnillm.server.operations.metrics import CALL_LABELS, DROPPED, render_metrics
from omnillm.server.operations.openapi import description
from omnillm.server.paths import GEMINI_MODELS, ROUTES
from omnillm.testing import FAULTS, FakeProvider

SECTIONS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "server": (settings.ServerSettings,),
    "calls": (settings.CallSettings,),
    "store": (settings.StoreSettings,),
    "traces": (settings.TraceSettings,),
    "providers": (settings.ProviderSettings,),
    "providers.keys": (settings.KeySettings,),
    "models": (settings.ModelSettings,),
    "budgets": (settings.BudgetSettings,),
    "virtual_keys": (settings.VirtualKeySettings,),
    "pricing": (prices.PricingSettings, prices.PriceSettings),
}
ADMIN_KEY = "admin-key-0123456789"
NEW_KEY = {
    "name": "ada",
    "models": ["fast"],
    "budgets": ["team-x"],
    "budget": {"limit_usd": 5, "period": "month"},
    "tags": {"cost_center": "a1"},
    "metadata": {"owner": "Ada"},
}
CONFIG = """
server: {{port: 0, auth: none, admin_key: {admin_key}}}
store: {{url: "memory://"}}
providers: {{openai: {{kind: openai, base_url: {base_url}, keys: [{{label: k, key: sk-a}}, {{label: l, key: sk-b}}]}}}}
budgets: [{{name: everything, limit_usd: 5}}, {{name: team-x, scope: named, limit_usd: 5}}]
pricing: {{overrides: {{openai/fake-small: {{input: 1, output: 2}}}}}}
"""


def leaves(cls: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a section; those of a section within it with its name before them."""
    for field in fields(cls):
        want = wanted(field.type)
        is_section = isinstance(want.type, type) and issubclass(want.type, msgspec.Struct) and want.mark is None
        if is_section and want.type is not settings.BudgetSettings:
            yield from leaves(want.type, f"{prefix}{field.encode_name}.")
        else:
            yield prefix + field.encode_name, field


def default_of(field: FieldInfo) -> object:
    """None where the default is no value, no limit, or nothing listed."""
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    is_nothing = default is not False and default in (None, 0, "", (), {})
    return None if is_nothing else default


def told_default(cell: str, field: FieldInfo) -> object:
    """What a cell says, read as the file would be."""
    if cell in {"required", "none"}:
        return msgspec.NODEFAULT if cell == "required" else None
    [written] = names(cell)
    problems = Problems()
    read = Schema(problems, Substitution({}, None)).read(read_document(written, source="page"), field.type, "")
    assert read is not FAILED, problems.error("page")
    return read


@in_turn("name", SECTIONS)
def test_every_key_is_told_with_its_default(name: str) -> None:
    """A section's tables have the section's keys, all of them, with their defaults, and no other."""
    told = {names(cells[0])[0]: cells[1] for cells in rows(section(CONFIGURATION, name), "key")}
    known = {key: field for cls in SECTIONS[name] for key, field in leaves(cls)}
    assert told.keys() == known.keys()
    for key, field in known.items():
        assert told_default(told[key], field) == default_of(field), key


def test_every_section_is_told() -> None:
    """A new section of the file needs a place in the page."""
    known = {field.encode_name for field in fields(settings.Settings)}
    assert known == {name for name in SECTIONS if "." not in name} | {"models_only"}
    assert "`models_only: true`" in CONFIGURATION


def test_every_header_is_told() -> None:
    """Both allowlists, and the gateway's own."""
    text = section((ROOT / "docs/http-api.md").read_text(), "Headers")
    written = "".join(path.read_text() for path in (Path(omnillm.__file__).parent / "server").glob("*.py"))
    own = set(re.findall(r"\bx-(?:omnillm|ratelimit)-[a-z-]*[a-z]\b", written)) | {"retry-after", "retry-after-ms"}
    assert own | {*PASSED, *RETURNED} <= set(names(text))


def test_every_metric_is_told() -> None:
    """The names that Prometheus reads, and no other."""
    counters = Counters()
    counters.series["openai_chat", "openai", "m", "success"] = Series()
    counters.callers["team-a", "openai", "m"] = Tally()
    counters.losses["openai_chat", "openai", "dropped"] = 1
    counters.refuse("bad_request")
    rendered = render_metrics(
        counters,
        [sample(KeySnapshot)],
        [sample(BudgetSnapshot)],
        is_ledger_healthy=True,
        dropped=dict.fromkeys(DROPPED, 0),
        names_callers=True,
    ).decode()
    told = {names(cells[0])[0]: cells[1] for cells in rows(MONITORING, "metric")}
    assert told.keys() == set(re.findall(r"^# TYPE (\w+)", rendered, re.MULTILINE))
    assert told["omnillm_calls_total"] == ", ".join(CALL_LABELS)


def test_every_path_is_told() -> None:
    """What `/openapi.json` describes stands on a page; `...` on a page is whatever comes below. Paths with a model's name are all described."""
    pages = [ROOT / "docs" / name for name in ("http-api.md", "monitoring.md", "admin-api.md", "virtual-keys.md")]
    told = {word for page in pages for word in re.findall(r"(?<![\w.])[/:][\w/{}:.-]*", page.read_text())}
    above = tuple(word.removesuffix("...") for word in told if word.endswith("/..."))
    known = json.loads(description())["paths"]
    methods = ("", *(f":{method}" for method in (*GEMINI_OPERATIONS, *GEMINI_FORMATS)))
    assert {f"{below}{{model}}{method}" for below in GEMINI_MODELS for method in methods} <= known.keys()
    below_v1 = ("/v1/models/{model}:", "/v1beta/models/{model}:")  # "also below `/v1/models/`"
    unknown = [path.replace("request_id", "id").replace(*below_v1) for path in known if not path.startswith(above)]
    assert [path for path in unknown if path not in told and path[path.rfind(":") :] not in told] == []


def sample(cls: type[msgspec.Struct]) -> msgspec.Struct:
    """One of any values."""
    return cls(**{field.name: field.type() for field in fields(cls) if field.required})


async def test_examples_of_the_admin_api_are_its_replies() -> None:
    """Member by member, in order, what the pages show is what the running server answers."""
    pages = [ROOT / "docs" / name for name in ("admin-api.md", "virtual-keys.md")]
    shown = [json.loads(block) for page in pages for block in blocks(page, "json")]
    async with FakeProvider() as provider:
        parsed = parse(CONFIG.format(base_url=provider.base_url, admin_key=ADMIN_KEY), {})
        service = Service(parsed, reload=lambda: parsed)
        await service.start()
        try:
            provider.enqueue(FAULTS["status_429"])
            chat = {"model": "openai/fake-small", "messages": [{"role": "user", "content": "Hello"}]}
            await ask(service, "/v1/chat/completions", chat)
            await service.program.store.flush()
            replies = [
                await ask(service, path, body)
                for path, body in [
                    ("/admin/v1/pools", None),
                    ("/admin/v1/pools/openai/k/revive", {}),
                    ("/admin/v1/budgets", None),
                    ("/admin/v1/usage", None),
                    ("/admin/v1/requests", None),
                ]
            ]
            [row] = replies[-1]["requests"]
            replies += [await ask(service, f"/admin/v1/requests/{row['request_id']}"), await ask(service, "/admin/v1/reload", {})]
            replies += [await ask(service, "/admin/v1/virtual-keys", NEW_KEY), await ask(service, "/admin/v1/virtual-keys")]
            described = await ask(service, "/openapi.json")
            routes = service._apps[0]._operations._app.routes
        finally:
            await service.server.drain()
            await service.aclose()
    assert [shape(each) for each in shown] == [shape(each) for each in replies]
    check_description(described, routes, replies)


ASKED = (
    *(("/pools", "get"), ("/pools/{provider}/{label}/revive", "post"), ("/budgets", "get"), ("/usage", "get"), ("/requests", "get")),
    *(("/requests/{request_id}", "get"), ("/reload", "post"), ("/virtual-keys", "post"), ("/virtual-keys", "get")),
)


def check_description(described: dict, routes: list, replies: list) -> None:
    """`/openapi.json` has the operations' paths and methods, no others but inference's; and each reply is of the schema that it tells."""
    paths, schemas = described["paths"], described["components"]["schemas"]
    served = {(route.path, method.lower()) for route in routes if route.include_in_schema for method in route.methods - {"HEAD"}}
    told = {(path, method) for path, methods in paths.items() for method in methods}
    assert told >= served
    assert {(path, "post") for path in ROUTES if path != "/v1/realtime"} < told - served
    assert all(path.startswith("/v1") for path, _ in told - served)
    assert len(ASKED) == len(replies)
    for (path, method), reply in zip(ASKED, replies, strict=True):
        [answer] = [answer for status, answer in paths[f"/admin/v1{path}"][method]["responses"].items() if status != "default"]
        check(reply, answer["content"]["application/json"]["schema"], schemas)


def check(value: object, schema: dict, schemas: dict) -> None:
    """As far as our schemas go: members, lists, what may be null, and plain types."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        [schema, null] = schema["anyOf"]
        assert null == {"type": "null"}
        if value is not None:
            check(value, schema, schemas)
    elif "enum" in schema:
        assert value in schema["enum"]
    elif schema["type"] == "array":
        assert isinstance(value, list)
        for each in value:
            check(each, schema["items"], schemas)
    elif schema["type"] == "object":
        assert value.keys() >= set(schema.get("required", ()))
        assert value.keys() <= schema.get("properties", value).keys() or "description" in schema
        for name, each in value.items():
            check(each, schema.get("properties", {}).get(name, schema.get("additionalProperties", {"type": "string"})), schemas)
    else:
        assert type(value) in {"string": {str}, "integer": {int}, "number": {int, float}, "boolean": {bool}}[schema["type"]]


async def ask(service: Service, path: str, body: object = None) -> dict[str, object]:
    request = Request(f"http://127.0.0.1:{service.address[1]}{path}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    request.data = None if body is None else json.dumps(body).encode()
    return json.loads(await asyncio.to_thread(lambda: urlopen(request, timeout=10).read()))


def shape(value: object) -> object:
    """Members in their order; of a list, that of its first item; of a value, nothing. What may be null is left out."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name != "request"}
    return [shape(value[0])] if isinstance(value, list) and value else None
