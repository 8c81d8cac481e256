"""What machine this is, in words that belong beside every number measured on it."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from ultimate_rvc.device import physical_memory_bytes


def describe(engine: dict[str, Any]) -> dict[str, str]:
    """Label → words; `engine` is what torch knows (see runners/workshop.py)."""
    return {
        "chip": f"{_chip()}, {_cores()} cores",
        "memory": f"{physical_memory_bytes() / 1024**3:.0f} GiB",
        "system": _system(),
        "Python": platform.python_version(),
        "torch": f"{engine['torch']}, {engine['threads']} threads",
        "device": engine["description"],
        "CUDA": ", ".join(engine["cards"]) or "no card",
        "MPS": f"built in: {_yes(engine['mps_built'])}, available: {_yes(engine['mps_available'])}",
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _chip() -> str:
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]} {platform.machine()}"
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip()
