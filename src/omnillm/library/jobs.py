"""Batches as jobs: what any provider's batch says of itself, in one set of words."""

from collections.abc import Iterator

import msgspec

from omnillm.errors import BadRequest, UpstreamLost
from omnillm.library.native import Place
from omnillm.library.primitive import PrimitiveReply, PrimitiveRequest
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT
from omnillm.providers.batches import FINAL, JobStatus, job_status, result_paths
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.native import BATCH, PathAsk
from omnillm.providers.native_replies import id_member, list_member

FAMILY = "batches"


class PrimitiveJob(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. Its requests are `primitive_call`'s, or `primitive_async_job`'s again."""

    id: str
    """The provider's id; where the reply names none, the one of the request."""
    status: JobStatus
    reply: PrimitiveReply
    """The provider's reply, as it came."""
    jobs: tuple["PrimitiveJob", ...] = ()
    """Of a list: its entries, each with the list's own reply."""
    status_request: PrimitiveRequest
    cancel_request: PrimitiveRequest
    result_requests: tuple[PrimitiveRequest, ...] = ()
    """Requests that fetch its results; (): there are none yet, or (Gemini, inline) they stand in the reply."""

    @property
    def is_final(self) -> bool:
        """It has ended, well or not: ask again until then."""
        return self.status in FINAL


def check_job(asked: PathAsk) -> None:
    """BadRequest: it is no operation of a batch, or fetches results."""
    operation = asked.operation
    if operation.family != FAMILY or operation.stream:
        raise BadRequest(
            f"{operation.method} {operation.path} tells of no job: create, get, list or cancel one; results are for primitive_call "
            "and primitive_stream.",
            code="no_job",
        )


def read_job(place: Place, asked: PathAsk, reply: PrimitiveReply) -> PrimitiveJob:
    """What a reply tells of a batch. UpstreamLost: it tells of none."""
    try:
        batch = msgspec.json.decode(reply.body)
    except UNREADABLE as error:
        raise UpstreamLost("The provider's batch is none.", code="garbled_reply") from error
    fallback = next((name for kind, name in asked.named if kind == BATCH), "")
    job = _job(place, batch, fallback, reply)
    if not asked.operation.lists:
        return job
    entries = batch.get(list_member(place.endpoint, asked.operation), ()) if isinstance(batch, dict) else ()
    return msgspec.structs.replace(job, jobs=tuple(_job(place, each, "", reply) for each in entries))


def _job(place: Place, batch: object, fallback: str, reply: PrimitiveReply) -> PrimitiveJob:
    endpoint = place.endpoint
    named = batch.get(id_member(endpoint)) if isinstance(batch, dict) else None
    name = named if isinstance(named, str) and named else fallback
    own, cancelled = _paths(endpoint, name)
    get = PrimitiveRequest.get(own, provider=place.provider)
    return PrimitiveJob(
        id=name,
        status=job_status(endpoint, batch),
        reply=reply,
        status_request=get,
        cancel_request=PrimitiveRequest(path=cancelled, provider=place.provider),
        result_requests=tuple(_results(endpoint, name, batch, get)),
    )


def _results(endpoint: Endpoint, name: str, batch: object, get: PrimitiveRequest) -> Iterator[PrimitiveRequest]:
    query = {"alt": "media"} if GEMINI_GENERATE_CONTENT in endpoint.protocols else ""
    yield from (get.with_path(path).with_query(query) for path in result_paths(endpoint, name, batch))


def _paths(endpoint: Endpoint, name: str) -> tuple[str, str]:
    """(where a batch is told of, where it is cancelled)."""
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        return f"/{name}", f"/{name}:cancel"
    own = f"/messages/batches/{name}" if endpoint.kind == "anthropic" else f"/batches/{name}"
    return own, f"{own}/cancel"
