"""https://learn.microsoft.com/azure/ai-foundry/openai/reference: one resource, its deployments in place of models.

Without a version the resource is asked at `/openai/v1`, where the body names the deployment; with a dated one at the older
`/openai/deployments/{deployment}`. `preview` and `latest` are versions of the newer.
"""

import re
from typing import Final

from msgspec.structs import replace

from omnillm.errors import ConfigError
from omnillm.protocols.protocol_names import OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.auth_scheme import Header
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.families import FAMILY_PATHS, FORMATS_OF_KIND
from omnillm.providers.profiles.openai import IN_RESPONSES
from omnillm.secret import Secret

AZURE_OPENAI: Final = Endpoint(
    kind="azure_openai",
    protocols=(OPENAI_CHAT, OPENAI_RESPONSES),
    in_responses=IN_RESPONSES,
    base_url=Secret(""),
    version="openai/v1",
    auth=Header("api-key"),
    asks_usage=True,
    has_sessions=True,
    system_role="developer",
)
SCOPE: Final = "https://cognitiveservices.azure.com/.default"
"""What an Entra token must be for."""
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?")
_UNDATED: Final = frozenset({"preview", "latest"})
_NO_ROOT: Final = re.compile(r"/openai/(?:v1|deployments)\b")
_BY_DEPLOYMENT: Final = {(OPENAI_CHAT, "generate"): "/deployments/{model}/chat/completions"} | {
    asked: f"/deployments/{{model}}{path}" for asked, path in FAMILY_PATHS.items() if asked[0] in FORMATS_OF_KIND["azure_openai"]
}


def with_version(endpoint: Endpoint, version: str) -> Endpoint:
    """The endpoint for this version of the API. ConfigError: there is no such version."""
    if endpoint.kind != AZURE_OPENAI.kind:
        raise ConfigError("is for kind azure_openai only", path="api_version")
    is_dated = _DATED.fullmatch(version) is not None
    if not is_dated and version not in _UNDATED:
        raise ConfigError("must be like 2024-10-21 or 2025-04-01-preview, or preview or latest", path="api_version")
    address = endpoint.base_url.reveal()
    if "api-version=" in address:
        raise ConfigError("stands in base_url already: take it out there", path="api_version")
    if is_dated and not endpoint.is_compat and _NO_ROOT.search(address):
        raise ConfigError(
            "with a date asks below /openai: take what follows that out of base_url; targets name the deployment", path="api_version"
        )
    versioned = Secret(f"{address}{'&' if '?' in address else '?'}api-version={version}")
    if not is_dated or endpoint.is_compat:
        return replace(endpoint, base_url=versioned)
    return replace(endpoint, base_url=versioned, version="openai", paths=_BY_DEPLOYMENT, in_responses=None, session_parameter="deployment")
