"""What a request gets: its fault, its reply, and the part of it that is billed. It has state (script and memory), but no sockets."""

from functools import lru_cache

import msgspec
from msgspec.structs import replace

from omnillm.clock import Clock
from omnillm.testing import answer
from omnillm.testing.connection import Arrived
from omnillm.testing.delivery import Reply
from omnillm.testing.families.provided import Provided
from omnillm.testing.faults import NO_FAULT, Fault
from omnillm.testing.generation import Generation, count_tokens
from omnillm.testing.hosts import ITSELF, Host
from omnillm.testing.images import IMAGE_TOKENS
from omnillm.testing.memory import Memory, seal_for
from omnillm.testing.replies import (
    ANTHROPIC_MESSAGES,
    BEDROCK,
    BEDROCK_COUNTED,
    GEMINI_GENERATE_CONTENT,
    GEMINI_INTERACTIONS,
    OPENAI_RESPONSES,
)
from omnillm.testing.replies.anthropic_messages import read_count
from omnillm.testing.replies.counting import judge_count
from omnillm.testing.replies.gemini_interactions import finished
from omnillm.testing.replies.reading import json_object
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Piece, Standing
from omnillm.testing.request import Request
from omnillm.testing.routes import Route, key_of, route
from omnillm.testing.script import WINDOW_S, Behaviour, Script
from omnillm.testing.shelves import HANDLERS, Shelves
from omnillm.testing.signed import is_signed, signer_of

UNLIMITED = 10_000
"""Requests a minute that a key without a limit is told to have."""
NO_ROUTE = Fault.status(404, code="route_not_found")
UNKNOWN_KEY = Fault.status(401, code="invalid_api_key")
UNKNOWN_GEMINI_KEY = Fault.status(400, code="invalid_api_key")
"""Gemini calls a bad key a bad request."""
UNKNOWN_TOKEN = Fault.status(401)
UNKNOWN_BEDROCK_KEY = Fault.status(403, code="invalid_api_key")
BAD_SIGNATURE = Fault.status(403, code="bad_signature")


class Call(msgspec.Struct, kw_only=True):
    """A request that was judged."""

    route: Route
    key: str
    fault: Fault
    reply: Reply
    model: str = ""
    is_stream: bool = False
    delay_s: float | None = None
    behaviour: Behaviour | None = None
    """Of the key, for a live session."""
    generation: Generation | None = None
    """None: no generation is to be billed."""
    provided: Provided | None = None
    """Of an endpoint family; None: nothing of one is to be billed."""


GEOGRAPHIES = frozenset({"us", "eu", "apac", "global"})
"""Of inference profiles, before the model's name."""


