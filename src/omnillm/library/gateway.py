"""`Gateway`: many provider keys as one endpoint, inside a Python program. No file and no signal handler unless asked for."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec.structs import replace

from omnillm.assemble import Program
from omnillm.assemble.parts import make_caller
from omnillm.clock import Clock
from omnillm.config.load import load
from omnillm.config.settings import (
    BudgetSettings,
    ModelSettings,
    PricingSettings,
    Settings,
    StoreSettings,
    TargetSettings,
    TimeoutSettings,
)
from omnillm.endpoints.api import ApiRequest
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import BadRequest, ConfigError, ProtocolError
from omnillm.gateway.call import REALTIME, Call, affinity_of, read_idempotency_key, read_members, with_model
from omnillm.gateway.idempotency import Replay
from omnillm.gateway.realtime import Session
from omnillm.gateway.relay import Relay
from omnillm.library import families
from omnillm.library.endpoints import ProviderEndpoint, provider_settings
from omnillm.library.families import ApiReply
from omnillm.library.generation import GatewayResponse, read_events, read_response
from omnillm.library.jobs import PrimitiveJob, check_job, read_job
from omnillm.library.native import NativeCalls, check_stream, inferring, place_of, read_native_events, visible
from omnillm.library.pool import (
    KeyConfig,
    KeyStatus,
    PoolConfig,
    call_settings,
    key_settings,
    key_status,
    pool_settings,
    read_seconds,
    secret_text,
)
from omnillm.library.prices import PriceConfig, price_settings, read_usd
from omnillm.library.primitive import BinaryChunk, Completed, PrimitiveReply, PrimitiveRequest, StreamFrame, StreamUsage, body_of
from omnillm.library.realtime import WEBSOCKET, RealtimeSession, read_opening
from omnillm.library.replays import replay_error, replay_reply, replay_response
from omnillm.library.streams import completed, read_frames
from omnillm.model.events import LlmStreamEvent
from omnillm.model.request import LlmRequest
from omnillm.money import NANO_PER_USD
from omnillm.protocols import canonical
from omnillm.protocols.protocol import Members, Protocol, RequestPeek
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.families import FAMILIES
from omnillm.providers.protocol_names import parse_protocol
from omnillm.secret import Secret

PROVIDER = "default"
BUDGET = "gateway"


class Gateway:
    """Call it inside `async with`, or `aclose()` it yourself; the first call starts it.

    `budget_limit_usd` is decimal USD (Decimal, str or int), hard, for the life of the ledger. `request_timeout_s` is the total for a plain
    reply. `store` is a ledger's URL; by default it is kept in memory. `prices` maps a model to its price, for models that the built-in
    catalogue does not know. Raises ConfigError when any of it is wrong.
    """

    def __init__(  # noqa: PLR0913  the ancestor's builder, as keywords
        self,
        endpoint: ProviderEndpoint,
        *,
        keys: Sequence[KeyConfig],
        budget_limit_usd: Decimal | str | int | None = None,
        pool: PoolConfig = PoolConfig(),  # noqa: B008  a frozen value
        request_timeout_s: float | None = None,
        prices: Mapping[str, PriceConfig] | None = None,
        store: str = "memory://",
        primitive_endpoint: ProviderEndpoint | None = None,
        clock: Clock | None = None,
    ) -> None:
        settings = _settings(primitive_endpoint or endpoint, keys, pool, request_timeout_s)
        settings = replace(
            settings,
            store=StoreSettings(url=Secret(store), durability="strict" if budget_limit_usd is not None else "relaxed"),
            budgets=() if budget_limit_usd is None else (_budget(budget_limit_usd),),
            pricing=PricingSettings(
                overrides={f"{PROVIDER}/{model}": price_settings(model, price) for model, price in (prices or {}).items()}
            ),
        )
        self._begin(settings, clock)

    @classmethod
    def from_config(cls, path: str | Path, *, env: Mapping[str, str] | None = None, clock: Clock | None = None) -> Self:
        """The same configuration file as the server's; its `server` section is not used."""
        gateway = cls.__new__(cls)
        gateway._begin(load(Path(path), os.environ if env is None else env), clock)  # noqa: SLF001  its own
        return gateway

    def _begin(self, settings: Settings, clock: Clock | None) -> None:
        self._program = Program(settings, clock=clock)
        self._caller = make_caller(settings, None)
        self._native = NativeCalls(self._program, self._caller)
        self._is_started = self._is_closed = False
        self._sessions: set[Session] = set()
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def _start(self) -> None:
        if self._is_closed:
            raise RuntimeError("this gateway is closed")
        if not self._is_started:
            async with self._starting:
                if not self._is_started:
                    await self._program.start()
                    self._is_started = True

    async def aclose(self) -> None:
        """Close connections and the ledger, for good. Idempotent."""
        self._is_closed = True
        for session in self._sessions:
            session.close()
        if self._is_started:
            self._is_started = False
            await self._program.aclose()

    async def call(self, request: LlmRequest, *, session: str = "", tags: str = "", idempotency_key: str = "") -> GatewayResponse:
        """Answer a canonical request, whatever protocol the provider speaks. ProtocolError: something required cannot be said in it.

        What was lost on the way stands in `loss_reasons`. `session` is for affinity, `tags` for the ledger. A call with an
        `idempotency_key` is done once: its repetition is told the reply again where replies are kept (`is_replay`), otherwise it is a
        CallerFault 409. Raises OmniError.
        """
        await self._start()
        raw = PrimitiveRequest(body=b"", session=session, tags=tags, idempotency_key=idempotency_key)
        relay = await self._serve(self._canonical_call(request, raw, is_stream=False))
        if isinstance(relay, Replay):
            return replay_response(relay)
        try:
            return read_response(relay, await relay.read())
        finally:
            relay.close()

    @asynccontextmanager
    async def stream(
        self, request: LlmRequest, *, session: str = "", tags: str = "", idempotency_key: str = ""
    ) -> AsyncIterator[AsyncIterator[LlmStreamEvent | Completed]]:
        """Stream a canonical request: `async with gateway.stream(request) as events: async for event in events`.

        The last event is one `Completed` with the whole reply, or the iteration raises. Leaving the block early hangs up. A
        stream is not kept: the repetition of one with an `idempotency_key` is a CallerFault 409.
        """
        await self._start()
        raw = PrimitiveRequest(body=b"", session=session, tags=tags, idempotency_key=idempotency_key)
        relay = await self._serve_stream(self._canonical_call(request, raw, is_stream=True))
        try:
            yield read_events(relay)
        finally:
            relay.close()

    async def api_call(self, request: ApiRequest, *, session: str = "", tags: str = "") -> ApiReply:
        """Embed, moderate, rerank, draw, speak or transcribe: a family's canonical request, in whichever format its provider has of it.

        Its whole reply, also of speech; what asks for events is refused. BadRequest: the provider does not have the family, or a member
        does not fit; ProtocolError: it cannot be said in the provider's format. Raises OmniError.
        """
        await self._start()
        if families.accepted(request) == "text/event-stream":
            raise BadRequest("The request asks for events: use api_stream.", code="wrong_stream_mode")
        written = families.write(request)
        relay = await self._serve(self._family_call(request, written, session, tags))
        assert isinstance(relay, Relay), "only a call with an idempotency key is told a reply again"
        try:
            return await families.read_reply(relay, written)
        finally:
            relay.close()

    @asynccontextmanager
    async def api_stream(self, request: ApiRequest, *, session: str = "", tags: str = "") -> AsyncIterator[AsyncIterator[bytes]]:
        """The same, as its bytes come: audio, or whole server-sent events. A cut one raises. Leaving the block early hangs up."""
        await self._start()
        if not families.is_stream(request):
            raise BadRequest("The request asks for no stream: use api_call.", code="wrong_stream_mode")
        relay = await self._serve(self._family_call(request, families.write(request), session, tags))
        assert isinstance(relay, Relay), "only a call with an idempotency key is told a reply again"
        try:
            yield families.pieces(relay)
        finally:
            relay.close()

    def _family_call(self, request: ApiRequest, written: families.Written, session: str, tags: str) -> Call:
        spoken = FORMATS[written.wire_format]
        headers = {"accept": families.accepted(request)}
        raw = PrimitiveRequest(body=written.body, operation=spoken.operation, headers=headers, session=session, tags=tags)
        call = self._made(raw, written.body, spoken.protocol, written.members, is_stream=families.is_stream(request))
        return replace(call, upload=written.upload)

    async def primitive_call(self, request: PrimitiveRequest) -> PrimitiveReply:
        """A raw call in the provider's own words, its reply whole. A request that asks for a stream is refused. Raises OmniError.

        With a `path`: any operation of the kind's path table, as `/providers/{name}` of the server has them.
        """
        await self._start()
        check_stream(request, is_stream=False)
        if request.path:
            place = place_of(request, self._program)
            inference = inferring(request, place, is_stream=False)
            if inference is None:
                return await self._native.call(request, place)
            request = inference
        relay = await self._serve(await self._raw_call(request, is_stream=False))
        if isinstance(relay, Replay):
            return replay_reply(relay)
        try:
            body = b"".join([piece async for piece in families.pieces(relay)])
        finally:
            relay.close()
        return _reply(relay, body, visible(relay.upstream_headers) if request.path else {})

    @asynccontextmanager
    async def primitive_stream(
        self, request: PrimitiveRequest
    ) -> AsyncIterator[AsyncIterator[StreamFrame | BinaryChunk | StreamUsage | Completed]]:
        """A raw stream: `async with gateway.primitive_stream(request) as events: async for event in events`.

        Each frame is followed by its usage where it reports one; what is no event stream comes in chunks. The last event is `Completed`,
        or the iteration raises. Leaving the block early hangs up: what was generated so far is settled.
        """
        await self._start()
        check_stream(request, is_stream=True)
        if request.path:
            place = place_of(request, self._program)
            inference = inferring(request, place, is_stream=True)
            if inference is None:
                async with self._native.stream(request, place) as native:
                    yield read_native_events(native)
                return
            request = inference
        relay = await self._serve_stream(await self._raw_call(request, is_stream=True))
        try:
            yield _events(relay)
        finally:
            relay.close()

    @asynccontextmanager
    async def primitive_realtime(self, request: PrimitiveRequest, *, transport: str = WEBSOCKET) -> AsyncIterator[RealtimeSession]:
        """A live session in the provider's own protocol: `async with gateway.primitive_realtime(request) as session`.

        `request.model` says with which model (OpenAI); Gemini's `setup` is the request's body. What the body holds is said first. The block
        begins when the provider has opened the session, on whichever key; leaving it hangs up. Raises OmniError.
        """
        await self._start()
        protocol = PROTOCOLS[parse_protocol(request.protocol)[0] if request.protocol else self._default_protocol()]
        model = read_opening(request, protocol.name, transport)
        call = self._made(replace(request, operation=REALTIME, model=model), body_of(request), protocol, {}, is_stream=True)
        session = await self._program.engine.converse(call)
        self._sessions.add(session)
        try:
            yield RealtimeSession(session)
        finally:
            self._sessions.discard(session)
            session.close()

    async def primitive_async_job(self, request: PrimitiveRequest) -> PrimitiveJob:
        """Create, get, list or cancel a batch by its provider's own path; what is told of it, in one set of words. Raises OmniError."""
        await self._start()
        check_stream(request, is_stream=False)
        place = place_of(request, self._program)
        asked = self._native.asked(request, place)
        check_job(asked)
        return read_job(place, asked, await self._native.call(request, place))

    def pool_status(self) -> list[KeyStatus]:
        """Every provider key now."""
        program = self._program
        wall = program.clock.wall()
        return [key_status(key, wall) for key in program.controller.keys(program.clock.now())]

    def budget_used_usd(self) -> Decimal:
        """Settled in the current period of the gateway's budget; 0 without one."""
        return sum((_usd(budget.settled_nanousd) for budget in self._program.controller.budgets()[:1]), Decimal(0))

    def budget_remaining_usd(self) -> Decimal | None:
        """Neither settled nor held by calls under way; None without a limit."""
        budgets = self._program.controller.budgets()
        if not budgets:
            return None
        return _usd(budgets[0].limit_nanousd - budgets[0].settled_nanousd - budgets[0].reserved_nanousd)

    async def _serve(self, call: Call) -> Relay | Replay:
        """An error that is told again is raised again."""
        served = await self._program.engine.serve(call)
        if isinstance(served, Replay) and served.status >= 400:
            raise replay_error(served)
        return served

    async def _serve_stream(self, call: Call) -> Relay:
        relay = await self._serve(call)
        assert isinstance(relay, Relay), "a stream was kept"
        return relay

    def _canonical_call(self, request: LlmRequest, raw: PrimitiveRequest, *, is_stream: bool) -> Call:
        """`raw` has all but the body."""
        body = msgspec.json.encode(replace(request, is_stream=is_stream))
        return self._made(raw, body, canonical.PROTOCOL, read_members(body), is_stream=is_stream)

    async def _raw_call(self, request: PrimitiveRequest, *, is_stream: bool) -> Call:
        if request.operation not in FAMILIES:
            return self._call(request, is_stream=is_stream)
        written = await families.read(request, self._program.dice)
        protocol = FORMATS[written.wire_format].protocol
        call = self._made(request, written.body, protocol, written.members, is_stream=False)
        return replace(call, is_stream=call.peek.is_stream, upload=written.upload)

    def _call(self, request: PrimitiveRequest, *, is_stream: bool) -> Call:
        name = request.protocol or self._default_protocol()
        protocol = PROTOCOLS.get(name) or PROTOCOLS[parse_protocol(name)[0]]
        if protocol.is_native_only and not request.path:
            message = f"{protocol.name} is asked by path: give one (/model/...), use call and stream, or give the body in another protocol."
            raise ProtocolError(message, reason="unsupported_wire_format")
        body = body_of(request)
        members = read_members(body)
        peek = protocol.peek_request(members)
        if peek.is_stream and not is_stream:
            raise BadRequest("The body asks for a stream: use primitive_stream.", code="wrong_stream_mode")
        if is_stream and not peek.is_stream and peek.model:
            raise BadRequest('The body does not ask for a stream: set "stream": true, or use primitive_call.', code="wrong_stream_mode")
        return self._made(request, body, protocol, members, is_stream=is_stream)

    def _made(self, request: PrimitiveRequest, body: bytes, protocol: Protocol, members: Members, *, is_stream: bool) -> Call:
        program, is_session = self._program, request.operation == REALTIME
        named = with_model(members, request.model if request.provider and not protocol.is_native_only else "")
        peek = RequestPeek(model=request.model) if is_session else protocol.peek_request(named)
        model = request.model or peek.model
        key = request.idempotency_key
        now = program.clock.now()
        return Call(
            protocol=protocol,
            operation=request.operation,
            caller=self._caller,
            model=f"{request.provider}/{model}" if request.provider else model,
            provider=request.provider,
            is_stream=is_stream,
            peek=peek,
            members=members,
            body=body,
            headers=request.wire_headers(),
            started_at=now,
            wall=program.clock.wall(),
            deadline=now + program.settings.calls.deadline_s,
            session=request.session,
            affinity=affinity_of(program.settings.calls.affinity, request.session, body),
            tags=request.tags,
            idempotency_key=read_idempotency_key(key, f"{protocol.name}/{request.operation}") if key else None,
        )

    def _default_protocol(self) -> str:
        return next(iter(self._program.endpoints.values())).protocols[0]


