"""A machine made of fakes for the launcher: what it is asked about itself, and the Python and installers it has.

Its PATH holds a few plain tools and fakes that write down how they were called, so nothing is ever installed.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[2]
TOOLS = [
    *("basename", "bash", "cat", "chmod", "cksum", "cp", "dirname", "env", "grep"),
    *("mkdir", "paste", "ps", "readlink", "rm", "sed", "sleep", "tr"),
]
BETWEEN = "\x1f"

RECORD = r"""#!/usr/bin/env bash
{ printf '%s' "${0##*/}"; printf '\x1f%s' "$@"; echo; } >>"$FAKE_CALLS"
"""
# The words that the launcher says to Python, and what a real one would do about them.
PYTHON = (
    RECORD
    + r"""
case "$*" in
  *python_version*) echo "$FAKE_PYTHON" ;;
  *"import ensurepip, venv"*) exit "${FAKE_VENV_STATUS:-0}" ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  *"index versions torch"*) printf 'torch (9.9)\nAvailable versions: %s\n' "$FAKE_INDEX" ;;
  *'version("torch")'*) echo "${FAKE_TORCH:-2.13.0}" ;;
  *"pip install"*) echo Collecting; sleep "${FAKE_PIP_S:-0}"; [[ "$*" != *"${FAKE_PIP_FAILS:-nothing at all}"* ]] ;;
  *) echo "$$"; pwd; printf '\x1f%s' "$@"; echo; env ;;
esac
"""
)
UV = RECORD + 'if [ "$1" = venv ]; then mkdir -p "${!#}/bin"; cp "$FAKE_BIN/python3" "${!#}/bin/python"; fi\n'
SYSCTL = "#!/usr/bin/env bash\ncase $2 in\n%s\n*) exit 1 ;;\nesac\n"


@dataclass(frozen=True)
class Machine:
    """What `uname`, `sysctl` and `nvidia-smi` say, and the version and build of python3 (empty: there is none)."""

    system: str = "Linux"
    processor: str = "x86_64"
    sysctl: dict[str, str] = field(default_factory=dict)
    nvidia_smi: str | None = None
    nvidia_status: int = 0
    python: str = "3.11.7 x86_64"
    uv: bool = False


APPLE_FACTS = {"hw.optional.arm64": "1", "machdep.cpu.brand_string": "Apple M2"}
PLAIN = Machine()
NVIDIA = Machine(nvidia_smi="GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-1)\\nGPU 1: NVIDIA T4 (UUID: GPU-2)")
BROKEN_DRIVER = Machine(nvidia_smi="NVIDIA-SMI has failed", nvidia_status=9)
APPLE = Machine("Darwin", "arm64", APPLE_FACTS, python="3.12.4 arm64")
ROSETTA = Machine("Darwin", "x86_64", {**APPLE_FACTS, "sysctl.proc_translated": "1"}, python="3.12.4 x86_64")
INTEL_MAC = Machine("Darwin", "x86_64", {"machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}, python="3.11.7 x86_64")


@dataclass(frozen=True)
class Started:
    """How one start of the launcher ended."""

    status: int
    out: str
    err: str

    @property
    def arguments(self) -> list[str]:
        """What the launcher handed to Python in the end."""
        return next(line for line in self.out.splitlines() if line.startswith(BETWEEN)).split(BETWEEN)[1:]

    @property
    def folder(self) -> str:
        """Where Python was started."""
        return self.out.splitlines()[1]

    @property
    def variables(self) -> dict[str, str]:
        """The environment that Python was started in."""
        return dict(line.split("=", 1) for line in self.out.splitlines() if "=" in line)


class Workplace:
    """A tree with the launcher in it, in a folder with a space, on a machine of fakes."""

    def __init__(self, folder: Path):
        self.tree, self.bin, self.calls_file = folder / "my tree", folder / "bin", folder / "calls"
        self.tree.mkdir()
        for name in ("urvc-macos.sh", "pyproject.toml"):
            shutil.copy(TREE / name, self.tree / name)
        self.script = self.tree / "urvc-macos.sh"
        self.become(PLAIN)

    def become(self, machine: Machine) -> None:
        """From now on the machine is this one."""
        shutil.rmtree(self.bin, ignore_errors=True)
        self.bin.mkdir()
        for name in TOOLS:
            os.symlink(str(shutil.which(name)), self.bin / name)
        for name, text in _fakes(machine).items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.machine = machine

    def start(self, *words: str, script: Path | None = None, folder: Path | None = None, **variables: str) -> Started:
        """Runs the launcher with these words and variables to its end."""
        process = self.begin(*words, script=script, folder=folder, **variables)
        out, err = process.communicate(timeout=60)
        return Started(process.returncode, out, err)

    def begin(
        self, *words: str, script: Path | None = None, folder: Path | None = None, **variables: str
    ) -> subprocess.Popen:
        """Starts the launcher without waiting for it."""
        fakes = {"FAKE_CALLS": str(self.calls_file), "FAKE_BIN": str(self.bin), "FAKE_PYTHON": self.machine.python}
        environment = {"PATH": str(self.bin), "FAKE_INDEX": "2.13.0", **fakes, **variables}
        command = [str(script or self.script), *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=folder or self.bin, env=environment, **pipes)

    def calls(self) -> list[list[str]]:
        """Every call of a fake so far, program first; then forgets them."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        self.calls_file.unlink(missing_ok=True)
        return [line.split(BETWEEN) for line in text.splitlines()]

    def installs(self) -> list[list[str]]:
        """What was installed since the last look: the arguments behind the word 'install'."""
        return [call[call.index("install") + 1 :] for call in self.calls() if "install" in call]


def _fakes(machine: Machine) -> dict[str, str]:
    facts = "\n".join(f"{name}) echo '{value}' ;;" for name, value in machine.sysctl.items())
    uname = f"[ $1 = -m ] && echo {machine.processor} || echo {machine.system}\n"
    fakes = {"uname": f"#!/usr/bin/env bash\n{uname}", "sysctl": SYSCTL % facts}
    if machine.python:
        fakes["python3"] = PYTHON
    if machine.uv:
        fakes["uv"] = UV
    if machine.nvidia_smi is not None:
        text = f"printf '{machine.nvidia_smi}\\n'\nexit {machine.nvidia_status}\n"
        fakes["nvidia-smi"] = f"#!/usr/bin/env bash\n{text}"
    return fakes
