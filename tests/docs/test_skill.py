"""The skill for coding agents keeps its word."""

import contextlib
import io

from tests.docs.pages import ROOT, blocks

SKILL = ROOT / "skill/SKILL.md"


def test_the_program_of_the_skill_runs() -> None:
    """As it stands: the fault is hidden, the bound holds, and the refusal has its code."""
    [program] = blocks(SKILL, "python")
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(program, "SKILL.md", "exec"), {"__name__": "__main__"})
    bound, answer, streamed, refused = told.getvalue().splitlines()
    cost, attempts = answer.split()[-2:]
    assert float(bound.removeprefix("at most ")) > float(cost) > 0
    assert (attempts, refused) == ("2", "400 context_length_exceeded")
    assert "How deep is the lake?" in answer
    assert streamed.endswith(cost)


def test_the_skill_says_when_it_is_for() -> None:
    """By what an agent reads before it opens it: a name, and one line of a description."""
    head = SKILL.read_text().split("---\n")[1].splitlines()
    assert [line.partition(": ")[0] for line in head] == ["name", "description"]
    assert head[0] == "name: omnillm"
    assert len(head[1]) < 1024
