"""OpenAI's files, uploads, batches and stored responses. A batch is completed at once."""

from typing import Any

import msgspec

from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import Json, Malformed
from omnillm.testing.request import File, Request
from omnillm.testing.shelves.shelf import Answer, Shelf


def answer(shelf: Shelf, request: Request) -> Answer | None:  # noqa: C901, PLR0912  one table of paths
    method, parts = request.method, request.path.removeprefix("/v1/").split("/")
    match (method, *parts):
        case ("POST", "files"):
            form = request.form()
            return Answer.json(_file(shelf, request, form.file("file"), form.field("purpose")))
        case ("POST", "batches"):
            return _batch(shelf, request)
        case ("POST", "uploads"):
            return Answer.json(_upload(shelf, request))
        case ("POST", "uploads", name, "parts" | "complete" | "cancel" as verb):
            return _continue(shelf, request, name, verb)
        case ("GET", "files" | "batches" | "vector_stores" as kind):
            return _list(shelf, request, kind)
        case ("GET", "files", name, "content"):
            kept = shelf.find("files", name)
            return missing(name) if kept is None else Answer(body=kept.content, content_type="application/octet-stream")
        case ("POST", "batches" | "responses" as kind, name, "cancel"):
            return _change(shelf, kind, name, status="cancelled")
        case ("GET", "responses", name, "input_items"):
            return (
                missing(name) if shelf.find("responses", name) is None else Answer.json({"object": "list", "data": [], "has_more": False})
            )
        case ("POST", "responses", "compact"):
            return Answer.json(_compaction(shelf, request))
        case ("POST", "vector_stores"):
            store: Json = {"id": f"vs_{shelf.serial()}", "object": "vector_store", "created_at": request.created, "status": "completed"}
            return Answer.json(shelf.keep("vector_stores", store["id"], store | request.json))
        case ("GET" | "POST" as method, "vector_stores", name):
            return _change(shelf, "vector_stores", name, **(request.json if method == "POST" else {}))
        case (_, "conversations", *rest):
            return _conversation(shelf, request, rest)
        case ("GET", "files" | "batches" | "responses" as kind, name):
            return _change(shelf, kind, name)
        case ("DELETE", "files" | "responses" as kind, name):
            told = {"id": name, "object": "file" if kind == "files" else "response", "deleted": True}
            return Answer.json(told) if shelf.drop(kind, name) else missing(name)
    return None


def _conversation(shelf: Shelf, request: Request, rest: list[str]) -> Answer | None:
    """It has no items, whatever is said in it."""
    kind = "conversations"
    match (request.method, *rest):
        case ("POST",):
            told: Json = {"id": f"conv_{shelf.serial()}", "object": "conversation", "created_at": request.created, "metadata": {}}
            return Answer.json(shelf.keep(kind, told["id"], told))
        case ("GET", name, "items") if shelf.find(kind, name) is not None:
            return Answer.json({"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None})
        case ("GET" | "POST" as method, name):
            return _change(shelf, kind, name, **(request.json if method == "POST" else {}))
        case ("DELETE", name):
            told = {"id": name, "object": "conversation.deleted", "deleted": True}
            return Answer.json(told) if shelf.drop(kind, name) else missing(name)
    return None


def _compaction(shelf: Shelf, request: Request) -> Json:
    """Of whatever it is given."""
    serial = shelf.serial()
    item: Json = {"id": f"cmp_{serial}", "type": "compaction", "encrypted_content": f"sealed-{serial}"}
    said: Json = {"id": f"msg_{serial}", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "How deep?"}]}
    usage: Json = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 10, "total_tokens": 110}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}}
    told: Json = {"id": f"resp_{serial}", "object": "response.compaction", "created_at": request.created}
    return told | {"output": [said, item], "usage": usage}


def missing(name: str) -> Answer:
    error = {"message": f"No such object: {name}", "type": "invalid_request_error", "param": "id", "code": None}
    return Answer(body=msgspec.json.encode({"error": error}), status=404)


def _file(shelf: Shelf, request: Request, file: File, purpose: str) -> Json:
    told: Json = {"id": f"file-{shelf.serial()}", "object": "file", "bytes": len(file.content), "created_at": request.created}
    told |= {"filename": file.name, "purpose": purpose, "status": "processed", "expires_at": None}
    return shelf.keep("files", told["id"], told, file.content)


def _batch(shelf: Shelf, request: Request) -> Answer:
    asked = request.json
    given = shelf.find("files", asked.get("input_file_id", ""))
    if given is None:
        return missing(str(asked.get("input_file_id")))
    lines = [msgspec.json.decode(line) for line in given.content.splitlines() if line]
    results = b"".join(
        msgspec.json.encode({"id": f"batch_req_{place}", "custom_id": line.get("custom_id"), "response": {"status_code": 200}}) + b"\n"
        for place, line in enumerate(lines)
    )
    output = _file(shelf, request, File("output.jsonl", results), "batch_output")
    told: Json = {"id": f"batch_{shelf.serial()}", "object": "batch", "endpoint": asked.get("endpoint"), "errors": None}
    told |= {"input_file_id": asked["input_file_id"], "completion_window": asked.get("completion_window"), "status": "completed"}
    told |= {"output_file_id": output["id"], "error_file_id": None, "created_at": request.created}
    told |= {"request_counts": {"total": len(lines), "completed": len(lines), "failed": 0}, "metadata": None}
    return Answer.json(shelf.keep("batches", told["id"], told))


def _upload(shelf: Shelf, request: Request) -> Json:
    asked = request.json
    size, name, purpose = demand(asked, "bytes", int), demand(asked, "filename", str), demand(asked, "purpose", str)
    told: Json = {"id": f"upload_{shelf.serial()}", "object": "upload", "bytes": size, "created_at": request.created}
    told |= {"filename": name, "purpose": purpose, "status": "pending", "expires_at": request.created + 3600}
    return shelf.keep("uploads", told["id"], told)


def _continue(shelf: Shelf, request: Request, name: str, verb: str) -> Answer:
    kept = shelf.find("uploads", name)
    if kept is None:
        return missing(name)
    if verb == "parts":
        piece: Json = {"id": f"part_{shelf.serial()}", "object": "upload.part", "created_at": request.created, "upload_id": name}
        return Answer.json(shelf.keep("parts", piece["id"], piece, request.form().file("data").content))
    if verb == "cancel":
        return _change(shelf, "uploads", name, status="cancelled")
    parts = request.json.get("part_ids")
    if not isinstance(parts, list):  # no part is an empty file
        raise Malformed("part_ids: Field required")
    content = b"".join(part.content for each in parts if (part := shelf.find("parts", each)) is not None)
    file = _file(shelf, request, File(kept.told["filename"], content), kept.told["purpose"])
    return _change(shelf, "uploads", name, status="completed", file=file)


def _change(shelf: Shelf, kind: str, name: str, **changed: Any) -> Answer:
    kept = shelf.find(kind, name)
    if kept is None:
        return missing(name)
    kept.told |= changed
    return Answer.json(kept.told)


def _list(shelf: Shelf, request: Request, kind: str) -> Answer:
    data, has_more = shelf.newest(kind, request.query.get("after", ""), int(request.query.get("limit", "100")))
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return Answer.json({"object": "list", "data": data, "has_more": has_more} | ends)
