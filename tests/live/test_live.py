"""One real provider, named by the environment (`.env.example`): run only where a key is set, because the calls cost money."""

import importlib.util
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not os.environ.get("OMNILLM_RESPONSES_API_KEY"), reason="OMNILLM_RESPONSES_API_KEY is not set: a real provider would be called"
)
DEMO = Path(__file__).parents[2] / "examples/live_demo.py"


async def test_tool_and_picture_at_a_real_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo as it stands; its two answers are not empty."""
    spec = importlib.util.spec_from_file_location("live_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    await demo.main()
    tool, vision = capsys.readouterr().out.splitlines()[:2]
    assert "depth_of(" in tool
    assert vision.removeprefix("vision:").strip()
