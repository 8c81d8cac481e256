"""The first command of README.md gives a cover on a machine that has nothing: no models, no voices, no network.

What comes with the program is made up where the tree does not hold it yet.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import starter
from tiny.launchers import TREE

from ultimate_rvc.audio.file import load

SOURCE_S = 9.1
# Whoever asks for the network is told no, and this test hears of it.
GUARD = """
import socket, sys
from ultimate_rvc.cli.main import main

def refuse(*asked, **_):
    sys.stderr.write(f"NETWORK {asked}\\n")
    raise OSError("there is no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
sys.exit(main(sys.argv[1:]))
"""


def first_command() -> list[str]:
    """The words behind `cli` in README.md's first line of code."""
    line = re.search(r"```\n(.*)\n", (TREE / "README.md").read_text())[1].split("  #")[0]
    words = shlex.split(line)
    assert words[:2] == ["./urvc-macos.sh", "cli"]
    return words[2:]


def installed(folder: Path) -> Path:
    """The package as it lies in a tree or, from a wheel, among other packages; returns where its data is."""
    package = folder / "ultimate_rvc"
    shutil.copytree(TREE / "ultimate_rvc", package, ignore=shutil.ignore_patterns("__pycache__"))
    if not (package / "shipped" / "voices").is_dir():
        starter.write_shipped(package / "shipped")
    return package


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


def sing(folder: Path, packages: Path, home: Path) -> subprocess.CompletedProcess:
    """The first command, started in the folder; nothing is set but where the packages are and who is at home."""
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    settings = {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home), "TMPDIR": str(home)}
    command = [sys.executable, "-P", "-c", GUARD, *first_command()]
    return subprocess.run(command, cwd=folder, env=kept | settings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["tree", "wheel"])
def test_the_first_command_sings_with_nothing_on_the_machine(kind: str, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    packages = folder if kind == "tree" else tmp_path / "site-packages"
    installed(packages)
    shutil.copytree(TREE / "examples", folder / "examples")
    before = files_below(tmp_path)
    done = sing(folder, packages, home)
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr and "demonstration" in done.stderr
    cover = Path(done.stdout.strip())
    assert load(cover).duration_s == pytest.approx(SOURCE_S, abs=0.1)
    new = {path.relative_to(tmp_path).parts[:2] for path in files_below(tmp_path) - before}
    assert new <= {("folder", name) for name in ("audio", "logs", "temp")}


def test_what_is_shipped_goes_into_the_wheel() -> None:
    shipped = TREE / "ultimate_rvc" / "shipped"
    asked = [shipped / "voices" / "starter" / name for name in ("starter.pth", "starter.index", "MODEL_CARD.md")]
    asked += [shipped / "embedders" / "starter" / name for name in ("config.json", "model.safetensors")]
    command = ["git", "-C", str(TREE), "check-ignore", *map(str, asked)]
    # Wheels are built without what git ignores.
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""
