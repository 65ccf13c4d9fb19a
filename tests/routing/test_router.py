from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, CallerFault, Forbidden, UnknownModel
from omnillm.providers.kinds import endpoint
from omnillm.providers.places import base_url_of
from omnillm.routing.router import Router
from omnillm.routing.target import Route, Target, parse_target
from omnillm.secret import Secret

ENDPOINTS = {
    "openai": endpoint("openai"),
    "anthropic": endpoint("anthropic"),
    "gemini": endpoint("gemini"),
    "local": endpoint("openai_compatible", base_url=Secret("http://127.0.0.1:1/v1")),
}


def route(*targets, weights=()):
    return Route(targets=tuple(parse_target(target) for target in targets), weights=weights)


ROUTES = {
    "fast": route("openai/gpt-4.1-mini", "anthropic/claude-haiku", "local/llama"),
    "smart": route("openai/big", "local/large", "local/small", weights=(6, 3, 1)),
    "gpt-4": route("local/*"),
    "gpt-*": route("openai/*"),
    "gpt-4*": route("local/*", "openai/*"),
    "*-mini": route("openai/*"),
    "claude-*": route("anthropic/*"),
}


@pytest.fixture
def router():
    return Router(ROUTES, ENDPOINTS, dice=Random(7))


def names(plan):
    return [str(target) for target in plan.targets]


def test_an_exact_name_is_tried_in_the_order_of_its_targets(router):
    """Each in the client's protocol where its provider speaks it, else in its provider's first."""
    plan = router.plan("fast", protocol="openai_chat")
    assert (names(plan), plan.public_model, plan.route) == (
        ["openai/gpt-4.1-mini", "anthropic/claude-haiku", "local/llama"],
        "fast",
        "fast",
    )
    assert [target.protocol for target in plan.targets] == ["openai_chat", "anthropic_messages", "openai_chat"]
    assert plan.is_bridged
    assert not router.plan("gpt-5", protocol="openai_chat").is_bridged


def test_tokens_are_counted_by_those_who_have_a_count(router):
    """In the client's own words or in another protocol's; a host that speaks Chat alone has none."""
    plan = router.plan("fast", protocol="anthropic_messages", operation="count_tokens")
    assert [(str(target), target.protocol) for target in plan.targets] == [
        ("openai/gpt-4.1-mini", "openai_responses"),
        ("anthropic/claude-haiku", "anthropic_messages"),
    ]
    assert plan.is_bridged


@pytest.mark.parametrize(
    ("model", "rule", "expected"),
    [
        ("gpt-4", "gpt-4", ["local/gpt-4"]),
        ("gpt-4-mini", "gpt-4*", ["local/gpt-4-mini", "openai/gpt-4-mini"]),
        ("gpt-5-mini", "*-mini", ["openai/gpt-5-mini"]),
        ("gpt-5", "gpt-*", ["openai/gpt-5"]),
        ("openai/gpt-9", "openai/*", ["openai/gpt-9"]),
        ("local/meta/llama", "local/*", ["local/meta/llama"]),
    ],
)
def test_the_exact_name_wins_then_the_longest_literal_pattern_then_provider_and_model(router, model, rule, expected):
    """The asked name goes through a star."""
    for _ in range(2):
        plan = router.plan(model, protocol="openai_chat")
        assert (plan.route, names(plan)) == (rule, expected)


def test_of_patterns_as_long_as_each_other_the_first_written_wins():
    """The order of the file decides what length cannot."""
    tied = Router({"a*": route("openai/*"), "*b": route("local/*")}, ENDPOINTS, dice=Random(1))
    assert tied.plan("ab", protocol="openai_chat").route == "a*"


def test_provider_and_model_may_be_switched_off():
    """`models_only` leaves only what is configured."""
    router = Router(ROUTES, ENDPOINTS, dice=Random(1), is_models_only=True)
    with pytest.raises(UnknownModel):
        router.plan("openai/gpt-9", protocol="openai_chat")
    assert router.models() == ("fast", "smart", "gpt-4")


