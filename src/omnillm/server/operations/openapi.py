"""`/openapi.json`: what the server answers, described for programs. The shapes are those of the records that the replies are made of.

Inference is in its protocol's own words, which their makers describe: here stands which paths there are.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

import msgspec

from omnillm.admission.asks import KeyHealth, KeySnapshot
from omnillm.protocols.loss import LossReason
from omnillm.providers.paths import GEMINI_FORMATS, GEMINI_OPERATIONS
from omnillm.records import AttemptRow, Entry, EntryKind, RequestRow
from omnillm.server.operations.reports import REQUEST_FILTERS
from omnillm.server.paths import GEMINI_MODELS, ROUTES, methods_of
from omnillm.usage import Usage

Schema = dict[str, Any]
TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "number"}
COUNT: Final = {"type": "integer"}
FLAG: Final = {"type": "boolean"}
PLAIN: Final[Mapping[Any, Schema]] = {str: TEXT, int: COUNT, float: NUMBER, bool: FLAG}
MONEY: Final = {"type": "string", "description": "Decimal USD."}
WORDS: Final = {"type": "object", "additionalProperties": TEXT}
NAMES: Final = {"type": "array", "items": TEXT}
TERMS: Final = {
    **dict.fromkeys(("rpm", "tpm", "max_concurrency"), COUNT),
    "models": NAMES,
    "budgets": NAMES,
    "tags": WORDS,
    "metadata": WORDS,
}
"""What a virtual key may do, as it is asked for and as it is told."""
MOMENTS: Final = ("created_at", "rotated_at", "previous_secret_until", "expires_at", "revoked_at")


@cache
def description() -> bytes:
    """OpenAPI 3.1, in JSON."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "omnillm", "version": "v1"},
        "paths": {**_probes(), **_admin(), **_inference()},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "admin_key": {"type": "http", "scheme": "bearer", "description": "`server.admin_key`."},
                "virtual_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A virtual key; also accepted where the protocol's SDK puts it.",
                },
            },
        },
    }
    return msgspec.json.encode(document)


def _probes() -> Schema:
    status = _object({"status": TEXT})
    return {
        "/": {"get": _told("Name of the program", _object({"name": TEXT}))},
        "/healthz": {"get": _told("Liveness: 200 while the process answers", status)},
        "/readyz": {"get": _told("Readiness: 503 while the ledger cannot be written, or the gateway drains", status)},
        "/openapi.json": {"get": _told("This description", {"type": "object"})},
        "/metrics": {
            "get": {"summary": "Metrics for Prometheus", "responses": {"200": {"description": "text/plain", "content": {"text/plain": {}}}}}
        },
    }


def _admin() -> Schema:
    key, secret = _object({"virtual_key": _ref("VirtualKey")}), _object({"virtual_key": _ref("VirtualKey"), "secret": TEXT})
    counts = {"cost_usd": MONEY, "requests": COUNT, "attempts": COUNT, "usage": _ref("Usage")}
    row = {**_object(counts), "description": "Also the group, under the names of `group_by`."}
    called, name = "/admin/v1/virtual-keys", "/admin/v1/virtual-keys/{name}"
    paths: Schema = {
        "/admin/v1/pools": {"get": _asked("List the provider keys and their health", _object({"keys": _list("KeySnapshot")}))},
        "/admin/v1/pools/{provider}/{label}/revive": {"post": _asked("Make a provider key ready again", _object({"revived": TEXT}))},
        "/admin/v1/budgets": {
            "get": _asked("List the budgets, and what is spent, held and left of each", _object({"budgets": _list("Budget")}))
        },
        "/admin/v1/usage": {
            "get": _asked(
                "Report what was spent, by whom and on what",
                _object({"total": _object(counts), "rows": {"type": "array", "items": row}}),
                query=("group_by", "since", "until", "format"),
            )
        },
        "/admin/v1/requests": {
            "get": _asked(
                "List calls, newest first",
                _object({"requests": _list("RequestRow"), "next": _nullable(TEXT)}),
                query=("limit", "before", "format", *REQUEST_FILTERS),
            )
        },
        "/admin/v1/requests/{request_id}": {
            "get": _asked(
                "Show one call, its attempts and its movements in the budgets",
                _object({"request": _nullable(_ref("RequestRow")), "attempts": _list("AttemptRow"), "entries": _list("Entry")}),
            )
        },
        "/admin/v1/reload": {"post": _asked("Apply a changed configuration", _object({"status": TEXT}))},
        called: {
            "get": _asked(
                "List the virtual keys", _object({"virtual_keys": _list("VirtualKey"), "has_more": FLAG}), query=("limit", "after")
            ),
            "post": _asked("Create a virtual key", secret, body="VirtualKeyAsked", status="201"),
        },
        name: {"get": _asked("Show a virtual key", key), "patch": _asked("Change what a virtual key may do", key, body="VirtualKeyAsked")},
        f"{name}/rotate": {"post": _asked("Replace the secret of a virtual key", secret, body="Rotation")},
        f"{name}/revoke": {"post": _asked("Revoke a virtual key for good", key)},
    }
    for path, methods in paths.items():
        for operation in methods.values():
            operation["parameters"] += _parameters(path)
    return paths


