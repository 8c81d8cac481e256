"""Settings that every test shares."""

import pytest


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """Tests see no RVC_* or URVC_* variable but the ones they set, and no network."""
    import os

    for name in list(os.environ):
        if name.startswith(("RVC_", "URVC_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