def test_a_provider_that_a_path_names_is_asked_whatever_the_routes_say(router):
    """With its name before the model or without, in the client's protocol, and nobody else beside it."""
    for model in ("openai/fast", "fast"):
        plan = router.plan(model, provider="openai", protocol="openai_responses")
        assert plan.targets == (Target(provider="openai", model="fast", protocol="openai_responses"),)
        assert (plan.public_model, plan.is_bridged) == (model, False)


def test_a_provider_that_a_path_names_must_speak_the_clients_protocol(router):
    """Nothing is translated there, and no name is invented."""
    with pytest.raises(BadRequest, match="the provider anthropic has no generate of 'claude-haiku' in openai_chat") as refused:
        router.plan("claude-haiku", provider="anthropic", protocol="openai_chat")
    assert refused.value.code == "unsupported_protocol"
    vertex = Router({}, {"vertex": endpoint("vertex_ai", base_url=base_url_of("vertex_ai", region="global", project="p"))}, dice=Random(7))
    assert vertex.plan("gemini-3-pro", provider="vertex", protocol="gemini_generate_content").targets
    with pytest.raises(BadRequest, match="no generate of 'claude-haiku'"):
        vertex.plan("claude-haiku", provider="vertex", protocol="gemini_generate_content")
    for model in ("openai/", "openai/é", "openai/a\r\nx: y", "openai/" + "x" * 1000):
        with pytest.raises(UnknownModel):
            router.plan(model, provider="openai", protocol="openai_chat")


def test_a_provider_that_a_path_names_is_no_way_around_a_callers_models(router):
    """Nor around `models_only`."""
    assert router.plan("gpt-5", provider="openai", protocol="openai_chat", allowed=("openai/gpt-*",)).targets
    closed = Router(ROUTES, ENDPOINTS, dice=Random(7), is_models_only=True)
    for asked, model, told in (
        (router, "o3", "may not use the model"),
        (router, "", "does not say which"),
        (closed, "gpt-5", "models_only"),
    ):
        with pytest.raises(Forbidden, match=told) as refused:
            asked.plan(model, provider="openai", protocol="openai_chat", allowed=("openai/gpt-*",))
        assert refused.value.code == "model_not_allowed"


def test_a_weighted_route_is_drawn_by_weight_with_the_rest_as_fallbacks(router):
    """Every plan holds every target once, the others heaviest first."""
    plans = [names(router.plan("smart", protocol="openai_chat")) for _ in range(4000)]
    first = Counter(plan[0] for plan in plans)
    assert all(sorted(plan) == ["local/large", "local/small", "openai/big"] for plan in plans)
    assert first["openai/big"] == pytest.approx(2400, rel=0.1)
    assert first["local/large"] == pytest.approx(1200, rel=0.1)
    assert first["local/small"] == pytest.approx(400, rel=0.2)
    assert ["local/small", "openai/big", "local/large"] in plans
    unsorted = Router({"any": route("local/c", "local/a", "local/b", weights=(1, 6, 3))}, ENDPOINTS, dice=Random(7))
    drawn = {"".join(target.model for target in unsorted.plan("any", protocol="openai_chat").targets) for _ in range(200)}
    assert drawn == {"cab", "abc", "bac"}


def test_weights_of_targets_left_out_count_for_nothing():
    """Only anthropic counts tokens here."""
    router = Router({"mixed": route("local/big", "anthropic/claude-haiku", weights=(6, 1))}, ENDPOINTS, dice=Random(7))
    assert names(router.plan("mixed", protocol="anthropic_messages", operation="count_tokens")) == ["anthropic/claude-haiku"]


