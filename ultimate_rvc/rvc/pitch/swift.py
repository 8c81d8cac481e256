"""SwiftF0: a small network from PyPI with its weights inside, run by onnxruntime on the host.

Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch Detection" (2025). Its frames lie 256 samples apart and are
put on the grid of 160. The waveform goes to the host and the contour comes back: the one estimator that does.
"""

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc import telemetry
from ultimate_rvc.errors import WeightsNotFound
from ultimate_rvc.rvc.blocks import Block, blocks
from ultimate_rvc.rvc.pitch.contour import HIGHEST_HZ, LOWEST_HZ
from ultimate_rvc.rvc.pitch.grid import onto_grid
from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ

# A voice is where the network is this sure somewhere, and reaches as far as it is not quite unsure. With one threshold
# the edges of words were unvoiced, and what is sung there without a pitch is heard as a wrong one.
VOICED_CONFIDENCE, HELD_CONFIDENCE = 0.5, 0.1
MOST_THREADS = 4
# One of its own frames, and how many of them to each side a frame hears at most (swift_f0 says 10 and 11).
HOP_SAMPLES = 256
CONTEXT_FRAMES = 12
# Its runtime keeps what its longest signal took: 90 MB for half a minute, 25 for 8 s, at the same speed.
LONGEST_FRAMES = 480


class Swift:
    """SwiftF0 with its session, which is made once."""

    def __init__(self) -> None:
        telemetry.switch_off()
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
        samples = wav.detach().float().cpu().numpy()
        own_frames = max(1, len(samples) // HOP_SAMPLES)
        found = [self._block(samples, block) for block in blocks(own_frames, LONGEST_FRAMES, CONTEXT_FRAMES)]
        hz, confidence = np.concatenate(found, axis=1)
        times_s = np.arange(len(hz)) * (HOP_SAMPLES / SAMPLE_RATE_HZ)
        return torch.from_numpy(onto_grid(times_s, hz * voiced(confidence), frames)).float().to(wav.device)

    def _block(self, samples: np.ndarray, block: Block) -> np.ndarray:
        """Hz and confidence [2, F] of the frames that the block keeps."""
        # One frame more than the context, for the samples behind the signal's last whole frame.
        heard = samples[block.first * HOP_SAMPLES : (block.last + 1) * HOP_SAMPLES]
        found = self.detector.detect(heard, SAMPLE_RATE_HZ, LOWEST_HZ, HIGHEST_HZ)
        return np.stack([found.pitch_hz, found.confidence])[:, block.kept]


def voiced(confidence: np.ndarray) -> np.ndarray:
    """confidence [F] → bool [F], with hysteresis: stretches that are sure somewhere and nowhere too unsure."""
    held = confidence >= HELD_CONFIDENCE
    stretch = np.cumsum(np.diff(held, prepend=False))
    return held & np.isin(stretch, stretch[confidence >= VOICED_CONFIDENCE])
