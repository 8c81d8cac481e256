"""The line of this package, warm: the same calls as a conversion from the command line makes."""

from typing import Any

import numpy as np


class Runner:
    """One configuration. Methods are requests; see ultimate_rvc/benchmark/server.py."""

    def open(self, *, checkpoint: str, index: str | None, method: str, options: dict[str, Any]) -> str:
        """Loads everything; the options are fields of OptimizationConfig. → a remark: none."""
        from ultimate_rvc.options import ConversionOptions, OptimizationConfig, PitchOptions
        from ultimate_rvc.rvc.infer.infer import VoiceConverter
        from ultimate_rvc.rvc.infer.optimization import resolve

        given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        self.config: OptimizationConfig = resolve(given, environ={})
        self.converter = VoiceConverter(self.config)
        self.converter.load_voice(checkpoint, index)
        self.singing = ConversionOptions(PitchOptions(f0_method=(method,)))
        self.converter.load_encoder_for_voice(self.singing.embedder)
        return ""

    def take(self, *, scene: str, rate_hz: int) -> None:
        """The scene [T] of the turns that follow."""
        from ultimate_rvc.audio.sound import Audio

        self.audio = Audio(np.load(scene), rate_hz)

    def turn(self, *, profile: bool, excerpt_s: float | None = None) -> dict[str, Any]:
        """One conversion. → seconds of each stage, if they were to be measured, and the card's peak memory."""
        import dataclasses

        import torch

        torch.manual_seed(0)  # for strict parity, which draws from torch's generator
        self.converter.optimization = dataclasses.replace(self.config, enable_profiling=profile)
        done = self.converter.convert(_first(self.audio, excerpt_s), self.singing)
        self.samples = done.audio.samples[0]
        return {"stages": {cost.stage: cost.seconds for cost in done.costs}, "card_bytes": card_bytes()}

    def save(self, *, path: str) -> None:
        """The samples [T] of the last turn, as a file of numpy."""
        np.save(path, self.samples)


def _first(audio: Any, seconds: float | None) -> Any:
    from ultimate_rvc.audio.sound import Audio

    return audio if seconds is None else Audio(audio.samples[:, : round(seconds * audio.rate)], audio.rate)


def card_bytes() -> int:
    """The most that was held of a graphics card's own memory, on an Apple GPU what is held now; 0 without one."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return torch.mps.driver_allocated_memory() if torch.backends.mps.is_available() else 0