@pytest.mark.parametrize(
    "model", ["nothere", "", "openai", "openai/", "/x", "gpt-" + "x" * 5000, "gpt-ü", "gpt-\r\nx: y", "gpt-\x7f", "nowhere/x"]
)
def test_an_unknown_or_unspeakable_name_is_the_callers_fault(router, model):
    """404, in a message of bounded length."""
    with pytest.raises(UnknownModel) as caught:
        router.plan(model, protocol="openai_chat")
    assert len(caught.value.message) < 400


def test_a_misspelt_name_is_answered_with_the_nearest_that_the_caller_may_use(router):
    """Names that it may not use are not told."""
    with pytest.raises(UnknownModel, match="did you mean smart"):
        router.plan("smrt", protocol="openai_chat")
    with pytest.raises(UnknownModel) as caught:
        router.plan("smrt", protocol="openai_chat", allowed=("smrt", "fast"))
    assert "smart" not in caught.value.message


def test_a_caller_may_use_only_its_models(router):
    """Names and patterns of the public name, also once the plan is known."""
    for _ in range(2):
        assert router.plan("fast", protocol="openai_chat", allowed=("fast",))
        assert router.plan("gpt-5", protocol="openai_chat", allowed=("fast", "gpt-5*"))
        for model in ("smart", "openai/gpt-4.1-mini", "gpt-4", "gpt-5" + "x" * 5000):
            with pytest.raises(Forbidden) as refused:
                router.plan(model, protocol="openai_chat", allowed=("fast", "gpt-5*"))
            assert refused.value.code == "model_not_allowed"


def test_a_caller_is_told_which_models_are_its_own(router):
    """The nearest name, or all of them where they are few; those of others are not told."""
    for model, told in ("fats", "'fats'; did you mean fast?"), ("smrt", "'smrt'; valid: fast, gpt-5*"):
        with pytest.raises(Forbidden) as caught:
            router.plan(model, protocol="openai_chat", allowed=("fast", "gpt-5*"))
        assert caught.value.message == f"this key may not use the model {told}"


def test_an_operation_that_no_provider_has_is_refused(router):
    """Counting tokens, at a host that speaks Chat alone, in whichever protocol it is asked for."""
    for protocol in ("gemini_generate_content", "anthropic_messages"):
        with pytest.raises(BadRequest, match="the model 'gpt-4' have no count_tokens") as caught:
            router.plan("gpt-4", protocol=protocol, operation="count_tokens")
        assert caught.value.code == "unsupported_protocol"


def test_a_live_session_is_asked_in_the_clients_own_protocol(router):
    """It is not translated: the refusal names the protocols that there are."""
    with pytest.raises(BadRequest, match="its providers speak anthropic_messages"):
        router.plan("claude-x", protocol="gemini_generate_content", operation="realtime")


def test_a_target_without_the_operation_is_left_out(router):
    """A chat endpoint counts no tokens."""
    assert names(router.plan("claude-x", protocol="anthropic_messages", operation="count_tokens")) == ["anthropic/claude-x"]
    with pytest.raises(BadRequest, match="have no count_tokens"):
        router.plan("gpt-5", protocol="openai_chat", operation="count_tokens")


def test_the_clients_protocol_goes_upstream_where_it_is_spoken(router):
    """Else the provider's first."""
    openai, anthropic = Target(provider="openai", model="x"), Target(provider="anthropic", model="x")
    assert router.protocol_for(openai, "openai_responses") == "openai_responses"
    assert router.protocol_for(openai, "anthropic_messages") == "openai_chat"
    assert router.protocol_for(anthropic, "openai_chat") == "anthropic_messages"