async def _events(relay: Relay) -> AsyncIterator[StreamFrame | BinaryChunk | StreamUsage | Completed]:
    if relay.is_raw or relay.whole is not None:
        async for piece in families.pieces(relay):
            yield BinaryChunk(data=piece)
    else:
        async for event in read_frames(relay, relay.new_reader()):
            yield event
    yield completed(relay.case)


def _reply(relay: Relay, body: bytes, headers: Mapping[str, str]) -> PrimitiveReply:
    case, lease = relay.case, relay.lease
    return PrimitiveReply(
        status=200,
        body=body,
        usage=case.usage,
        cost_nanousd=case.cost_nanousd,
        request_id=case.request_id,
        provider=lease.provider,
        model=lease.model,
        key=lease.key,
        attempts=case.attempts,
        headers=headers,
    )


def _settings(endpoint: ProviderEndpoint, keys: Sequence[KeyConfig], pool: PoolConfig, request_timeout_s: float | None) -> Settings:
    if not keys:
        raise ConfigError("at least one key is needed", path="keys")
    _check_once([key.label for key in keys], "label")
    _check_once([secret_text(key) for key in keys], "key")
    provider = replace(
        pool_settings(pool, provider_settings(endpoint)),
        keys=tuple(key_settings(key) for key in keys),
        timeouts=TimeoutSettings()
        if request_timeout_s is None
        else TimeoutSettings(total_s=read_seconds(request_timeout_s, "request_timeout_s")),
    )
    return Settings(
        providers={PROVIDER: provider},
        models={"*": ModelSettings(targets=(TargetSettings(target=f"{PROVIDER}/*"),))},
        calls=call_settings(pool),
    )


def _check_once(values: list[str], what: str) -> None:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ConfigError(f"the {what} stands twice", path=f"keys[{place}].{what}")


def _budget(limit: Decimal | str | int) -> BudgetSettings:
    return BudgetSettings(name=BUDGET, limit_nanousd=read_usd(limit, "budget_limit_usd"))


def _usd(nanousd: int) -> Decimal:
    return Decimal(nanousd) / NANO_PER_USD
