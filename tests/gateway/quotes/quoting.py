"""Calls of each protocol, and what they are quoted by a list of prices."""

import msgspec

from omnillm.gateway.bridges.bridge import Bridges
from omnillm.gateway.call import Call, Caller
from omnillm.gateway.quotes.price_book import PriceBook
from omnillm.gateway.quotes.quoter import Quoter
from omnillm.pricing.catalog import Catalog
from omnillm.pricing.listing import Listing, Rates, Tier
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.outline import outline
from omnillm.protocols.registry import PROTOCOLS
from omnillm.routing.target import Plan, Target

CHAT, RESPONSES, MESSAGES, GEMINI = "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate_content"
BODIES = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10},
    RESPONSES: {"model": "m", "input": "hi", "max_output_tokens": 10},
    MESSAGES: {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10},
    GEMINI: {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 10}},
}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
ENTRY = Listing(
    input=1_000_000,
    output=2_000_000,
    tools={"web_search": 7_000_000},
    tiers={"priority": Tier(input=3_000_000, output=6_000_000), "fast": Tier(input=5_000_000)},
    uplifts={"us": 1100},
    steps={"5000": Rates(input=4_000_000)},
    max_output=100,
    context=1_000,
)


def members(protocol, **extra):
    return msgspec.json.decode(msgspec.json.encode(BODIES[protocol] | extra), type=dict[str, msgspec.Raw])


def quoter_of(unknown="refuse_if_budgeted", **entries):
    """`entries`: models of the provider p."""
    listings = {f"p/{name}": entry for name, entry in entries.items()}
    catalog = Catalog(listings, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}')
    return Quoter(PriceBook(catalog, {"p": "k"}), default_output_tokens=50, default_tool_calls=4, unknown=unknown)


def call_of(protocol, *, budgets=("b",), is_outlined=False, **extra):
    read, body = members(protocol, **extra), msgspec.json.encode(BODIES[protocol] | extra)
    return Call(
        protocol=PROTOCOLS[protocol],
        operation="generate",
        caller=Caller(budgets=budgets),
        model="m",
        is_stream=False,
        peek=PROTOCOLS[protocol].peek_request(read),
        members=read,
        body=body,
        outline=outline(read, body) if is_outlined else None,
        headers={},
        started_at=0.0,
        wall=0.0,
        deadline=1.0,
    )


def plan_of(protocol, *models):
    return Plan(targets=tuple(Target(provider="p", model=model, protocol=protocol) for model in models), public_model="m", route="p/*")


def quoted(protocol, *, targets=(), budgets=("b",), entry=ENTRY, unknown="refuse_if_budgeted", **extra):
    """`targets`: the protocols that they speak; without any, the client's own."""
    catalog = Catalog({"p/m": entry, "q/m": entry}, lambda: b'{"version":"1","date":"1","source":"s","models":{},"aliases":{}}')
    quoter = Quoter(PriceBook(catalog, {"p": "k", "q": "k"}), default_output_tokens=50, default_tool_calls=4, unknown=unknown)
    call = call_of(protocol, budgets=budgets, **extra)
    spoken = tuple(
        Target(provider=provider, model="m", protocol=name) for provider, name in zip("pq", targets or (protocol,), strict=False)
    )
    plan = Plan(targets=spoken, public_model="m", route="p/*", is_bridged=any(target.protocol != protocol for target in spoken))
    plan, bridge = Bridges(lambda target: (CODECS[target.protocol].dialect, False), pepper=b"pepper").open(call, plan)
    quote, _ = quoter.quote(call, plan, bridge)
    return quoter, quote
