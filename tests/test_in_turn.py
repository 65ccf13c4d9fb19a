"""Cases that share a test are as much worth as tests of their own."""

import asyncio

import pytest
from tests.in_turn import every_case, in_turn


def test_every_case_is_tried_and_those_that_fail_are_named() -> None:
    """The first failure hides none of the others."""
    tried = []

    @in_turn("number", range(5))
    def odd(number: int) -> None:
        tried.append(number)
        assert number % 2

    with pytest.RaisesGroup(AssertionError, AssertionError, AssertionError, match="3 of 5 cases failed") as caught:
        odd()
    assert tried == [0, 1, 2, 3, 4]
    assert [error.__notes__ for error in caught.value.exceptions] == [["case: 0"], ["case: 2"], ["case: 4"]]


def test_one_failure_is_raised_as_it_is() -> None:
    """With the ids that it went through, as two loops are one in the other."""

    @in_turn("letter", "ab")
    @in_turn("number", [1, 2], ids=["one", "two"])
    def right(letter: str, number: int) -> None:
        assert (letter, number) != ("b", 1)

    with pytest.raises(AssertionError) as caught:
        right()
    assert caught.value.__notes__ == ["case: one", "case: 'b'"]


async def test_coroutine_is_awaited_for_each_case() -> None:
    """With the fixtures that are no case's."""
    seen = []

    @in_turn("left, right", [pytest.param(1, 2, id="first"), (3, 4)])
    async def pair(shift: int, left: int, right: int) -> None:
        await asyncio.sleep(0)
        seen.append((shift + left, shift + right))

    await pair(shift=10)
    assert seen == [(11, 12), (13, 14)]


def test_what_is_no_failed_assertion_ends_the_test() -> None:
    """A timeout is not outlived by the other cases, and is named."""
    tried = []

    @in_turn("number", range(5))
    def slow(number: int) -> None:
        tried.append(number)
        pytest.fail("out of time")

    with pytest.raises(pytest.fail.Exception, match="out of time") as caught:
        slow()
    assert tried == [0]
    assert caught.value.__notes__ == ["case: 0"]


def test_no_case_is_no_success() -> None:
    """Neither is one that is skipped, unless another was tried."""
    with pytest.raises(pytest.skip.Exception, match="there is no case"):
        with every_case():
            pass

    @in_turn("numbers", [[1], [1, 2]])
    def more_than_ones(numbers: list[int]) -> None:
        if set(numbers) == {1}:
            pytest.skip("ones")

    more_than_ones()
    with pytest.raises(pytest.skip.Exception, match="ones"):
        in_turn("numbers", [[1]])(more_than_ones.__wrapped__)()
    with pytest.raises(pytest.skip.Exception, match="not here"):
        in_turn("numbers", [pytest.param(None, marks=pytest.mark.skip(reason="not here"))])(more_than_ones.__wrapped__)()
