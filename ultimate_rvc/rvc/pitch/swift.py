"""SwiftF0: a small network from PyPI with its weights inside, run by onnxruntime on the host.

Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch Detection" (2025). Its frames lie 256 samples apart and are
put on the grid of 160. The waveform goes to the host and the contour comes back: the one estimator that does.
"""

import torch
from torch import Tensor

from ultimate_rvc.errors import WeightsNotFound
from ultimate_rvc.rvc.pitch.contour import HIGHEST_HZ, LOWEST_HZ
from ultimate_rvc.rvc.pitch.grid import onto_grid
from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ

VOICED_CONFIDENCE = 0.5
MOST_THREADS = 4


class Swift:
    """SwiftF0 with its session, which is made once."""

    def __init__(self) -> None:
        try:
            from swift_f0 import SwiftF0
        except ImportError as error:
            raise WeightsNotFound("pitch method 'swift' needs the package swift-f0: pip install swift-f0") from error
        # Without spinning, idle threads leave the cores to torch.
        self.detector = SwiftF0(threads=min(torch.get_num_threads(), MOST_THREADS), spin=False)

    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz → f0 [T // 160] in Hz on wav's device, frame j centred at sample 160·j; 0 is unvoiced."""
        frames = wav.shape[0] // PITCH_HOP_SAMPLES
        if not frames:
            return wav.new_zeros(0)
        found = self.detector.detect(wav.detach().float().cpu().numpy(), SAMPLE_RATE_HZ, LOWEST_HZ, HIGHEST_HZ)
        f0 = found.pitch_hz * (found.confidence >= VOICED_CONFIDENCE)
        return torch.from_numpy(onto_grid(found.timestamps, f0, frames)).float().to(wav.device)
