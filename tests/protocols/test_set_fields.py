"""Which of a value's fields say something."""

from omnillm.model.request import GenerationConfig
from omnillm.protocols.set_fields import counted, said
from omnillm.usage import Usage


def test_what_is_said_comes_in_the_order_in_which_it_was_asked_for() -> None:
    """Nothing else of the value is told; 0 and False are said, None is not."""
    find = said("top_p", "seed", "logprobs", "n")
    assert list(find(GenerationConfig(logprobs=False, seed=0, top_p=0.5, temperature=1.0))) == [
        ("top_p", 0.5),
        ("seed", 0),
        ("logprobs", False),
    ]
    assert not find(GenerationConfig(temperature=1.0))


def test_a_count_of_nothing_says_nothing() -> None:
    """Only what was counted is told."""
    find = counted("images", "input_audio", "tool_calls")
    assert list(find(Usage(input=5, tool_calls=2, images=1))) == [("images", 1), ("tool_calls", 2)]
    assert not find(Usage(input=5))
