"""Clouds that have regions: the base URL of one, made of region and project."""

import re
from urllib.parse import urlsplit

from msgspec.structs import replace

from omnillm.errors import ConfigError
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.profiles.bedrock import region_of
from omnillm.secret import Secret

PLACED = ("bedrock", "vertex_ai")
_REGION = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,126}")
_LOCATION = re.compile(r"/locations/([a-z0-9-]+)")
_PLACED_HOST = re.compile(r"([a-z]+)\.api\.openai\.com|api\.([a-z]+)\.mistral\.ai|(us)\.api\.x\.ai")
"""Hosts that run models in one place only, at a price of its own: OpenAI's, Mistral's, xAI's."""
_MULTI_REGIONS = frozenset({"us", "eu"})


def base_url_of(kind: str, *, region: str, project: str) -> Secret | None:
    """Return the base URL of a region; None: no region was given. ConfigError, its `path` the parameter's name: they do not fit."""
    if region and kind not in PLACED:
        raise ConfigError(f"is of {' and '.join(PLACED)}: {kind} has none", path="region")
    if project and kind != "vertex_ai":
        raise ConfigError(f"is of vertex_ai: {kind} has none", path="project")
    if region and not _REGION.fullmatch(region):
        raise ConfigError("is not the name of a region, e.g. us-east-1", path="region")
    if kind == "vertex_ai":
        return _vertex(region, project)
    return Secret(f"https://bedrock-runtime.{region}.amazonaws.com") if region else None


def _vertex(region: str, project: str) -> Secret | None:
    if project and not _PROJECT.fullmatch(project):
        raise ConfigError("is not the id of a project", path="project")
    if bool(project) != bool(region):
        raise ConfigError("is missing: a place in Vertex AI is a project and a region", path="region" if project else "project")
    return Secret(f"https://{_vertex_host(region)}/v1/projects/{project}/locations/{region}") if region else None


def _vertex_host(region: str) -> str:
    if region == "global":
        return "aiplatform.googleapis.com"
    return f"aiplatform.{region}.rep.googleapis.com" if region in _MULTI_REGIONS else f"{region}-aiplatform.googleapis.com"


def placed(endpoint: Endpoint, region: str) -> Endpoint:
    """Return the endpoint with its region: the one given, else the one in the name of its host."""
    if endpoint.kind not in PLACED:
        return endpoint
    url = urlsplit(endpoint.base_url.reveal())
    found = _LOCATION.search(url.path)
    return replace(endpoint, region=region or region_of(url.hostname or ""), location=found[1] if found else "")


def place_of(endpoint: Endpoint) -> str:
    """Where its models always run, as price lists call it: `regional` for one of Vertex AI's, `us` or `eu` of other hosts; "": anywhere."""
    address = endpoint.base_url.reveal()
    if endpoint.kind == "vertex_ai":
        location = _LOCATION.search(address)
        return "" if (location[1] if location else endpoint.region) in {"", "global"} else "regional"
    host = _PLACED_HOST.fullmatch(urlsplit(address).hostname or "")
    return "" if host is None else next(filter(None, host.groups()))
