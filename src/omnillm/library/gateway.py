"""`Gateway`: many provider keys as one endpoint, inside a Python program. No file and no signal handler unless asked for."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, overload

from omnillm.admission.asks import BudgetSnapshot
from omnillm.assemble import Program
from omnillm.assemble.parts import make_caller
from omnillm.clock import Clock
from omnillm.config.load import load
from omnillm.config.settings import Settings
from omnillm.endpoints import api
from omnillm.endpoints.api import ApiRequest
from omnillm.errors import BadRequest, OmniError
from omnillm.gateway.call import Call
from omnillm.gateway.idempotency import Replay
from omnillm.gateway.quotes.estimate import Estimate, estimate_operation
from omnillm.gateway.replies.relay import Relay
from omnillm.library import families
from omnillm.library.calls import Calls
from omnillm.library.endpoints import ProviderEndpoint
from omnillm.library.families import ApiReply
from omnillm.library.generation import read_events, read_response
from omnillm.library.jobs import PrimitiveJob, check_job, read_job
from omnillm.library.lifetime import Lifetime
from omnillm.library.native import NativeCalls, check_stream, place_of, placed, read_native_events, read_reply, visible_headers
from omnillm.library.pool import KeyConfig, KeyStatus, PoolConfig, key_status
from omnillm.library.prices import PriceConfig, usd
from omnillm.library.primitive import BinaryChunk, Completed, PrimitiveReply, PrimitiveRequest, StreamFrame, StreamUsage, check_request
from omnillm.library.realtime import WEBSOCKET, RealtimeSession
from omnillm.library.replays import replay_error, replay_reply, replay_response
from omnillm.library.response import GatewayResponse
from omnillm.library.settings import elsewhere, settings_for, with_ledger
from omnillm.library.streams import read_raw
from omnillm.model.events import LlmStreamEvent
from omnillm.model.request import LlmRequest


class Gateway:
    """Call it inside `async with`, or `aclose()` it yourself; the first call starts it, on the event loop that it then belongs to.

    `keys` are the provider keys, at least one; `pool` says how they are chosen, rested and waited for. `budget_limit_usd` is decimal USD
    (Decimal, str or int), hard, for the life of the ledger. `request_timeout_s` is the longest that one attempt at a plain reply may take;
    `asyncio.timeout` bounds a call with all of them. `store` is a ledger's URL; by default it is kept in memory. `prices` maps a model to
    its price, for models that the built-in list does not know. `primitive_endpoint` is where the `primitive_*` calls go, with the same
    keys, limits and budget; by default to `endpoint`. `clock` is for tests (`omnillm.testing.ManualClock`). Raises ConfigError when any of
    it is wrong.
    """

    def __init__(  # noqa: PLR0913  the ancestor's builder, as keywords
        self,
        endpoint: ProviderEndpoint,
        *,
        keys: Iterable[KeyConfig],
        budget_limit_usd: Decimal | str | int | None = None,
        pool: PoolConfig = PoolConfig(),  # noqa: B008  a frozen value
        request_timeout_s: float | None = None,
        prices: Mapping[str, PriceConfig] | None = None,
        store: str = "memory://",
        primitive_endpoint: ProviderEndpoint | None = None,
        clock: Clock | None = None,
    ) -> None:
        settings = settings_for(endpoint, keys, pool, request_timeout_s)
        settings = with_ledger(settings, store, budget_limit_usd, prices or {})
        self._read: Callable[[], Settings] | None = None
        self._make(settings, clock, None if primitive_endpoint is None else elsewhere(settings, primitive_endpoint))

    @classmethod
    def from_config(cls, path: str | Path, *, env: Mapping[str, str] | None = None, clock: Clock | None = None) -> Self:
        """From the server's file, without its virtual keys; of its `server` section only `limits.body` and `limits.buffered` are used.

        `env` is where `${NAME}` is looked up, by default the process's environment. Raises ConfigError with the place and line.
        """
        gateway = cls.__new__(cls)
        gateway._read = partial(load, Path(path), os.environ if env is None else env)  # noqa: SLF001  its own
        gateway._make(gateway._read(), clock)  # noqa: SLF001
        return gateway

    def _make(self, settings: Settings, clock: Clock | None, primitive: Settings | None = None) -> None:
        self._program = Program(settings, clock=clock)
        self._primitive_settings = primitive
        self._reloading = asyncio.Lock()  # what is read later is applied later
        self._lifetime = Lifetime(self._program, self._wire)

    def _wire(self) -> None:
        """Once the program runs, and again when its configuration changes."""
        program, primitive = self._program, self._primitive_settings
        caller = make_caller(program.settings, None)
        self._primitives = program if primitive is None else program.beside(primitive)
        self._calls = Calls(program, caller)
        self._raw_calls = Calls(self._primitives, caller)
        self._native = NativeCalls(self._primitives, caller)

    async def begin(self) -> None:
        """Open the ledger now, instead of with the first call: from then on it is known what budgets have spent. Idempotent."""
        await self._lifetime.begin()

    async def reload(self) -> None:
        """Apply the configuration file of `from_config` as it is now, with its variables: what SIGHUP does to a server.

        Keys, limits, budgets, prices and routes change; calls under way end as they began. A ConfigError has changed nothing.
        """
        if self._read is None:
            raise RuntimeError("this gateway was made of arguments, not by from_config: make another one, and close this one")
        async with self._reloading:
            settings = await asyncio.to_thread(self._read)  # a file can be far away
            await self._lifetime.begin()
            self._program.apply(settings)
            self._wire()

    async def __aenter__(self) -> Self:
        try:
            await self._lifetime.begin()
        except (OmniError, asyncio.CancelledError):
            await self.aclose()  # nobody leaves a block that was never entered
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a gateway belongs to its process, and is not pickled: make one in each worker")

    async def aclose(self) -> None:
        """Close connections and the ledger, for good: calls under way are told Unavailable `shutting_down`, and settled.

        Idempotent; of a close that was cancelled the next one waits for the end.
        """
        self._lifetime.refuse()
        await self._lifetime.end()

    async def call(self, request: LlmRequest, *, session: str = "", tags: str = "", idempotency_key: str = "") -> GatewayResponse:
        """Answer a canonical request, whatever protocol the provider speaks. ProtocolError: that cannot say something required.

        What was lost on the way stands in `loss_reasons`. `session` is for affinity, `tags` for the ledger. A call with an
        `idempotency_key` is done once: its repetition is told the reply again where replies are kept (`is_replay`), otherwise it is a
        CallerFault 409. Raises OmniError.
        """
        await self._lifetime.begin()
        relay = await self._serve(self._program, self._calls.canonical(request, session, tags, idempotency_key, is_stream=False))
        if isinstance(relay, Replay):
            return replay_response(relay)
        with self._lifetime.reading(relay):
            return read_response(relay, await relay.read())

    @asynccontextmanager
    async def stream(
        self, request: LlmRequest, *, session: str = "", tags: str = "", idempotency_key: str = ""
    ) -> AsyncIterator[AsyncIterator[LlmStreamEvent | Completed]]:
        """Stream a canonical request: `async with gateway.stream(request) as events: async for event in events`.

        The last event is one `Completed` with the whole reply, or the iteration raises. Leaving the block early hangs up. A
        stream is not kept: the repetition of one with an `idempotency_key` is a CallerFault 409.
        """
        await self._lifetime.begin()
        call = self._calls.canonical(request, session, tags, idempotency_key, is_stream=True)
        with self._lifetime.reading(read_events(await self._serve_unkept(self._program, call))) as events:
            yield events

    @overload
    async def api_call(self, request: api.EmbeddingRequest, *, session: str = "", tags: str = "") -> ApiReply[api.EmbeddingResponse]: ...
    @overload
    async def api_call(self, request: api.ModerationRequest, *, session: str = "", tags: str = "") -> ApiReply[api.ModerationResponse]: ...
    @overload
    async def api_call(self, request: api.RerankRequest, *, session: str = "", tags: str = "") -> ApiReply[api.RerankResponse]: ...
    @overload
    async def api_call(self, request: api.ImageRequest, *, session: str = "", tags: str = "") -> ApiReply[api.ImageResponse]: ...
    @overload
    async def api_call(self, request: api.SpeechRequest, *, session: str = "", tags: str = "") -> ApiReply[api.SpeechResponse]: ...
    @overload
    async def api_call(
        self, request: api.TranscriptionRequest, *, session: str = "", tags: str = ""
    ) -> ApiReply[api.TranscriptionResponse]: ...
    async def api_call(self, request: ApiRequest, *, session: str = "", tags: str = "") -> ApiReply[Any]:
        """Embed, moderate, rerank, draw, speak or transcribe: a family's canonical request, in whichever format the provider speaks.

        Its whole reply, also of speech; what asks for events is refused. BadRequest: the provider does not have the family, or a member
        does not fit; ProtocolError: it cannot be said in the provider's format. Raises OmniError.
        """
        await self._lifetime.begin()
        if families.accepted(request) == "text/event-stream":
            raise BadRequest("The request asks for events: use api_stream.", code="wrong_stream_mode")
        relay = await self._serve_unkept(self._program, self._calls.family(request, session, tags))
        with self._lifetime.reading(relay):
            return await families.read_reply(relay, request)

    @asynccontextmanager
    async def api_stream(self, request: ApiRequest, *, session: str = "", tags: str = "") -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream what `api_call` would return whole, as its bytes come: `async with gateway.api_stream(request) as pieces`.

        Audio, or whole server-sent events. A cut one raises. Leaving the block early hangs up.
        """
        await self._lifetime.begin()
        if not families.is_stream(request):
            raise BadRequest("The request asks for no stream: use api_call.", code="wrong_stream_mode")
        relay = await self._serve_unkept(self._program, self._calls.family(request, session, tags))
        with self._lifetime.reading(families.pieces(relay)) as pieces:
            yield pieces

    async def primitive_call(self, request: PrimitiveRequest) -> PrimitiveReply:
        """A raw call in the provider's own words, its reply whole. A request that asks for a stream is refused. Raises OmniError.

        With a `path`: any operation of the kind's path table, as `/providers/{name}` of the server has them.
        """
        await self._lifetime.begin()
        check_stream(request, is_stream=False)
        request, place = placed(request, self._primitives, is_stream=False)
        if place is not None:
            return await self._lifetime.serving(self._native.call(request, place))
        relay = await self._serve(self._primitives, await self._raw_calls.raw(request, is_stream=False))
        if isinstance(relay, Replay):
            return replay_reply(relay)
        with self._lifetime.reading(relay):
            body = b"".join([piece async for piece in families.pieces(relay)])
        return read_reply(relay.case, body, headers=visible_headers(relay.upstream_headers))

    @asynccontextmanager
    async def primitive_stream(
        self, request: PrimitiveRequest
    ) -> AsyncIterator[AsyncIterator[StreamFrame | BinaryChunk | StreamUsage | Completed]]:
        """A raw stream: `async with gateway.primitive_stream(request) as events: async for event in events`.

        Each frame is followed by its usage where it reports one; what is no event stream comes in chunks. The last event is `Completed`,
        or the iteration raises. Leaving the block early hangs up: what was generated so far is settled.
        """
        await self._lifetime.begin()
        check_stream(request, is_stream=True)
        request, place = placed(request, self._primitives, is_stream=True)
        if place is not None:
            stream = read_native_events(await self._lifetime.serving(self._native.stream(request, place)))
        else:
            stream = read_raw(await self._serve_unkept(self._primitives, await self._raw_calls.raw(request, is_stream=True)))
        with self._lifetime.reading(stream) as events:
            yield events

    @asynccontextmanager
    async def primitive_realtime(self, request: PrimitiveRequest, *, transport: str = WEBSOCKET) -> AsyncIterator[RealtimeSession]:
        """A live session in the provider's own protocol: `async with gateway.primitive_realtime(request) as session`.

        `request.model` says with which model (OpenAI); Gemini's `setup` is the request's body. What the body holds is said first. The block
        begins when the provider has opened the session, on whichever key; leaving it hangs up. Raises OmniError.
        """
        await self._lifetime.begin()
        session = await self._lifetime.serving(self._primitives.engine.converse(self._raw_calls.session(request, transport)))
        with self._lifetime.reading(session):
            yield RealtimeSession(session)

    async def primitive_async_job(self, request: PrimitiveRequest) -> PrimitiveJob:
        """Create, get, list or cancel a batch by its provider's own path; what is told of it, in one set of words. Raises OmniError."""
        await self._lifetime.begin()
        check_stream(request, is_stream=False)
        place = place_of(request, self._primitives)
        asked = self._native.asked(request, place)
        check_job(asked)
        return read_job(place, asked, await self._lifetime.serving(self._native.call(request, place)))

    async def estimate(self, request: LlmRequest | ApiRequest | PrimitiveRequest) -> Estimate:
        """What a call would reserve of limits, and may cost at most; nothing is sent, and nothing held.

        Raises what the call would be refused with whatever the limits: BadRequest, ProtocolError, UnknownModel, Forbidden.
        """
        await self._lifetime.begin()
        if not isinstance(request, PrimitiveRequest):
            return self._program.engine.estimate(self._calls.of(request))
        check_request(request)
        request, place = placed(request, self._primitives, is_stream=None)
        if place is not None:
            return estimate_operation(self._native.asked(request, place).operation)
        return self._primitives.engine.estimate(await self._raw_calls.raw(request, is_stream=None))

    def pool_status(self) -> list[KeyStatus]:
        """Every provider key now."""
        program = self._program
        wall = program.clock.wall()
        return [key_status(key, wall) for key in program.controller.keys(program.clock.now())]

    def budget_used_usd(self) -> Decimal:
        """Settled in the current period of the budget that its calls draw on, of several the first; 0 without one, or before `begin`."""
        return sum((usd(budget.settled_nanousd) for budget in self._budgets()[:1]), Decimal(0))

    def budget_remaining_usd(self) -> Decimal | None:
        """Neither settled nor held by calls under way, of several budgets in the tightest; None without a hard one, which is a limit."""
        return min((usd(budget.left_nanousd) for budget in self._budgets() if budget.is_hard), default=None)

    def _budgets(self) -> list[BudgetSnapshot]:
        """Those of all calls, and none that only virtual keys name."""
        names = make_caller(self._program.settings, None).budgets
        return [budget for budget in self._program.controller.budgets() if budget.name in names]

    async def _serve(self, program: Program, call: Call) -> Relay | Replay:
        """Answer a call. Where an earlier call's error is its answer, that is raised again."""
        served = await self._lifetime.serving(program.engine.serve(call))
        if isinstance(served, Replay) and served.status >= 400:
            raise replay_error(served)
        return served

    async def _serve_unkept(self, program: Program, call: Call) -> Relay:
        """Answer a call whose reply nobody keeps: a stream, or one without an idempotency key."""
        relay = await self._serve(program, call)
        assert isinstance(relay, Relay), "a reply was kept"
        return relay
