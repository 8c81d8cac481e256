"""A slice of digital silence with its features: what the voice learns to make of nothing.

RVC tools ship such files for their own encoders. Here the encoder of the training hears the silence itself, so that
any encoder will do.
"""

import numpy as np
import torch

from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ, Embedder
from ultimate_rvc.rvc.train.data.slices import write_slice
from ultimate_rvc.rvc.train.features.filelist import Lists, write_pitch
from ultimate_rvc.rvc.train.features.files import save_array

MUTE = "mute"
MUTE_S = 3


def write_mute(lists: Lists, rate: int, hear: Embedder, device: torch.device) -> None:
    """Writes the slice of silence and its features below the experiment's folder `mute`. Raises OutputError."""
    mute = lists.of(lists.experiment.mute)
    write_slice(mute.experiment, MUTE, np.zeros(MUTE_S * rate, np.float32), rate)
    nothing = torch.zeros(1, MUTE_S * SAMPLE_RATE_HZ, device=device)
    save_array(mute.content(MUTE), hear(nothing)[0].float().cpu().numpy())
    write_pitch(mute, MUTE, torch.zeros(MUTE_S * SAMPLE_RATE_HZ // PITCH_HOP_SAMPLES))
