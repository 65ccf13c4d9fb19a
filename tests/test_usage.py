"""Usage is one vector of disjoint counts."""

from msgspec.structs import fields
from tests.in_turn import in_turn

from omnillm.usage import Usage, count

PROMPT = {
    "input",
    "cache_read",
    "cache_write_short",
    "cache_write_long",
    "input_audio",
    "cache_read_audio",
    "input_image",
    "cache_read_image",
}
PROMPT |= {"input_video"}
COMPLETION = {"output", "reasoning", "output_audio", "output_image", "output_video"}


def test_every_token_is_of_the_prompt_or_of_the_completion_and_counted_once():
    """What is no token (pictures by the piece, calls of tools, characters, milliseconds) is in no sum of tokens."""
    for field in fields(Usage):
        usage = Usage(**{field.name: 7})
        prompt, completion = 7 * (field.name in PROMPT), 7 * (field.name in COMPLETION)
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (prompt, completion, prompt + completion), field.name


def test_usages_are_added_kind_by_kind():
    """Nothing of one kind becomes another."""
    names = [field.name for field in fields(Usage)]
    one, other = (Usage(**{name: factor * (at + 1) for at, name in enumerate(names)}) for factor in (1, 100))
    assert one + other == Usage(**{name: 101 * (at + 1) for at, name in enumerate(names)})


@in_turn(
    ("told", "counted"),
    [(3, 3), (2.9, 2), (0, 0), (-1, 0), (True, 0), (None, 0), ("3", 0), (float("nan"), 0), (float("inf"), 2**53), (1e300, 2**53)],
)
def test_a_count_is_what_a_provider_can_mean(told, counted):
    """What is none, or less than none, is 0; what no sum could hold is clamped."""
    assert count(told) == counted
