"""What a path in the form of the provider's own clients asks for."""

import re

from omnillm.endpoints.format import EMBEDDINGS
from omnillm.protocols.protocol_names import GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS
from omnillm.providers.endpoint import Endpoint, OwnPath
from omnillm.providers.families import formats_of
from omnillm.providers.paths import GEMINI_FORMATS, GEMINI_OPERATIONS, GEMINI_SESSIONS, GENERATE, PATHS

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)(/.+)")
"""Azure's older paths name the model."""


def operation_at(endpoint: Endpoint, path: str) -> OwnPath | None:
    """What a path of this provider's own asks for, that is for inference or an endpoint family; None for any other path."""
    own = endpoint.own_path(endpoint, path) if endpoint.own_path is not None and not endpoint.is_compat else None
    if own is not None:
        return own
    below = _below_root(endpoint, path)
    if GEMINI_GENERATE_CONTENT in endpoint.protocols:
        if endpoint.has_sessions and path in GEMINI_SESSIONS:
            return OwnPath(protocol=GEMINI_GENERATE_CONTENT, operation="realtime", is_stream=True)
        if below == PATHS[GEMINI_INTERACTIONS, GENERATE] and GEMINI_INTERACTIONS in endpoint.protocols:
            return OwnPath(protocol=GEMINI_INTERACTIONS, operation=GENERATE)
        return _gemini_operation(below)
    deployed = _DEPLOYMENT.fullmatch(below) if endpoint.kind == "azure_openai" else None
    model, below = ("", below) if deployed is None else (deployed[1], deployed[2])
    spoken = (*endpoint.protocols, *formats_of(endpoint.kind, is_compat=endpoint.is_compat))
    for (protocol, operation), template in PATHS.items():
        if template == below and operation != "models" and endpoint.offers(operation) and protocol in spoken:
            return OwnPath(protocol=protocol, operation=operation, model=model)
    return None


def _gemini_operation(path: str) -> OwnPath | None:
    name, colon, method = path.removeprefix("/models/").rpartition(":")
    if not (path.startswith("/models/") and colon and name):
        return None
    if method in GEMINI_FORMATS:
        return OwnPath(protocol=GEMINI_FORMATS[method], operation=EMBEDDINGS, model=name)
    if method not in GEMINI_OPERATIONS:
        return None
    operation, is_stream = GEMINI_OPERATIONS[method]
    return OwnPath(protocol=GEMINI_GENERATE_CONTENT, operation=operation, model=name, is_stream=is_stream)


def native_path(endpoint: Endpoint, path: str) -> str:
    """The path of a native call, below the root; one whole URL has none, and its paths stand at its origin."""
    return path if endpoint.is_compat else _below_root(endpoint, path)


def _below_root(endpoint: Endpoint, path: str) -> str:
    """A path as clients of this provider write it, without what stands before an operation: `/openai/v1/files` -> `/files`.

    The version may be left out, because a base URL without it is as good for an SDK.
    """
    for root in (f"/{endpoint.version}", "/v1", "/openai"):
        if path.startswith(f"{root}/") and root != "/":
            return path[len(root) :]
    return path