class Judge:
    """One provider's judgement."""

    __slots__ = ("_clock", "_host", "_memory", "_models", "_read", "_script", "shelves")

    def __init__(self, script: Script, clock: Clock, models: tuple[str, ...], host: Host = ITSELF) -> None:
        self._script = script
        self._host = host
        self._memory = Memory()
        self.shelves = Shelves()
        self._clock = clock
        self._models = models
        self._read = lru_cache(maxsize=64)(_read)  # load tests repeat their bodies

    def judge(self, arrived: Arrived, number: int) -> Call:
        host, headers = self._host, arrived.headers
        way = route(arrived.method, host.inside(arrived.target), headers)
        key = signer_of(arrived, self._script.keys) if is_signed(headers) else key_of(arrived.target, headers) or host.nobody
        behaviour = self._script.behaviour(key)
        if behaviour is None:
            return self._refuse(way, key, _unknown(way, arrived), number)
        if way.operation not in {"generate", "count"}:
            return self._judge_other(way, key, behaviour, arrived, number)
        try:
            _demand_version(way, arrived)
            asked = self._read(way, host.completed(arrived.target, arrived.body))
            asked = host.take(way.speaker.protocol, arrived.body, asked)
            self._memory.judge(way.speaker.protocol, key, asked)
        except (Malformed, RecursionError) as problem:
            code = problem.code if isinstance(problem, Malformed) else ""
            return self._refuse(way, key, Fault.status(host.status_of(code), code=code, message=str(problem)), number)
        fault = self._fault(key, behaviour, arrived.body)
        if fault.http_status or (fault.error_after is not None and not asked.is_stream):
            call = self._refuse(way, key, fault, number)
        elif way.operation == "count":
            call = self._tell(way, key, way.speaker.counted(asked.prompt_tokens), number)
            call.fault = fault
        else:
            created, seal = int(self._clock.wall()), seal_for(way.speaker.protocol, key, number)
            call = self._grant(way, key, fault, asked, answer.generate(asked, behaviour, fault, number=number, created=created, seal=seal))
        call.model = asked.model
        call.is_stream = asked.is_stream
        call.delay_s = _delay_s(fault, behaviour)
        return call

    def _judge_other(self, way: Route, key: str, behaviour: Behaviour, arrived: Arrived, number: int) -> Call:
        """What is no single generation."""
        if way.operation == "live":
            return self._admit(way, key, behaviour, number)
        created = int(self._clock.wall())
        if way.operation == "models":
            return self._tell(way, key, way.speaker.models(self._models, created), number)
        request = Request(
            method=arrived.method,
            target=self._host.inside(arrived.target),
            headers=arrived.headers,
            body=arrived.body,
            model=way.model,
            number=number,
            created=created,
        )
        try:
            return self._fetch(way, key, behaviour, request) if way.family is None else self._provide(way, key, behaviour, request)
        except Malformed as problem:
            return self._refuse(way, key, Fault.status(400, code=problem.code, message=str(problem)), number)

    def _fetch(self, way: Route, key: str, behaviour: Behaviour, request: Request) -> Call:
        """What is kept for the key, or is to be; its faults are the queue's and the key's."""
        number = request.number
        fault = self._script.fault(key, behaviour, b"")
        if fault.http_status:
            return self._refuse(way, key, fault, number)
        found = HANDLERS[way.speaker.protocol](self.shelves.of(key), request)
        if found is None:
            return self._refuse(way, key, NO_ROUTE, number)
        fields = way.speaker.fields(self._standing(key, number)) | {"content-type": found.content_type} | found.fields
        reply = Reply(status=found.status, fields=fields, pieces=[Piece(found.body, 0, "terminal")], is_chunked=False)
        return Call(route=way, key=key, fault=fault, reply=reply)

    def _admit(self, way: Route, key: str, behaviour: Behaviour, number: int) -> Call:
        """A live session, or the refusal of its handshake."""
        fault = self._fault(key, behaviour)
        call = self._refuse(way, key, fault, number) if fault.http_status else self._tell(way, key, {}, number)
        call.fault, call.model, call.is_stream, call.delay_s = fault, way.model, True, _delay_s(fault, behaviour)
        call.behaviour = None if fault.http_status else behaviour
        return call

    def _provide(self, way: Route, key: str, behaviour: Behaviour, request: Request) -> Call:
        """A call of an endpoint family."""
        assert way.family is not None
        provided = way.family(request)
        fault = self._fault(key, behaviour, request.body)
        if fault.http_status or fault.error_after is not None:
            call = self._refuse(way, key, fault, request.number)
        else:
            reply = answer.provide(way.speaker, provided, fault, self._standing(key, request.number))
            call = Call(route=way, key=key, fault=fault, reply=reply, provided=provided)
        call.model, call.is_stream, call.delay_s = provided.model, provided.is_stream, _delay_s(fault, behaviour)
        return call

    def _fault(self, key: str, behaviour: Behaviour, body: bytes = b"") -> Fault:
        """What happens to a call that counts towards the key's limit."""
        return self._script.refusal(key, behaviour, self._clock.now()) or self._script.fault(key, behaviour, body)

    def _refuse(self, way: Route, key: str, fault: Fault, number: int) -> Call:
        return Call(route=way, key=key, fault=fault, model=way.model, reply=answer.fail(way.speaker, fault, self._standing(key, number)))

    def _tell(self, way: Route, key: str, body: Json, number: int) -> Call:
        return Call(route=way, key=key, fault=NO_FAULT, reply=answer.tell(way.speaker, body, self._standing(key, number)))

    def _grant(self, way: Route, key: str, fault: Fault, asked: Asked, generation: Generation) -> Call:
        """A generation, and what is remembered of it."""
        protocol = way.speaker.protocol
        self._memory.keep(protocol, key, asked, generation)
        standing = self._standing(key, generation.number)
        reply = answer.succeed(way.speaker, generation, fault, standing, is_stream=asked.is_stream, is_array=way.is_array)
        self._host.dress(protocol, reply)
        if protocol == OPENAI_RESPONSES.protocol and not asked.is_stream and asked.stored:
            told = way.speaker.whole(generation)
            self.shelves.of(key).keep("responses", told["id"], told)
        elif protocol == GEMINI_INTERACTIONS.protocol and asked.stored:
            told = finished(generation)
            self.shelves.of(key).keep("interactions", told["id"], told)
        return Call(route=way, key=key, fault=fault, reply=reply, generation=generation)

    def _standing(self, key: str, number: int) -> Standing:
        behaviour = self._script.behaviour(key)
        limit = (behaviour and behaviour.rpm) or UNLIMITED
        used = self._script.used(key)
        return Standing(
            request_id=f"req_fake{number:012d}",
            wall=self._clock.wall(),
            limit=limit,
            remaining=max(0, limit - used),
            reset_s=WINDOW_S / limit * used,
        )


