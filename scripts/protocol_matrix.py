"""Writes the generated tables of docs/protocols/ from the cases that the tests run. `--check`: only tell whether they are up to date."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from msgspec.structs import replace  # noqa: E402  after the path is set
from tests.protocols.cases import PROTOCOLS, REPLIES, REQUESTS  # noqa: E402  after the path is set
from tests.protocols.directions import Outcome, answered, emitted, events_of, streamed, translated  # noqa: E402
from tests.protocols.sdk_types import decided  # noqa: E402
from tests.protocols.sdk_types.judged import LETTERS, Decided  # noqa: E402

PAGES = ROOT / "docs/protocols"
BEGIN, END = "<!-- generated: make matrix -->", "<!-- end of what is generated -->"
SHORT = {
    "openai_chat": "Chat",
    "openai_responses": "Resp",
    "anthropic_messages": "Anth",
    "gemini_generate_content": "Gem",
    "gemini_interactions": "Inter",
}
NAMES = {**SHORT, "bedrock_converse": "Converse"}
SIGN = {"carried": "✓", "moved": "→", "defaulted": "+", "approximated": "≈", "dropped": "✗", "refused": "400", "unsaid": ""}


def directions() -> str:
    """One row a feature, one column a direction."""
    pairs = [(source, target) for source in PROTOCOLS for target in PROTOCOLS if source != target]
    lines = [
        "| A request with | " + " | ".join(f"{SHORT[source]} to {SHORT[target]}" for source, target in pairs) + " |",
        "|---" * (len(pairs) + 1) + "|",
    ]
    for case in REQUESTS:
        cells = [SIGN[translated(case.request, source, target, case.path).kind] for source, target in pairs]
        lines.append(f"| {case.feature} | " + " | ".join(cells) + " |")
    targets = " | ".join(f"to {SHORT[target]}" for target in PROTOCOLS)
    lines += ["", f"| A reply with | {targets} |", "|---" * (len(PROTOCOLS) + 1) + "|"]
    for case in REPLIES:
        cells = [SIGN[answered(case.reply, target).kind] for target in PROTOCOLS]
        lines.append(f"| {case.feature} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def losses(target: str) -> str:
    """What a request to a provider of the protocol, and a reply to a client of it, cannot carry, with the reasons."""
    lines = [*lost_requests(target), "", "| Part of a reply | becomes | because |", "|---|---|---|"]
    lines += _rows(((case.feature, answered(case.reply, target)) for case in REPLIES), _explained)
    only_streamed = [
        case.feature
        for case in REPLIES
        if streamed(events_of(case.reply), target).reasons and answered(case.reply, target).kind == "carried"
    ]
    assert not only_streamed, f"{target}: a stream loses more than a whole reply: {only_streamed}"
    return "\n".join(lines)


def lost_requests(target: str, model: str = "") -> list[str]:
    """The same of requests alone, of a protocol that only providers speak. `model`: where it matters which."""
    asked = [(case, replace(case.request, model=model or case.request.model)) for case in REQUESTS]
    rows = _rows(((case.feature, emitted(request, target, case.path)) for case, request in asked), _explained)
    return ["| Part of a request | becomes | because |", "|---|---|---|", *rows]


def _rows(found: Iterator[tuple[str, Outcome]], explain: Callable[[Outcome], str]) -> Iterator[str]:
    for feature, outcome in found:
        if outcome.kind != "carried":
            yield f"| {feature} | {outcome.kind} | {explain(outcome)} |"


def _explained(outcome: Outcome) -> str:
    if outcome.kind == "refused":
        return outcome.detail
    return "; ".join(dict.fromkeys(f"`{reason.path}`: {reason.detail}" for reason in outcome.reasons))


def decisions() -> str:
    """What is neither carried nor told, and need not be."""
    tables = (
        ("A request's member", decided.REQUESTS),
        ("Refused of a request", decided.REFUSED),
        ("Written against the provider's SDK", decided.INVALID),
        ("A reply's member", decided.REPLIES),
        ("Not the same in a stream", decided.STREAMS),
    )
    return "\n\n".join("\n".join([f"| {title} | from | to | because |", "|---|---|---|---|", *_decided(rows)]) for title, rows in tables)


def _decided(rows: dict[str, tuple[Decided, ...]]) -> Iterator[str]:
    for source, found in rows.items():
        for each in found:
            named = [NAMES[protocol] for protocol, letter in LETTERS.items() if letter in each.targets]
            targets = "all" if len(named) == len(LETTERS) else ", ".join(named)
            yield f"| {each.what} | {NAMES.get(source, NAMES['anthropic_messages'])} | {targets} | {each.why} |"


def page(name: str, table: str) -> tuple[Path, str]:
    """A page with the table in its place."""
    path = PAGES / f"{name}.md"
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path} has no place for its table")
    return path, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def pages() -> list[tuple[Path, str]]:
    upstream = page("bedrock_converse", "\n".join(lost_requests("bedrock_converse", "anthropic.claude-sonnet-4-5")))
    known = page("sdk_types", decisions())
    return [page("README", directions()), known, *(page(protocol, losses(protocol)) for protocol in PROTOCOLS), upstream]


def main() -> None:
    for path, text in pages():
        if path.read_text("utf-8") != text:
            if "--check" in sys.argv:
                raise SystemExit(f"{path} is out of date: make matrix")
            path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
