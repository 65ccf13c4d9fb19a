"""What is published: the package, whole, and nothing that runs by itself; and the repository, as source."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import omnillm

PACKAGE = Path(omnillm.__file__).parent
ROOT = Path(__file__).parents[1]
KINDS = {".py", ".sql", ".json", ".yaml", ".typed", ".html", ".css", ".js"}
ABOUT = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/LICENSE-APACHE", "licenses/LICENSE-MIT"}


def build(directory: Path, *, root: Path = ROOT) -> Path:
    [path] = WheelBuilder(str(root)).build(directory=str(directory), versions=["standard"])
    return Path(path)


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """No native code, no file that an interpreter runs at its start, no test, no key that lay about; and whoever builds it gets the same bytes."""
    wheel = build(tmp_path / "one")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    sources = {str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    assert {Path(name).suffix for name in sources} == KINDS
    assert set(names) == sources | {f"omnillm-{omnillm.__version__}.dist-info/{name}" for name in ABOUT}
    assert len(names) == len(set(names))
    assert build(tmp_path / "two").read_bytes() == wheel.read_bytes()


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="only a clone knows what belongs to it")
def test_the_source_is_the_repository() -> None:
    """All of it, so that whoever unpacks it can run the tests; and none of what lies about beside it, such as a configuration with its keys."""
    packed = {each.distribution_path for each in SdistBuilder(str(ROOT)).recurse_included_files()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    there = {name for name in listed if (ROOT / name).exists()}
    assert there <= packed
    assert {name.partition("/")[0] for name in packed} == {name.partition("/")[0] for name in there}