def _inference() -> Schema:
    paths: Schema = {}
    for path, route in ROUTES.items():
        [method] = methods_of(route)
        paths[path] = {method.lower(): _call(f"{route.operation} in the form of {route.protocol.name}")}
    for below in GEMINI_MODELS:
        models, model = below.rstrip("/"), f"{below}{{model}}"
        for name in (*GEMINI_OPERATIONS, *GEMINI_FORMATS):
            paths[f"{model}:{name}"] = {"post": _call(f"{name} in the form of Gemini", model)}
        paths[models] = {"get": _call("List the models that the caller may ask for")}
        paths[model] = {"get": _call("Show a model that the caller may ask for", model)}
    return paths


def _call(summary: str, path: str = "") -> Schema:
    return {
        "summary": summary,
        "security": [{"virtual_key": []}],
        "parameters": _parameters(path),
        "responses": {
            "200": {"description": "The reply in the protocol's own form."},
            "default": {"description": "An error in the protocol's own form."},
        },
    }


def _asked(summary: str, schema: Schema, *, query: tuple[str, ...] = (), body: str = "", status: str = "200") -> Schema:
    told = _told(summary, schema, status)
    told["responses"]["default"] = {"description": "Why not.", "content": {"application/json": {"schema": _ref("Error")}}}
    if body:
        told["requestBody"] = {"content": {"application/json": {"schema": _ref(body)}}}
    parameters = [{"name": name, "in": "query", "schema": TEXT} for name in query]
    return {**told, "security": [{"admin_key": []}], "parameters": parameters}


def _told(summary: str, schema: Schema, status: str = "200") -> Schema:
    return {"summary": summary, "responses": {status: {"description": "OK", "content": {"application/json": {"schema": schema}}}}}


def _schemas() -> Schema:
    budget = {"limit_usd": MONEY, "period": TEXT, "hard": FLAG, "tz": TEXT}
    spent = {"limit_usd": MONEY, "used_usd": MONEY, "held_usd": MONEY, "left_usd": MONEY, "resets_at": _nullable(NUMBER)}
    own = {**_object(budget), "required": ["limit_usd", "period", "hard"], "description": "`tz`: where its period has a midnight."}
    moments = {moment: _nullable(NUMBER) for moment in MOMENTS}
    asked = {"name": TEXT, **TERMS, "budget": _ref("OwnBudgetAsked"), "expires": TEXT}
    return {
        **{record.__name__: _record(record) for record in (KeySnapshot, KeyHealth, RequestRow, AttemptRow, Entry, Usage, LossReason)},
        "Budget": _object({"name": TEXT, "period": TEXT, "is_hard": FLAG, **spent}),
        "OwnBudget": own,
        "OwnBudgetAsked": {
            "type": "object",
            "properties": {**budget, "warn": {"type": "array", "items": NUMBER}},
            "required": ["limit_usd"],
        },
        "VirtualKey": _object({"name": TEXT, "state": TEXT, "source": TEXT, **TERMS, "budget": _nullable(_ref("OwnBudget")), **moments}),
        "VirtualKeyAsked": {
            "type": "object",
            "properties": asked,
            "description": "The settings of a virtual key. `name` is required to create one and not allowed in a change.",
        },
        "Rotation": {"type": "object", "properties": {"grace": TEXT}},
        "Error": _object({"error": {"type": "object", "properties": {"code": TEXT, "message": TEXT}, "required": ["code", "message"]}}),
    }


def _record(record: type[msgspec.Struct]) -> Schema:
    """As `reports.row_document` writes it: all members, money as text."""
    members: Schema = {}
    for field in msgspec.structs.fields(record):
        if field.name.endswith("_nanousd"):
            members[field.name.replace("nanousd", "usd")] = MONEY
        else:
            members[field.name] = _list("LossReason") if field.name == "loss" else _value(field.type)
    return _object(members)


def _value(kind: Any) -> Schema:
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == tuple[KeyHealth, ...]:
        return _list("KeyHealth")
    if kind is Usage:
        return _ref("Usage")
    return {"enum": [each.value for each in EntryKind]} if kind is EntryKind else {"enum": list(get_args(kind))}


def _object(members: Mapping[str, Any]) -> Schema:
    return {"type": "object", "properties": dict(members), "required": list(members)}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _parameters(path: str) -> list[Schema]:
    """Those that stand in the path."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
