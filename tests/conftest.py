"""Settings that every test shares."""

import os

import pytest

from ultimate_rvc import paths

# Tiny layers are slower on several threads, many times so where others use the machine too; set before torch is
# imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """Tests see no RVC_* or URVC_* variable but the ones they set, and no network."""
    for name in list(os.environ):
        if name.startswith(("RVC_", "URVC_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def nothing_shipped(monkeypatch, tmp_path_factory):
    """A library is empty before a test fills it: what comes with the program is away."""
    monkeypatch.setattr(paths, "shipped_dir", lambda: tmp_path_factory.getbasetemp() / "nothing")
