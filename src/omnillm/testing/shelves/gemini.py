"""Gemini's files, uploaded in steps, its cached contents, and batches, which are done at once."""

import msgspec

from omnillm.testing.replies.gemini_interactions import DONE
from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import Json
from omnillm.testing.replies.writing import sse
from omnillm.testing.request import Request
from omnillm.testing.shelves.shelf import Answer, Shelf

TIME = "2026-11-01T00:00:00Z"
UPLOAD, DOWNLOAD = "/upload/", "/download"


def answer(shelf: Shelf, request: Request) -> Answer | None:  # noqa: C901  one table of paths
    if request.path.startswith(UPLOAD):
        return _upload(shelf, request)
    kind, _, rest = request.path.removeprefix(DOWNLOAD).removeprefix("/v1beta/").partition("/")
    name, _, verb = rest.partition(":")
    if kind == "models" and verb == "batchGenerateContent":
        return Answer.json(_batch(shelf, request, f"{kind}/{name}"))
    if kind not in {"files", "cachedContents", "batches"}:
        return None
    match (request.method, kind, verb):
        case ("POST", "cachedContents", ""):
            return Answer.json(_cache(shelf, request))
        case ("GET", _, "") if not name:
            return _list(shelf, request, kind)
    kept = shelf.find(kind, f"{kind}/{name}")
    if kept is None:
        message = f"You do not have permission to access the File {name} or it may not exist."
        return Answer(body=msgspec.json.encode({"error": {"code": 404, "message": message, "status": "NOT_FOUND"}}), status=404)
    match (request.method, verb):
        case ("GET", "download") if not request.path.startswith(DOWNLOAD):
            return Answer(body=b"", status=302, fields={"location": f"{request.origin}{DOWNLOAD}/v1beta/{kind}/{name}:download?alt=media"})
        case ("GET", "download"):
            return Answer(body=kept.content, content_type="application/octet-stream")
        case ("GET", ""):
            return Answer.json(kept.told)
        case ("POST", "cancel"):
            return Answer.json({})
        case ("PATCH", ""):
            kept.told |= {name: value for name, value in request.json.items() if name == "expireTime"}
            return Answer.json(kept.told)
        case ("DELETE", ""):
            shelf.drop(kind, f"{kind}/{name}")
            return Answer.json({})
    return None


def _upload(shelf: Shelf, request: Request) -> Answer | None:
    command = request.headers.get(b"x-goog-upload-command", b"").decode()
    if command == "start":
        wanted = request.json.get("file", {})
        name = shelf.serial()
        shelf.keep("uploads", name, wanted)
        url = f"{request.origin}{request.path}?upload_id={name}&upload_protocol=resumable"
        return Answer(body=b"", fields={"x-goog-upload-url": url, "x-goog-upload-status": "active"})
    begun = shelf.find("uploads", request.query.get("upload_id", ""))
    if begun is None:
        return None
    begun.content += request.body
    if "finalize" not in command:
        return Answer(body=b"", fields={"x-goog-upload-status": "active"})
    name = begun.told.get("name") or f"files/f{shelf.serial()}"
    told: Json = {"name": name, "mimeType": begun.told.get("mimeType", "text/plain"), "sizeBytes": str(len(begun.content))}
    told |= {"createTime": TIME, "updateTime": TIME, "uri": f"{request.origin}/v1beta/{name}", "state": "ACTIVE"}
    shelf.keep("files", name, told, begun.content)
    return Answer.json({"file": told}, **{"x-goog-upload-status": "final"})


def _cache(shelf: Shelf, request: Request) -> Json:
    name = f"cachedContents/c{shelf.serial()}"
    told: Json = {"name": name, "model": request.json.get("model"), "createTime": TIME, "updateTime": TIME}
    told |= {"expireTime": "2100-01-01T00:00:00Z", "usageMetadata": {"totalTokenCount": 5000}}
    return shelf.keep("cachedContents", name, told)


def _batch(shelf: Shelf, request: Request, model: str) -> Json:
    """An operation, with a file of results for one that was given as a file."""
    asked = demand(demand(request.json, "batch", dict), "inputConfig", dict)
    name = f"batches/b{shelf.serial()}"
    if "fileName" in asked:
        file: Json = {"name": f"files/batch-{shelf.serial()}", "mimeType": "jsonl", "state": "ACTIVE"}
        shelf.keep(
            "files", file["name"], file, b'{"key": "a", "response": {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}}\n'
        )
        output: Json = {"responsesFile": file["name"]}
    else:
        reply = {"response": {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}}
        output = {"inlinedResponses": {"inlinedResponses": [reply for _ in demand(demand(asked, "requests", dict), "requests", list)]}}
    told: Json = {
        "name": name,
        "done": True,
        "response": output,
        "metadata": {"model": model, "state": "BATCH_STATE_SUCCEEDED", "output": output},
    }
    return shelf.keep("batches", name, told)


def _list(shelf: Shelf, request: Request, kind: str) -> Answer:
    limit = int(request.query.get("pageSize", "10"))
    data, has_more = shelf.newest(kind, request.query.get("pageToken", ""), limit)
    page: Json = {"operations" if kind == "batches" else kind: data} if data else {}
    return Answer.json(page | ({"nextPageToken": data[-1]["name"]} if has_more else {}))


def interaction(shelf: Shelf, request: Request) -> Answer | None:
    """A kept interaction: it is over, whatever was said of it when it was made. A stream of it is its last event."""
    name, _, verb = request.path.partition("/interactions/")[2].partition("/")
    kept = shelf.find("interactions", name)
    if kept is None:
        error = {"message": f"Interaction {name} is not found.", "code": "not_found"}
        return Answer(body=msgspec.json.encode({"error": error}), status=404)
    match (request.method, verb):
        case ("GET", "") if request.query.get("stream") == "true":
            told = sse({"interaction": kept.told, "event_type": "interaction.completed"}, "interaction.completed")
            return Answer(body=told + DONE, content_type="text/event-stream")
        case ("GET", ""):
            return Answer.json(kept.told)
        case ("POST", "cancel"):
            kept.told["status"] = "cancelled"
            return Answer.json(kept.told)
        case ("DELETE", ""):
            shelf.drop("interactions", name)
            return Answer.json({})
    return None
