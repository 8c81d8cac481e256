"""Runners for the benchmark's server that do what a test wants: answer, refuse, fail, die, talk, wait."""

from pathlib import Path

RUNNER = '''
import os, signal, sys, time

class UrvcError(Exception): ...
class OptionError(UrvcError): ...

class Runner:
    """Every method is a request."""

    def add(self, *, a, b):
        return a + b

    def keep(self, *, bytes):
        self.kept = bytearray(os.urandom(1024)) * (bytes // 1024)

    def talk(self):
        print("a library has something to say")
        os.system("echo and so has a program")

    def refuse(self):
        raise OptionError("not on\\nthis machine")

    def fail(self):
        raise ZeroDivisionError("nothing to divide by")

    def die(self):
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self):
        os._exit(3)

    def wait(self):
        time.sleep(60)

    def where(self):
        import ultimate_rvc
        return ultimate_rvc.__file__

    def environment(self):
        return dict(os.environ)
'''


# A line that notes its turns and behaves as its name says; what it "sings" is its `level`.
PLAYER = """
import json, os, time
import numpy as np

class UrvcError(Exception): ...
class Refusal(UrvcError): ...

class Runner:
    def open(self, *, name, log, way="", level=0.5):
        self.name, self.log, self.way, self.level, self.turns = name, log, way, level, 0
        if way == "refuse":
            raise Refusal("not on this machine")
        self._note("open")
        return "a remark" if way == "remark" else ""

    def take(self, *, scene, rate_hz):
        self.wav = np.load(scene)

    def turn(self, *, profile, excerpt_s=None):
        self.turns += 1
        self._note("turn" if excerpt_s is None else f"excerpt {excerpt_s:g}")
        if self.way == "die" and self.turns == 3:
            os._exit(9)
        if self.way == "fail":
            raise MemoryError("out of memory")
        if self.way == "slow":
            time.sleep(0.2)
        return {"stages": {"sing": 0.001} if profile else {}, "card_bytes": 7}

    def save(self, *, path):
        np.save(path, np.full(40_000, self.level, np.float32))

    def _note(self, what):
        with open(self.log, "a") as log:
            log.write(f"{self.name} {what}\\n")
"""


def write_player(folder: Path) -> Path:
    """The file of a runner that takes turns."""
    path = folder / "player.py"
    path.write_text(PLAYER)
    return path


def write_runner(folder: Path) -> Path:
    """The runner's file."""
    path = folder / "runner.py"
    path.write_text(RUNNER)
    return path


# The parts of Ultimate RVC that the benchmark calls: a pipeline that sings the input back at its own rate, slowly.
CHECKOUT = {
    "pyproject.toml": '[project]\nname = "ultimate-rvc"\nversion = "0.6.0"\n',
    "src/ultimate_rvc/__init__.py": "",
    "src/ultimate_rvc/rvc/__init__.py": "",
    "src/ultimate_rvc/rvc/infer/__init__.py": "",
    "src/ultimate_rvc/rvc/infer/pipeline.py": """
import numpy as np, torch, torchcrepe, torchaudio

class Pipeline:
    def __init__(self, tgt_sr, config):
        self.tgt_sr, self.device, self.x_pad = tgt_sr, config.device, config.x_pad

    def get_f0(self, x, p_len):
        torch.rand(7)
        return np.full(p_len, 220.0)

    def pipeline(self, model, net_g, sid, audio, pitch, f0_method, file_index, index_rate, pitch_guidance,
                 volume_envelope, version, protect, f0_autotune, f0_autotune_strength, proposed_pitch,
                 proposed_pitch_threshold):
        if index_rate > 0.5:
            torchcrepe.predict(audio)
        self.get_f0(audio, len(audio) // 160)
        assert hasattr(model, "final_proj") and audio.dtype == np.float64 and net_g.sings
        print("a pipeline talks")
        return np.repeat(audio, self.tgt_sr // 8000)[: len(audio) * self.tgt_sr // 16000] + 0 * torch.rand(1).numpy()
""",
    "src/ultimate_rvc/rvc/lib/__init__.py": "",
    "src/ultimate_rvc/rvc/lib/algorithm/__init__.py": "",
    "src/ultimate_rvc/rvc/lib/algorithm/synthesizers.py": """
import torch

class Synthesizer(torch.nn.Module):
    def __init__(self, *config, use_f0, text_enc_hidden_dim, vocoder):
        super().__init__()
        assert len(config) == 18 and text_enc_hidden_dim in (256, 768) and vocoder
        self.enc_q, self.sings = torch.nn.Identity(), bool(use_f0)
""",
}


def write_checkout(folder: Path) -> Path:
    """A checkout with the names that the benchmark calls, and none of the project's code."""
    for name, text in CHECKOUT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