@in_turn(
    ("model", "protocol"),
    [
        ("gpt-4.1-mini", "openai_chat"),
        ("gpt-35-turbo", "openai_chat"),
        ("gpt-5-2025-08-07", "openai_chat"),
        ("gpt-5.2", "openai_chat"),
        ("o3", "openai_chat"),
        ("my-promises", "openai_chat"),
        ("gpt-5.4", "openai_responses"),
        ("gpt-5.6-sol", "openai_responses"),
        ("gpt-6.1-sol-2026-09-29", "openai_responses"),
        ("gpt-5-codex", "openai_responses"),
        ("gpt-5.2-pro", "openai_responses"),
        ("o3-pro", "openai_responses"),
        ("o4-mini-deep-research", "openai_responses"),
    ],
)
def test_newer_models_of_openai_are_asked_in_responses(model: str, protocol: str) -> None:
    """Chat refuses them, or functions beside their reasoning. Who speaks Chat is not translated, and a pinned protocol is asked in."""
    endpoints = {"openai": endpoint("openai"), "pinned": endpoint("openai", protocol="openai_chat")}
    router = Router({}, endpoints, dice=Random(7))
    asked, pinned = Target(provider="openai", model=model), Target(provider="pinned", model=model)
    assert router.protocol_for(asked, "anthropic_messages") == protocol
    assert router.protocol_for(asked, "openai_chat") == "openai_chat"
    assert router.protocol_for(pinned, "anthropic_messages") == "openai_chat"


def test_the_list_of_models_has_names_and_concrete_targets_that_the_caller_may_use(router):
    """No patterns: nobody can ask for one."""
    assert router.models() == (
        *("fast", "smart", "gpt-4", "openai/gpt-4.1-mini", "anthropic/claude-haiku", "local/llama"),
        *("openai/big", "local/large", "local/small"),
    )
    assert router.models(("fast", "local/l*")) == ("fast", "local/llama", "local/large")
    known = [
        (name, allowed) for name in ("fast", "gpt-9", "nothere") for allowed in ((), ("fast", "nothere")) if router.knows(name, allowed)
    ]
    assert known == [("fast", ()), ("fast", ("fast", "nothere")), ("gpt-9", ())]


def test_an_explanation_tells_the_rule_and_what_became_of_each_target(router):
    """For a protocol, or for any."""
    told = router.explain("fast", protocol="openai_chat")
    assert (told.rule, told.route, told.strategy) == ("exact", "fast", "ordered")
    assert [(str(each.target), each.protocol) for each in told.targets] == [
        ("openai/gpt-4.1-mini", "openai_chat"),
        ("anthropic/claude-haiku", "anthropic_messages"),
        ("local/llama", "openai_chat"),
    ]
    assert told.targets[1].reason == "anthropic speaks anthropic_messages; translated from openai_chat"
    assert [each.reason for each in router.explain("fast").targets[1:]] == [
        "anthropic speaks anthropic_messages",
        "local speaks openai_chat",
    ]
    drawn = router.explain("smart", protocol="openai_chat")
    assert (drawn.strategy, [each.weight for each in drawn.targets]) == ("weighted", [6, 3, 1])
    assert drawn.targets[1].reason == "local speaks openai_chat; drawn first with weight 3"
    assert router.explain("gpt-5-mini").rule == "pattern"
    assert router.explain("openai/x").rule == "provider/model"
    with pytest.raises(UnknownModel):
        router.explain("nothere")


def test_strangers_cannot_fill_the_memory(router):
    """Names that a pattern lets through are remembered in bounded number."""
    for number in range(10_000):
        router.plan(f"gpt-{number}", protocol="openai_chat", allowed=("gpt-*",))
    assert len(router._choices) == len(router._permitted) == 10_000 - 2 * 4096


@given(model=st.text(max_size=30) | st.text(alphabet="gpt-4*/openai", max_size=20))
def test_no_name_raises_anything_but_a_callers_fault(model):
    """And a plan holds only targets that speak the protocol, under the asked name."""
    try:
        plan = Router(ROUTES, ENDPOINTS, dice=Random(1)).plan(model, protocol="openai_chat")
    except CallerFault:
        return
    assert plan.public_model == model
    assert all(ENDPOINTS[target.provider].speaks("openai_chat") for target in plan.targets)
