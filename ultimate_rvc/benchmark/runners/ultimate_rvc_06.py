"""The line of an Ultimate RVC checkout (0.6), warm, by its own classes and with the same files.

Run with the checkout on the module path and with the interpreter that it is installed for: every `ultimate_rvc` that
is imported here is the user's checkout. Whatever it does in every call, such as reading the index and loading the pitch
network, is measured, because that is what people wait for.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

# Packages that are imported there but take no part in the measured path, by the methods and vocoders that need them.
PITCH_PACKAGES = {"crepe": "torchcrepe", "crepe-tiny": "torchcrepe", "fcpe": "torchfcpe"}
VOCODER_PACKAGES = {"RefineGAN": "torchaudio"}
SEED = 0


class Runner:
    """The checkout's line. Methods are requests; see ultimate_rvc/benchmark/server.py."""

    def open(self, *, checkpoint: str, index: str | None, encoder: str, method: str, spans: dict[str, Any]) -> str:
        """Loads everything; spans are x_pad, x_query, x_center, x_max and device. → a remark on what is missing."""
        import torch

        voice = torch.load(checkpoint, map_location="cpu", weights_only=True)
        absent = _stand_in(_not_needed(method, voice.get("vocoder", "HiFi-GAN")))
        from ultimate_rvc.rvc.infer.pipeline import Pipeline

        self.device = spans["device"]
        self.hubert = _encoder(encoder).to(self.device)
        self.generator = _generator(voice).to(self.device)
        self.line = Pipeline(voice["config"][-1], SimpleNamespace(**spans))
        self.line.get_f0 = _then_seeded(self.line.get_f0)
        self.rest = {
            "sid": 0, "pitch": 0, "f0_method": method, "file_index": index or "", "index_rate": 0.3,
            "pitch_guidance": voice.get("f0", 1), "volume_envelope": 1.0, "version": voice.get("version", "v1"),
            "protect": 0.33, "f0_autotune": False, "f0_autotune_strength": 1.0, "proposed_pitch": False,
            "proposed_pitch_threshold": 155.0,
        }  # fmt: skip
        return f"empty modules stand in for {', '.join(absent)}, which are not used here" if absent else ""

    def take(self, *, scene: str, rate_hz: int) -> None:
        """The scene [T] of the turns that follow, in float64 as it reads its files; 16 kHz is the line's own rate."""
        self.rate_hz, self.wav = rate_hz, np.load(scene).astype(np.float64)

    def turn(self, *, profile: bool, excerpt_s: float | None = None) -> dict[str, Any]:
        """One conversion; stages cannot be told apart."""
        import torch

        torch.manual_seed(SEED)
        wav = self.wav if excerpt_s is None else self.wav[: round(excerpt_s * self.rate_hz)]
        self.samples = self.line.pipeline(model=self.hubert, net_g=self.generator, audio=wav.copy(), **self.rest)
        return {"stages": {}, "card_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0}

    def save(self, *, path: str) -> None:
        """The samples [T] of the last turn, as a file of numpy."""
        np.save(path, np.asarray(self.samples, np.float32))


def _not_needed(method: str, vocoder: str) -> list[str]:
    every = {*PITCH_PACKAGES.values(), *VOCODER_PACKAGES.values()}
    return sorted(every - {PITCH_PACKAGES.get(method), VOCODER_PACKAGES.get(vocoder)})


def _stand_in(names: list[str]) -> list[str]:
    """Lets imports of packages that are not installed succeed; using one of them fails. → their names."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    for name in missing:
        sys.modules[name] = Absent(name)
    return missing


class Absent(ModuleType):
    """A package that is not installed."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise ImportError(f"{self.__name__} is not installed and was thought not to be needed")


def _then_seeded(find_pitch: Callable[..., Any]) -> Callable[..., Any]:
    """Seeds the noise anew: pitch networks are built in every call, out of the same random numbers."""
    import torch

    def find(*given: Any, **named: Any) -> Any:
        found = find_pitch(*given, **named)
        torch.manual_seed(SEED)
        return found

    return find


def _encoder(folder: str) -> Any:
    """HuBERT with the projection that v1 voices were trained with, as the checkout's own class has it."""
    import torch
    from transformers import HubertModel

    class WithProjection(HubertModel):
        def __init__(self, config: Any):
            super().__init__(config)
            self.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)

    return WithProjection.from_pretrained(folder).float().eval()


def _generator(voice: dict[str, Any]) -> Any:
    from ultimate_rvc.rvc.lib.algorithm.synthesizers import Synthesizer

    voice["config"][-3] = voice["weight"]["emb_g.weight"].shape[0]
    width = 768 if voice.get("version") == "v2" else 256
    about = {"use_f0": voice.get("f0", 1), "text_enc_hidden_dim": width, "vocoder": voice.get("vocoder", "HiFi-GAN")}
    net = Synthesizer(*voice["config"], **about)
    del net.enc_q
    net.load_state_dict(voice["weight"], strict=False)
    return net.float().eval()
