"""What starting costs: a cover imports what it uses, and nothing that only others would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import home as homes

import ultimate_rvc

# Each takes a quarter of a second to two seconds to import.
UNUSED = (
    *("transformers", "scipy.signal", "scipy.stats", "scipy.ndimage"),
    *("librosa", "sklearn", "numba", "faiss", "matplotlib"),
)
SCRIPT = """
import sys
from ultimate_rvc.cli.main import main
status = main(sys.argv[1:])
print(*(name for name in {unused!r} if name in sys.modules))
sys.exit(status)
"""


def test_a_cover_imports_only_what_it_uses(home: Path) -> None:
    words = ["--quiet", "--separator", "none", "--source", "song.wav", "--model", homes.VOICE, "--output-format", "wav"]
    command = [sys.executable, "-c", SCRIPT.format(unused=UNUSED), "generate", "song-cover", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=with_the_package())
    path, loaded = done.stdout.split("\n")[:2]
    assert path.endswith(".wav") and loaded == ""


DRAWING = """
import sys
from pathlib import Path
from ultimate_rvc.web import app, page
from ultimate_rvc.web.desk import Desk
from ultimate_rvc.web.form import Page
from ultimate_rvc.web.sessions import Sessions
folder = Path(sys.argv[1])
app.switch_off_reports(folder)
page.blocks(Page(Desk(folder), Sessions(folder), folder, "en"))
print(*(name for name in {unused!r} if name in sys.modules))
"""


def test_drawing_the_page_imports_no_engine(home: Path) -> None:
    """The first page would come two seconds later."""
    pytest.importorskip("gradio", reason="the page needs gradio: pip install 'ultimate-rvc[web]'")
    script = DRAWING.format(unused=("torch", *UNUSED))
    command = [sys.executable, "-c", script, str(home / "temp")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=with_the_package())
    assert done.stdout.strip() == ""


def with_the_package() -> dict[str, str]:
    """This environment, in which a new process finds the package from any folder."""
    return {**os.environ, "PYTHONPATH": str(Path(ultimate_rvc.__file__).parents[1])}
