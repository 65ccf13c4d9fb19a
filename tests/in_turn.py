"""Many cases of one sentence as one test, where pytest's own work for a test is more than the case's."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction, signature
from typing import Any

import pytest


class Cases:
    """`with cases(name):` a case, in the block of `every_case`."""

    def __init__(self) -> None:
        self.tried = 0
        self.failures: list[Exception] = []
        self.skipped: BaseException | None = None

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What fails is noted with the case's name, and the next one tried; what is no failure of an assertion or of the code ends the test."""
        try:
            yield
        except pytest.skip.Exception as skipped:
            self.skipped = skipped
        except Exception as error:  # noqa: BLE001  # raised when all were tried
            error.add_note(f"case: {name}")
            self.tried += 1
            self.failures.append(error)
        except BaseException as error:
            error.add_note(f"case: {name}")
            raise
        else:
            self.tried += 1


@contextmanager
def every_case() -> Iterator[Cases]:
    """All cases are tried; then those that failed are raised, each with its name. Without a case that is tried, the test is skipped."""
    __tracebackhide__ = True
    cases = Cases()
    yield cases
    if len(cases.failures) == 1:
        raise cases.failures[0]
    if cases.failures:
        raise ExceptionGroup(f"{len(cases.failures)} of {cases.tried} cases failed", cases.failures)
    if not cases.tried:
        raise cases.skipped or pytest.skip.Exception("there is no case")


def in_turn(names: str | Sequence[str], values: Iterable[Any], *, ids: Iterable[object] | Callable[[Any], object] | None = None) -> Any:
    """As `pytest.mark.parametrize`, but in one test: its fixtures serve all cases, which must leave no trace in them."""
    told = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    params = [value if hasattr(value, "marks") else pytest.param(*(value if len(told) > 1 else (value,))) for value in values]
    spelled = [str(name) for name in ids] if isinstance(ids, Iterable) else [param.id or _spell(param.values, ids) for param in params]
    cases = [(name, dict(zip(told, param.values, strict=True)), param.marks) for name, param in zip(spelled, params, strict=True)]

    def decorate(test: Any) -> Any:
        asked = signature(test)
        shown = asked.replace(parameters=[one for name, one in asked.parameters.items() if name not in told])
        if iscoroutinefunction(test):

            async def run(*given: Any, **named: Any) -> None:
                __tracebackhide__ = True
                with every_case() as case:
                    for name, chosen, marks in cases:
                        with case(name):
                            _heed(marks)
                            await test(**shown.bind(*given, **named).arguments, **chosen)

        else:

            def run(*given: Any, **named: Any) -> None:
                __tracebackhide__ = True
                with every_case() as case:
                    for name, chosen, marks in cases:
                        with case(name):
                            _heed(marks)
                            test(**shown.bind(*given, **named).arguments, **chosen)

        looped: Any = wraps(test)(run)
        looped.__signature__ = shown
        return looped

    return decorate


def _spell(values: Iterable[Any], spell: Callable[[Any], object] | None) -> str:
    return "-".join(repr(value) if spell is None else str(spell(value)) for value in values)


def _heed(marks: Iterable[pytest.Mark | pytest.MarkDecorator]) -> None:
    for mark in marks:
        assert mark.name == "skip", f"{mark.name} is for tests, not for cases"
        pytest.skip(mark.kwargs["reason"])
