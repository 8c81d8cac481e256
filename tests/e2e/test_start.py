"""What starting costs: a cover imports what it uses, and nothing that only others would."""

import os
import subprocess
import sys
from pathlib import Path

from tiny import home as homes

import ultimate_rvc

# Each takes half a second to two seconds to import.
UNUSED = ("transformers", "scipy.signal", "scipy.stats", "librosa", "sklearn", "numba", "faiss", "matplotlib")
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


def with_the_package() -> dict[str, str]:
    """This environment, in which a new process finds the package from any folder."""
    return {**os.environ, "PYTHONPATH": str(Path(ultimate_rvc.__file__).parents[1])}
