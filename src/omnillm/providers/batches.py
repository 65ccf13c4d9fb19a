"""What a provider tells about a batch: how far it is, and where its results are."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT
from omnillm.providers.endpoint import Endpoint

JobStatus = Literal["pending", "running", "succeeded", "failed", "cancelled", "unknown"]
FINAL: Final = frozenset({"succeeded", "failed", "cancelled"})
_OPENAI: Final[Mapping[str, JobStatus]] = {
    "queued": "pending",
    "validating": "pending",
    "in_progress": "running",
    "finalizing": "running",
    "cancelling": "running",
    "completed": "succeeded",
    "incomplete": "succeeded",
    "failed": "failed",
    "expired": "failed",
    "cancelled": "cancelled",
}
_ANTHROPIC: Final[Mapping[str, JobStatus]] = {"in_progress": "running", "canceling": "running"}
_GEMINI: Final[Mapping[str, JobStatus]] = {
    "PENDING": "pending",
    "QUEUED": "pending",
    "RUNNING": "running",
    "CANCELLING": "running",
    "SUCCEEDED": "succeeded",
    "PARTIALLY_SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "EXPIRED": "failed",
    "CANCELLED": "cancelled",
}
_INTERACTION: Final[Mapping[str, JobStatus]] = {
    "queued": "pending",
    "in_progress": "running",
    "completed": "succeeded",
    "requires_action": "succeeded",
    "requires_continuation": "succeeded",
    "incomplete": "succeeded",
    "budget_exceeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""Of an interaction that is written in the background, of Gemini's too."""
_OF_ANSWERS: Final = ("output_file_id", "responsesFile")
_OF_RESULTS: Final = (*_OF_ANSWERS, "error_file_id")
"""OpenAI's errors have a file of their own, which tells of no usage."""
_CANCELLED_CODE: Final = 1
"""The code in an operation's error (google.rpc.Code)."""


def job_status(endpoint: Endpoint, told: object) -> JobStatus:
    """The status, from the provider's own field; "unknown" where it has none, or a new word."""
    if not isinstance(told, dict):
        return "unknown"
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        return _gemini(told)
    if ANTHROPIC_MESSAGES in endpoint.protocols:
        return _anthropic(told)
    return _OPENAI.get(str(told.get("status")), "unknown")


def _anthropic(told: dict[str, Any]) -> JobStatus:
    """The status of an ended batch: the best that any of its requests has, since a single success means that there are results."""
    status = told.get("processing_status")
    if status != "ended":
        return _ANTHROPIC.get(str(status), "unknown")
    counts = _object(told.get("request_counts"))
    if counts.get("succeeded") or not any(counts.values()):
        return "succeeded"
    return "cancelled" if counts.get("canceled") else "failed"


def _gemini(told: dict[str, Any]) -> JobStatus:
    """The status of an interaction, of an operation, or of the batch in its metadata. `done` counts more than an unfinished state."""
    if isinstance(told.get("status"), str):
        return _INTERACTION.get(told["status"], "unknown")
    error = told.get("error")
    if isinstance(error, dict):
        return "cancelled" if error.get("code") == _CANCELLED_CODE else "failed"
    state = _object(told.get("metadata")).get("state") or told.get("state") or ""
    status = _GEMINI.get(str(state).removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_"), "unknown")
    return "succeeded" if told.get("done") is True and status not in FINAL else status


def result_paths(endpoint: Endpoint, name: str, told: object) -> tuple[str, ...]:
    """The paths, below the provider's root, of a batch's results; (): there are none yet, or (Gemini) they are in `told`."""
    return tuple(_places(endpoint, name, told, _OF_RESULTS).values())


def answer_places(endpoint: Endpoint, name: str, told: object) -> dict[str, str]:
    """The paths of results that may hold answers, and so usage, by the name of the file, or of the batch itself."""
    return _places(endpoint, name, told, _OF_ANSWERS)


def _places(endpoint: Endpoint, name: str, told: object, members: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(told, dict):
        return {}
    if ANTHROPIC_MESSAGES in endpoint.protocols:
        return {name: f"/messages/batches/{name}/results"} if told.get("results_url") else {}
    path = "/{}:download" if GEMINI_GENERATE_CONTENT in endpoint.protocols else "/files/{}/content"
    return {file: path.format(file) for file in _files(told, members)}


def result_files(told: dict[str, Any]) -> tuple[str, ...]:
    """The files that a batch names as its results, each once."""
    return _files(told, _OF_RESULTS)


def answer_files(told: dict[str, Any]) -> tuple[str, ...]:
    """The files of results that may hold answers."""
    return _files(told, _OF_ANSWERS)


def _files(told: dict[str, Any], members: tuple[str, ...]) -> tuple[str, ...]:
    places = (told, _object(told.get("metadata")).get("output"), told.get("response"))
    named = (_object(place).get(member) for place in places for member in members)
    return tuple(dict.fromkeys(file for file in named if isinstance(file, str) and file))


def succeeded(endpoint: Endpoint, told: dict[str, Any]) -> bool:
    """Whether some of an ended batch's requests were answered, as far as it says: those cost something."""
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        status = job_status(endpoint, told)
        stats = _object(_object(told.get("metadata")).get("batchStats") or told.get("batchStats"))
        is_stopped_before = status == "cancelled" and bool(stats) and str(stats.get("successfulRequestCount", "0")) == "0"
        return status != "failed" and not is_stopped_before
    counts = _object(told.get("request_counts"))
    count = counts.get("succeeded" if ANTHROPIC_MESSAGES in endpoint.protocols else "completed")
    return bool(count) or (count is None and job_status(endpoint, told) != "failed")


def inline_results(told: dict[str, Any]) -> list[object] | None:
    """Gemini's results of a batch whose requests came in a body; None: they are elsewhere."""
    for place in (_object(told.get("metadata")).get("output"), told.get("response")):
        found = _object(_object(place).get("inlinedResponses")).get("inlinedResponses")
        if isinstance(found, list):
            return found
    return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
