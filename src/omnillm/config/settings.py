"""The shape of `omnillm.yaml`, section by section. Field names carry units; what the file calls them stands in `name=`.

Secrets, and whatever else may carry one (URLs, header values), are `Secret`: a `repr` of the settings shows none.
"""

from typing import Annotated, Literal

from msgspec import Struct, field

from omnillm.config.prices import PricingSettings
from omnillm.config.values import (
    BudgetPeriod,
    Limit,
    ModelName,
    Name,
    NanoUsd,
    Opaque,
    Permille,
    Port,
    Positive,
    PositiveSeconds,
    Seconds,
    Share,
    Short,
    Size,
    Tag,
    TimeZone,
    Wall,
    Whole,
)
from omnillm.secret import Secret
from omnillm.transport.timeouts import Timeouts


class ListenerSettings(Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: Port = 4001


class TlsSettings(Struct, frozen=True, kw_only=True):
    cert: str
    key: str


class LimitSettings(Struct, frozen=True, kw_only=True):
    header_bytes: Size = field(default=64 * 1024, name="header")
    fields: Positive = 100
    body_bytes: Size = field(default=64 * 1024**2, name="body")
    upload_bytes: Size = field(default=512 * 1024**2, name="upload")
    """The largest body of a native call; above a mebibyte it waits on disk."""
    buffered_bytes: Size = field(default=512 * 1024**2, name="buffered")
    """The most bytes of bodies in memory, all calls together."""
    spooled_bytes: Size = field(default=4 * 1024**3, name="spooled")
    """The most bytes of bodies on disk, all calls together."""
    connections: Positive = 10_000
    header_deadline_s: PositiveSeconds = field(default=10.0, name="header_deadline")
    body_deadline_s: PositiveSeconds = field(default=60.0, name="body_deadline")
    write_stall_s: PositiveSeconds = field(default=60.0, name="write_stall")


class LogSettings(Struct, frozen=True, kw_only=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class ServerSettings(Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: Port = 4000
    auth: Literal["required", "none"] = "required"
    admin_key: Secret | None = None
    admin: ListenerSettings | None = None
    """A listener of its own for admin, metrics and dashboard; None: they share the main one."""
    tls: TlsSettings | None = None
    limits: LimitSettings = LimitSettings()
    drain_delay_s: Seconds = field(default=0.0, name="drain_delay")
    """How long it serves on when it is told to stop, so that load balancers hear of it."""
    drain_s: Seconds = field(default=30.0, name="drain")
    log: LogSettings = LogSettings()
    native: dict[Name, Name] = field(default_factory=dict)
    """Drop-in prefix -> the provider that serves its native calls."""


class HoldBackSettings(Struct, frozen=True, kw_only=True):
    time_s: Seconds = field(default=10.0, name="time")
    size_bytes: Size = field(default=64 * 1024, name="size")


class IdempotencySettings(Struct, frozen=True, kw_only=True):
    ttl_s: PositiveSeconds = field(default=86400.0, name="ttl")
    keeps_replies: bool = field(default=False, name="store_replies")
    max_reply_bytes: Size = field(default=1024**2, name="max_reply")


class CallSettings(Struct, frozen=True, kw_only=True):
    queue_s: Seconds = field(default=10.0, name="queue")
    """How long a call waits for a key, or for money that is only held; 0 fails at once."""
    queue_depth: Whole = 1000
    deadline_s: PositiveSeconds = field(default=600.0, name="deadline")
    hold_back: HoldBackSettings = HoldBackSettings()
    affinity: Literal["none", "session", "prefix"] = "none"
    on_abort: Literal["cancel", "drain"] = "cancel"
    default_output_tokens: Positive = 1024
    default_tool_calls: Positive = 2
    tag_sets: Positive = 1000
    idempotency: IdempotencySettings = IdempotencySettings()


class StoreSettings(Struct, frozen=True, kw_only=True):
    url: Opaque = Secret("sqlite:///omnillm.db")
    durability: Literal["strict", "relaxed"] = "strict"
    when_down: Literal["refuse", "allow"] = "refuse"
    wait_s: Seconds = field(default=0.0, name="wait")
    retention_s: PositiveSeconds = field(default=90 * 86400.0, name="retention")
    pepper: Opaque | None = None


class TraceSettings(Struct, frozen=True, kw_only=True):
    endpoint: Opaque
    """Where a collector takes OTLP over HTTP; without a path, `/v1/traces` there."""
    headers: dict[str, Opaque] = field(default_factory=dict)
    sample_permille: Share = field(default=1000, name="sample")
    """How many of a thousand calls that are part of no client's trace."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Of the resource that the spans are of."""


class ModelLimitSettings(Struct, frozen=True, kw_only=True):
    """The limits of a key for some models. 0: no local limit."""

    rpm: Limit = 0
    tpm: Limit = 0
    rpd: Limit = 0


class KeySettings(Struct, frozen=True, kw_only=True):
    """A provider key. A limit of 0: none of ours; the provider's own headers and 429s rule."""

    label: Name
    key: Secret | None = None
    """None only where the kind needs none."""
    rpm: Limit = 0
    tpm: Limit = 0
    max_concurrency: Limit = 0
    weight: Positive = 1
    group: Name | None = None
    models: tuple[ModelName, ...] = ()
    """Patterns of the models that it serves; empty: all."""
    limits: dict[ModelName, ModelLimitSettings] = field(default_factory=dict)


class TimeoutSettings(Timeouts, frozen=True, kw_only=True):
    connect_s: PositiveSeconds = field(default=5.0, name="connect")
    first_byte_s: PositiveSeconds = field(default=60.0, name="first_byte")
    """Of streams; plain replies have `total`."""
    idle_s: PositiveSeconds = field(default=300.0, name="idle")
    total_s: PositiveSeconds = field(default=600.0, name="total")
    stream_s: PositiveSeconds = field(default=3600.0, name="stream")
    """The longest that a stream may take as a whole."""


class BreakerSettings(Struct, frozen=True, kw_only=True):
    failures: Positive = 5
    open_s: PositiveSeconds = field(default=1.0, name="open")
    max_open_s: PositiveSeconds | None = field(default=None, name="max_open")

    @property
    def longest_s(self) -> float:
        """The longest rest. Unless it is given, what a call waits for a key, or the first rest if that is longer."""
        return max(10.0, self.open_s) if self.max_open_s is None else self.max_open_s


class AuthSettings(Struct, frozen=True, kw_only=True):
    """How a provider is told the key: exactly one of these."""

    scheme: Literal["bearer", "entra"] | None = None
    header: str | None = None
    query: str | None = None


class ProviderSettings(Struct, frozen=True, kw_only=True):
    kind: str
    keys: tuple[KeySettings, ...] = ()
    protocol: str | None = None
    base_url: Opaque | None = None
    region: str | None = None
    """bedrock, vertex_ai: where; makes the base URL, if none is given."""
    project: str | None = None
    """vertex_ai: the Google Cloud project."""
    is_compat: bool = field(default=False, name="compat")
    auth: Annotated[AuthSettings, Short("scheme")] | None = None
    headers: dict[str, Opaque] = field(default_factory=dict)
    api_version: str | None = None
    """The version of Azure's API."""
    system_role: Literal["system", "developer"] | None = None
    content: Literal["parts", "string"] | None = None
    passthrough: tuple[str, ...] = ()
    selection: Literal["power_of_two", "random_first_fit", "weighted", "priority"] = "power_of_two"
    timeouts: TimeoutSettings = TimeoutSettings()
    breaker: BreakerSettings = BreakerSettings()
    max_cooldown_s: PositiveSeconds = field(default=3600.0, name="max_cooldown")
    """The longest that a provider's own hint may set a key aside."""


class TargetSettings(Struct, frozen=True, kw_only=True):
    target: ModelName
    weight: Positive | None = None


class ModelSettings(Struct, frozen=True, kw_only=True):
    targets: tuple[Annotated[TargetSettings, Short("target")], ...]
    strategy: Literal["ordered", "weighted"] = "ordered"


class BudgetSettings(Struct, frozen=True, kw_only=True):
    limit_nanousd: NanoUsd = field(name="limit_usd")
    name: Name = ""
    """"" only for a virtual key's own."""
    scope: Literal["gateway", "named"] = "gateway"
    """gateway: every call draws on it; named: those of the virtual keys that name it."""
    period: BudgetPeriod = "total"
    """day, week, month, total, or "rolling 24h": any span of that length."""
    is_hard: bool = field(default=True, name="hard")
    tz: TimeZone = "UTC"
    warn_permille: tuple[Permille, ...] = field(default=(800, 1000), name="warn")


class VirtualKeyTerms(Struct, frozen=True, kw_only=True):
    """What a virtual key may do, wherever it is kept. Limits: 0 = none."""

    name: Name
    rpm: Limit = 0
    tpm: Limit = 0
    max_concurrency: Limit = 0
    models: tuple[ModelName, ...] = ()
    """Names and patterns of the models that it may ask for; empty: all."""
    tags: dict[Name, Tag] = field(default_factory=dict)
    expires_wall: Wall | None = field(default=None, name="expires")
    budgets: tuple[Name, ...] = ()
    budget: BudgetSettings | None = None
    """A budget of the key's own."""
    metadata: dict[Name, str] = field(default_factory=dict)
    """The operator's notes."""


class VirtualKeySettings(VirtualKeyTerms, frozen=True, kw_only=True):
    """A virtual key of the file."""

    key: Secret


class Settings(Struct, frozen=True, kw_only=True):
    server: ServerSettings = ServerSettings()
    calls: CallSettings = CallSettings()
    store: StoreSettings = StoreSettings()
    traces: TraceSettings | None = None
    providers: dict[Name, ProviderSettings] = field(default_factory=dict)
    models: dict[ModelName, ModelSettings] = field(default_factory=dict)
    is_models_only: bool = field(default=False, name="models_only")
    """True: provider/model may not be asked for."""
    budgets: tuple[BudgetSettings, ...] = ()
    virtual_keys: tuple[VirtualKeySettings, ...] = ()
    pricing: PricingSettings = PricingSettings()