def _unknown(way: Route, arrived: Arrived) -> Fault:
    """How a key that is nobody's is refused."""
    if is_signed(arrived.headers):
        return BAD_SIGNATURE
    if way.speaker in BEDROCK:
        return UNKNOWN_BEDROCK_KEY
    if way.speaker in (GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS):
        return UNKNOWN_TOKEN if b"authorization" in arrived.headers else UNKNOWN_GEMINI_KEY
    return UNKNOWN_KEY


def _delay_s(fault: Fault, behaviour: Behaviour) -> float | None:
    """Pieces of a given size are written one by one, so other tasks run in between."""
    if fault.delay_s is not None:
        return fault.delay_s
    return 0.0 if fault.piece_bytes and behaviour.delay_s is None else behaviour.delay_s


def _demand_version(way: Route, arrived: Arrived) -> None:
    """And that what is counted at Bedrock is counted for a model, not for an inference profile."""
    if way.speaker is ANTHROPIC_MESSAGES and b"anthropic-version" not in arrived.headers:
        raise Malformed("anthropic-version: header is required")
    if way.speaker is BEDROCK_COUNTED and way.model.partition(".")[0] in GEOGRAPHIES:
        raise Malformed("The provided model doesn't support counting tokens.")


def _read(way: Route, raw: bytes) -> Asked:
    """The body as its protocol reads it, completed by what the path says."""
    body = json_object(raw)
    if way.operation == "count":
        judge_count("vertex_ai" if way.is_placed else way.speaker.protocol, body)
    is_count = way.speaker is ANTHROPIC_MESSAGES and way.operation == "count"
    asked = (read_count if is_count else way.speaker.read)(body)
    tools = [msgspec.json.encode(tool).decode() for tool in asked.tools]
    seen, tells_media = IMAGE_TOKENS * len(asked.images), way.speaker.tells_media
    tokens = count_tokens((*asked.texts, *tools)) + seen
    asked = replace(asked, prompt_tokens=tokens, image_tokens=seen if tells_media else 0, tells_media=tells_media)
    return replace(asked, model=way.model, is_stream=way.is_stream) if way.model else asked
