"""Libraries that report to their makers are told not to: what is done here stays on this machine."""

import os

# From 1.29 on, onnxruntime on Linux writes an identity and a database into the home folder as soon as it is imported,
# and sends what it notes to Microsoft; docs/Privacy.md of its repository.
SWITCHES = {"ORT_DISABLE_TELEMETRY": "1"}


def switch_off() -> None:
    """Call it before such a library is imported; what somebody has set themselves stays."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
