"""Importing any module does nothing: no folder, no file, no network, no logger, no filter, no thread count."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny.modules import TREE, modules

# An audit hook sees what Python does whatever it is called through; it turns network and writing into errors.
GUARD = """
import os, sys

def guard(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind")):
        raise PermissionError(f"network: {event} {arguments}")
    if event in ("os.mkdir", "os.remove", "os.rename", "subprocess.Popen", "os.system"):
        raise PermissionError(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise PermissionError(f"writing: {arguments}")
"""
# Other people's packages may set up what they like; they are loaded first, so that only our own doing is seen.
OTHERS = "import torch, numpy, click, rich.console, rich.progress, safetensors.torch"
SURVEY = """
import importlib, json, logging, os, sys, warnings, torch

def surroundings():
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    return {
        "filters": [str(item) for item in warnings.filters],
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "root logger": [root.level, [str(handler) for handler in root.handlers], logging.root.manager.disable],
        "loggers": sorted(
            [one.name, one.level, len(one.handlers)] for one in loggers if one.handlers or one.level
        ),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "dtype and gradients": [str(torch.get_default_dtype()), torch.is_grad_enabled()],
        "random state": torch.get_rng_state().sum().item(),
        "folder": os.getcwd(),
    }

# A number that nobody else would choose.
torch.set_num_threads(3)
before = surroundings()
sys.addaudithook(guard)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
after = surroundings()
print(json.dumps({key: [before[key], after[key]] for key in before if before[key] != after[key]}))
"""
HELP = """
sys.addaudithook(guard)
from ultimate_rvc.cli.main import main
status = main(sys.argv[1:])
assert "torch" not in sys.modules, "torch was imported"
sys.exit(status)
"""


def _run(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if name != "HOME"}
    environment = {**kept, "PYTHONPATH": str(TREE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_importing_every_module_changes_nothing(tmp_path: Path) -> None:
    names = json.dumps([module.name for module in modules()])
    done = _run(f"{OTHERS}\n{GUARD}\n{SURVEY}", tmp_path, names)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {} and done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "code", ["os.mkdir('x')", "open('x', 'w')", "import socket; socket.create_connection(('127.0.0.1', 9))"]
)
def test_the_guard_sees_folders_files_and_the_network(tmp_path: Path, code: str) -> None:
    assert "PermissionError" in _run(f"{GUARD}\nsys.addaudithook(guard)\n{code}", tmp_path).stderr


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["cli", "--help"], ["generate", "song-cover", "--help"]], ids=" ".join
)
def test_help_needs_no_network_no_home_and_no_torch(tmp_path: Path, words: list[str]) -> None:
    done = _run(f"{GUARD}\n{HELP}", tmp_path, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "urvc" in done.stdout and list(tmp_path.iterdir()) == []
