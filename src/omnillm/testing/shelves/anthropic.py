"""Anthropic's files and message batches. A batch has ended at once."""

import msgspec

from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import Json
from omnillm.testing.request import Request
from omnillm.testing.shelves.shelf import Answer, Shelf

NEVER = "2100-01-01T00:00:00Z"
BATCHES = "messages/batches"


def answer(shelf: Shelf, request: Request) -> Answer | None:  # noqa: C901  one table of paths
    path = request.path.removeprefix("/v1/")
    kind, _, name = (BATCHES, "", path.removeprefix(f"{BATCHES}/")) if path.startswith(f"{BATCHES}/") else path.partition("/")
    if path in {"files", BATCHES}:
        kind, name = path, ""
    name, _, verb = name.partition("/")
    match (request.method, kind, verb):
        case ("POST", "files", ""):
            return Answer.json(_file(shelf, request))
        case ("POST", "messages/batches", ""):
            return Answer.json(_batch(shelf, request))
        case ("GET", "files", "") if not name:
            return _list_by_token(shelf, request, kind)
        case ("GET", "messages/batches", "") if not name:
            return _list(shelf, request, kind)
        case ("GET", "files", "content"):
            kept = shelf.find(kind, name)
            return _missing(name) if kept is None else Answer(body=kept.content, content_type="application/octet-stream")
        case ("GET", "messages/batches", "results"):
            kept = shelf.find(kind, name)
            return _missing(name) if kept is None else Answer(body=kept.content, content_type="application/x-jsonl")
        case ("GET", "files" | "messages/batches", "") | ("POST", "messages/batches", "cancel"):
            kept = shelf.find(kind, name)
            return _missing(name) if kept is None else Answer.json(kept.told)
        case ("DELETE", "files" | "messages/batches", ""):
            told = {"id": name, "type": "file_deleted" if kind == "files" else "message_batch_deleted"}
            return Answer.json(told) if shelf.drop(kind, name) else _missing(name)
    return None


def _missing(name: str) -> Answer:
    error = {"type": "error", "error": {"type": "not_found_error", "message": f"not found: {name}"}}
    return Answer(body=msgspec.json.encode(error), status=404)


def _file(shelf: Shelf, request: Request) -> Json:
    file = request.form().file("file")
    told: Json = {"id": f"file_{shelf.serial()}", "type": "file", "filename": file.name, "mime_type": "text/plain"}
    told |= {"size_bytes": len(file.content), "created_at": "2026-11-01T00:00:00Z", "downloadable": True}
    return shelf.keep("files", told["id"], told, file.content)


def _batch(shelf: Shelf, request: Request) -> Json:
    asked = demand(request.json, "requests", list)
    name = f"msgbatch_{shelf.serial()}"
    counts = {"processing": 0, "succeeded": len(asked), "errored": 0, "canceled": 0, "expired": 0}
    told: Json = {"id": name, "type": "message_batch", "processing_status": "ended", "request_counts": counts}
    told |= {"created_at": "2026-11-01T00:00:00Z", "ended_at": "2026-11-01T00:00:01Z", "expires_at": NEVER}
    told |= {"archived_at": None, "cancel_initiated_at": None, "results_url": f"{request.origin}/v1/messages/batches/{name}/results"}
    canceled = {"type": "canceled"}
    results = b"".join(msgspec.json.encode({"custom_id": each["custom_id"], "result": canceled}) + b"\n" for each in asked)
    return shelf.keep(BATCHES, name, told, results)


def _list_by_token(shelf: Shelf, request: Request, kind: str) -> Answer:
    """Without `has_more`; `ids` and a size exclude each other."""
    if ids := request.every("ids[]"):
        if request.query.keys() & {"limit", "page"}:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "ids: not together with page or limit"}}
            return Answer(body=msgspec.json.encode(error), status=400)
        return Answer.json({"data": [kept.told for each in ids if (kept := shelf.find(kind, each))], "next_page": None})
    after = request.query.get("page", "").removeprefix("page_")
    data, has_more = shelf.newest(kind, after, int(request.query.get("limit", "20")))
    return Answer.json({"data": data, "next_page": f"page_{data[-1]['id']}" if has_more else None})


def _list(shelf: Shelf, request: Request, kind: str) -> Answer:
    data, has_more = shelf.newest(kind, request.query.get("after_id", ""), int(request.query.get("limit", "20")))
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return Answer.json({"data": data, "has_more": has_more} | ends)
