"""Writes `docs/sdk-methods.md`: what becomes of the methods of the vendors' SDKs, as their source asks and the tables answer.

A new version of an SDK shows here what it has learnt to ask. `--check`: only tell whether the page is up to date.
"""

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from omnillm.providers.kinds import KINDS
from omnillm.providers.native import ask
from omnillm.providers.own_paths import native_path
from omnillm.server.paths import inference_route, methods_of, provider_route

PAGE: Final = Path(__file__).parents[1] / "docs/sdk-methods.md"
BEGIN, END = "<!-- generated: make matrix -->\n", "<!-- end of what is generated -->\n"
GOOGLE: Final = "google.genai"
SDKS: Final = {"openai": ("openai", "/v1"), "anthropic": ("anthropic", ""), GOOGLE: ("gemini", "/v1beta")}
"""Package -> (kind of provider that it is for, what its base URL has and its methods leave out)."""
ADMINISTRATION: Final = ("/organization", "/projects/")
_CLASS: Final = re.compile(r"^class (\w+)\(SyncAPIResource", re.MULTILINE)
_NEXT_CLASS: Final = re.compile(r"^class ", re.MULTILINE)
_METHOD: Final = re.compile(r"^    def ([a-z]\w*)\(", re.MULTILINE)
_CALL: Final = re.compile(
    r"self\._(get|post|put|patch|delete|get_api_list)\(\s*(?:path_template\(\s*)?f?\"(/[^\"?]*)[^\"]*\"(?P<rest>.{0,2000})", re.DOTALL
)
_LISTED_BY: Final = re.compile(r"\n            method=\"(\w+)\"")
_GOOGLES_CLASS: Final = re.compile(r"^class (?!Async)\w+\(BaseSDK", re.MULTILINE)
_GOOGLES_CALL: Final = re.compile(r"\smethod=\"(\w+)\",\s+path=\"/\{api_version\}(/[^\"]*)\"")
_WORD: Final = re.compile(r"\{\w+\}")


class Method(NamedTuple):
    resource: str
    name: str
    verb: str
    path: str
    """As the SDK writes it, below the version."""


def methods(package: str) -> Iterator[Method]:
    """Those that ask for something, by their source: nothing of it is imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    if package == GOOGLE:
        yield from _methods_of_google(Path(spec.submodule_search_locations[0]) / "_gaos")
        return
    root = Path(spec.submodule_search_locations[0]) / "resources"
    for path in sorted(root.rglob("*.py")):
        source = path.read_text("utf-8")
        for found in _CLASS.finditer(source):
            end = _NEXT_CLASS.search(source, found.end())
            yield from _methods_of(_resource(path.relative_to(root)), source[found.end() : end.start() if end else len(source)])


def _methods_of_google(root: Path) -> Iterator[Method]:
    """Those that are generated, as the Interactions API and what stands beside it: the others are written by hand in many forms."""
    for path in sorted(root.glob("[a-z]*.py")):
        source = path.read_text("utf-8")
        for found in _GOOGLES_CLASS.finditer(source):
            end = _NEXT_CLASS.search(source, found.end())
            body = source[found.end() : end.start() if end else len(source)]
            starts = [*_METHOD.finditer(body)]
            ends = [*(start.start() for start in starts[1:]), len(body)]
            asked = {
                start[1]: call
                for start, stop in zip(starts, ends, strict=True)
                if (call := _GOOGLES_CALL.search(body, start.end(), stop)) is not None
            }
            yield from (Method(path.stem, name, call[1], call[2]) for name, call in asked.items())


def _resource(path: Path) -> str:
    """`chat/completions/completions.py` -> `chat.completions`."""
    *folders, name = path.with_suffix("").parts
    return ".".join(folders if folders and folders[-1] == name else [*folders, name])


def _methods_of(resource: str, body: str) -> Iterator[Method]:
    starts = list(_METHOD.finditer(body))
    seen = set()
    for place, found in enumerate(starts):
        text = body[found.end() : starts[place + 1].start() if place + 1 < len(starts) else len(body)]
        call = _CALL.search(text)
        if call is not None and found[1] not in seen:
            seen.add(found[1])
            listed = _LISTED_BY.search(call["rest"]) if call[1] == "get_api_list" else None
            verb = listed[1] if listed else call[1].replace("get_api_list", "get")
            yield Method(resource, found[1], verb.upper(), call[2].removeprefix("/v1"))


def verdict(package: str, method: Method) -> str:
    """What serves it: an operation of the gateway's, or a family of native calls; "": it is refused, unless the configuration opens it."""
    kind, version = SDKS[package]
    path = f"{version or '/v1'}{_WORD.sub('id_1', method.path)}"
    endpoint = KINDS[kind]
    route = inference_route(path) or provider_route("host", endpoint, path)
    if route is not None and method.verb in methods_of(route):
        return route.operation
    asked = ask(endpoint, method.verb, native_path(endpoint, path), ())
    return "" if asked is None else f"native: {asked.operation.family}"


def table(package: str) -> str:
    """What is served, a row a method; what is refused, a row a resource."""
    served, refused, administration = list[str](), dict[str, list[str]](), 0
    for method in methods(package):
        found = verdict(package, method)
        if found:
            served.append(f"| `{method.resource}.{method.name}` | `{method.verb} {method.path}` | {found} |")
        elif method.path.startswith(ADMINISTRATION):
            administration += 1
        else:
            refused.setdefault(method.resource, []).append(f"`{method.name}`")
    lines = ["| served | asks | as |", "|---|---|---|", *served, "", "| refused | methods |", "|---|---|"]
    lines += [f"| `{resource}` | {', '.join(names)} |" for resource, names in refused.items()]
    return "\n".join([*lines, *([f"| administration | {administration} |"] if administration else [])])


def page() -> str:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    tables = "\n\n".join(f"## {package}\n\n{table(package)}" for package in SDKS)
    return f"{before}{BEGIN}\n{tables}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if page() != PAGE.read_text("utf-8"):
        if "--check" in sys.argv:
            raise SystemExit(f"{PAGE} is out of date: make matrix")
        PAGE.write_text(page(), "utf-8")
