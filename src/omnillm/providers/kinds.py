"""The kinds of provider, and how a configuration overrides one."""

import msgspec
from msgspec.structs import replace

from omnillm.errors import ConfigError
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, OPENAI_CHAT, OPENAI_RESPONSES, parse_protocol
from omnillm.providers.auth_scheme import AuthScheme
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.heads import check_auth, check_field
from omnillm.providers.profiles.anthropic import ANTHROPIC
from omnillm.providers.profiles.azure_openai import AZURE_OPENAI, with_version
from omnillm.providers.profiles.bedrock import BEDROCK
from omnillm.providers.profiles.gemini import GEMINI
from omnillm.providers.profiles.openai import OPENAI
from omnillm.providers.profiles.openai_compatible import OPENAI_COMPATIBLE
from omnillm.providers.profiles.presets import PRESETS
from omnillm.providers.profiles.vertex_ai import VERTEX_AI
from omnillm.providers.urls import check_base_url
from omnillm.secret import Secret
from omnillm.spelling import hint

KINDS = {profile.kind: profile for profile in (OPENAI, ANTHROPIC, GEMINI, VERTEX_AI, BEDROCK, OPENAI_COMPATIBLE, AZURE_OPENAI, *PRESETS)}
_CALLED = {
    "google": "gemini",
    "claude": "anthropic",
    "aws": "bedrock",
    "amazon": "bedrock",
    "azure": "azure_openai",
    "vertex": "vertex_ai",
    "grok": "xai",
}
"""Other names of a kind -> its name here."""
_OR_ELSE = {"bedrock": ", or a region", "vertex_ai": ", or a region and a project"}
CUSTOM = "custom"
"""Any host, at exactly its base URL; it is treated as the kind that the protocol belongs to."""
_MANNERS = {
    OPENAI_CHAT: OPENAI_COMPATIBLE,
    OPENAI_RESPONSES: OPENAI_COMPATIBLE,
    ANTHROPIC_MESSAGES: ANTHROPIC,
    GEMINI_GENERATE_CONTENT: GEMINI,
}


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration says of a host beside its address; "": as the kind."""

    system_role: str = ""
    content: str = ""


NO_QUIRKS = Quirks()


def profile_of(kind: str) -> Endpoint:
    """Return a kind's own profile; ConfigError: it is unknown."""
    if kind in KINDS:
        return KINDS[kind]
    if kind == CUSTOM:
        raise ConfigError(f"a provider of kind {CUSTOM} needs one: {', '.join(_MANNERS)}", path="protocol")
    meant = _CALLED.get(kind.lower())
    told = f"; did you mean {meant}?" if meant else hint(kind, (*KINDS, CUSTOM))
    raise ConfigError(f"unknown kind {kind[:64]!r}{told}", path="kind")


def _custom(protocol: str) -> Endpoint:
    """The profile of the kind that a protocol belongs to."""
    name, _ = parse_protocol(protocol)
    if name not in _MANNERS:
        raise ConfigError(f"{CUSTOM} speaks {', '.join(_MANNERS)}, not {name}", path="protocol")
    return _MANNERS[name]


def endpoint(  # noqa: PLR0913  whatever a configuration may override
    kind: str,
    *,
    base_url: Secret | None = None,
    protocol: str = "",
    is_compat: bool = False,
    auth: AuthScheme | None = None,
    headers: tuple[tuple[str, Secret], ...] = (),
    quirks: Quirks = NO_QUIRKS,
    api_version: str = "",
) -> Endpoint:
    """Return the kind's profile with these overrides; ConfigError, its `path` the parameter's name, where they do not fit."""
    is_custom = kind == CUSTOM and bool(protocol)
    profile = _custom(protocol) if is_custom else profile_of(kind)
    is_compat = is_compat or is_custom
    protocols = profile.protocols
    if protocol:
        pinned, is_spelt_compat = parse_protocol(protocol)
        is_compat = is_compat or is_spelt_compat
        if pinned not in (profile.pinnable or protocols):
            raise ConfigError(f"{kind} speaks {', '.join(profile.pinnable or protocols)}, not {pinned}", path="protocol")
        protocols = (pinned,)
    for name in ("system_role", "content"):
        if getattr(quirks, name) and OPENAI_CHAT not in protocols:
            raise ConfigError(f"is of {OPENAI_CHAT}: {', '.join(protocols)} has none", path=name)
    address = _address(kind, base_url, profile, is_compat=is_compat)
    auth = auth or profile.auth
    check_auth(auth)
    for name, value in headers:
        check_field(name, value, auth=auth)
        if why := profile.changes_price(name.lower(), value.reveal()):
            raise ConfigError(f"{name.lower()} {why}", path="headers")
    made = replace(
        profile,
        protocols=protocols[:1] if is_compat else protocols,  # one URL serves one protocol
        serves={} if protocol else profile.serves,
        base_url=address,
        is_compat=is_compat,
        auth=auth,
        headers=tuple((name.lower(), value) for name, value in headers),
        system_role=quirks.system_role or profile.system_role,
        content=quirks.content or profile.content,
    )
    return with_version(made, api_version) if api_version else made


def _address(kind: str, base_url: Secret | None, profile: Endpoint, *, is_compat: bool) -> Secret:
    """The base URL that was given, else the kind's own."""
    if not (base_url or profile.base_url):
        raise ConfigError(f"a provider of kind {kind} needs one{_OR_ELSE.get(kind, '')}", path="base_url")
    if is_compat and not base_url:
        raise ConfigError("compat: true makes the base URL the whole URL, so one must be given", path="base_url")
    address = Secret(base_url.reveal().strip()) if base_url else profile.base_url
    check_base_url(address.reveal(), is_compat=is_compat)
    return address
