"""`ProviderEndpoint`: which provider a `Gateway` speaks to, and how."""

from collections.abc import Mapping

import msgspec

from omnillm.config.settings import AuthSettings, ProviderSettings
from omnillm.errors import ConfigError
from omnillm.library.pool import as_text, named
from omnillm.providers.auth_scheme import AuthScheme, Bearer, Entra, Header, Query
from omnillm.providers.kinds import CUSTOM
from omnillm.secret import Secret


class ProviderEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's kind (`ProviderEndpoint(kind="groq")`) and what overrides its defaults. The common ones have constructors."""

    kind: str
    base_url: str | None = None
    """Without a path it gets the kind's version segment; with one it is used as it stands."""
    protocol: str | None = None
    """Pins one wire protocol; any of its known spellings."""
    is_compat: bool = False
    """The base URL is the whole URL."""
    api_version: str | None = None
    """The version of Azure's API."""
    auth: AuthScheme | None = None
    headers: Mapping[str, str] = {}
    passthrough: tuple[str, ...] = ()
    """Patterns of paths that raw calls may ask for beside those of the kind's table: `/vector_stores*`."""
    region: str | None = None
    """bedrock, vertex_ai: makes the base URL, if none is given."""
    project: str | None = None
    """vertex_ai: the Google Cloud project."""

    def __repr__(self) -> str:
        """Without what may be secret: values of headers, and what stands in a URL beside host and path."""
        told = [f"kind={self.kind!r}"]
        if self.base_url is not None:
            scheme, mark, rest = self.base_url.partition("?")[0].partition("://")
            told.append(f"base_url={scheme + mark + rest.rpartition('@')[2]!r}")
        if self.headers:
            told.append(f"headers={list(self.headers)!r}")
        return f"ProviderEndpoint({', '.join(told)})"

    @classmethod
    def openai(cls, base_url: str | None = None) -> "ProviderEndpoint":
        """OpenAI, in Chat Completions and Responses; `base_url` where another host stands in for it."""
        return cls(kind="openai", base_url=base_url)

    @classmethod
    def anthropic(cls, base_url: str | None = None) -> "ProviderEndpoint":
        """Anthropic's Messages."""
        return cls(kind="anthropic", base_url=base_url)

    @classmethod
    def gemini(cls, base_url: str | None = None) -> "ProviderEndpoint":
        """Gemini's own API, with API keys; with a cloud project it is `vertex_ai`."""
        return cls(kind="gemini", base_url=base_url)

    @classmethod
    def bedrock(cls, region: str, base_url: str | None = None) -> "ProviderEndpoint":
        """Amazon Bedrock. Keys: API keys, `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`, `default` or `profile:NAME`."""
        return cls(kind="bedrock", region=region, base_url=base_url)

    @classmethod
    def vertex_ai(cls, project: str, region: str) -> "ProviderEndpoint":
        """Google Vertex AI. Keys: `service_account:PATH`, `default`, or a token."""
        return cls(kind="vertex_ai", project=project, region=region)

    @classmethod
    def openai_compatible(cls, base_url: str) -> "ProviderEndpoint":
        """Any host that speaks Chat Completions below `base_url`, which gets `/v1` when it has no path."""
        return cls(kind="openai_compatible", base_url=base_url)

    @classmethod
    def azure_openai(cls, base_url: str, *, api_version: str | None = None) -> "ProviderEndpoint":
        """A dated version asks for deployments by path; models are deployments."""
        return cls(kind="azure_openai", base_url=base_url, api_version=api_version)

    @classmethod
    def custom(cls, base_url: str, *, protocol: str, auth: AuthScheme = Bearer()) -> "ProviderEndpoint":  # noqa: B008  a frozen value
        """Any host that speaks `protocol` (any known spelling) at exactly `base_url`, in which `{model}` and `{method}` are filled in."""
        return cls(kind=CUSTOM, base_url=base_url, protocol=protocol, is_compat=True, auth=auth)


def provider_settings(endpoint: ProviderEndpoint) -> ProviderSettings:
    """The endpoint as a provider of the configuration, without keys: those come from the `Gateway`."""
    return ProviderSettings(
        kind=endpoint.kind,
        base_url=None if endpoint.base_url is None else Secret(endpoint.base_url),
        protocol=endpoint.protocol,
        is_compat=endpoint.is_compat,
        api_version=endpoint.api_version,
        auth=None if endpoint.auth is None else _auth(endpoint.auth),
        headers={name: Secret(as_text(value, f"headers.{name}")) for name, value in named(endpoint.headers, "headers").items()},
        passthrough=endpoint.passthrough,
        region=endpoint.region,
        project=endpoint.project,
    )


def _auth(auth: AuthScheme) -> AuthSettings:
    if isinstance(auth, Bearer):
        return AuthSettings(scheme="bearer")
    if isinstance(auth, Entra):
        return AuthSettings(scheme="entra")
    if isinstance(auth, Header):
        return AuthSettings(header=auth.name)
    if isinstance(auth, Query):
        return AuthSettings(query=auth.name)
    raise ConfigError("must be Bearer(), Header(name), Query(name) or Entra()", path="auth")
