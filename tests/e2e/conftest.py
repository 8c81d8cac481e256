"""One furnished home for every test from the command line to the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import home as homes

Furnished = tuple[Path, dict[str, str]]


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    folder = tmp_path_factory.mktemp("home")
    return folder, homes.furnish(folder)


@pytest.fixture
def home(furnished: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the test's own for what is made; the working directory is the furnished one."""
    import torch

    folder, variables = furnished
    for name, value in {**variables, "URVC_AUDIO_DIR": str(tmp_path / "audio"), "RVC_DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    # Tiny layers are slower on many threads, most of all beside other work.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
