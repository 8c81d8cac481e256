"""config.json: the numbers that voices of each rate are trained with, as RVC tools have settled on them.

The networks of the three rates differ in nothing but their upsampling; v1 and v2 in the width of the features.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

BLOCK_KERNELS, BLOCK_DILATIONS = (3, 7, 11), (1, 3, 5)


@dataclass(frozen=True)
class Rate:
    """What is particular to a sample rate: the spectrogram, the vocoder's factors, and the samples of a segment."""

    fft_samples: int
    mel_bands: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    segment_frames: int

    @property
    def hop_samples(self) -> int:
        """Samples of a pitch frame: what the vocoder makes of one."""
        return prod(self.upsample_rates)


RATES = {
    32_000: Rate(1024, 80, (10, 8, 2, 2), (20, 16, 4, 4), 40),
    40_000: Rate(2048, 125, (10, 10, 2, 2), (16, 16, 4, 4), 32),
    48_000: Rate(2048, 128, (12, 10, 2, 2), (24, 20, 4, 4), 36),
}


def configuration(sample_rate: int, width: int) -> dict[str, Any]:
    """What config.json holds for a voice of this rate in Hz and features of `width` numbers."""
    rate = RATES[sample_rate]
    return {"train": _train(rate), "data": _data(sample_rate, rate), "model": _model(rate, width)}


def _train(rate: Rate) -> dict[str, Any]:
    return {
        "log_interval": 200,
        "seed": 1234,
        "learning_rate": 1e-4,
        "betas": [0.8, 0.99],
        "eps": 1e-9,
        "lr_decay": 0.999875,
        "segment_size": rate.segment_frames * rate.hop_samples,
        "c_mel": 45,
        "c_kl": 1.0,
    }


def _data(sample_rate: int, rate: Rate) -> dict[str, Any]:
    return {
        "max_wav_value": 32768.0,
        "sample_rate": sample_rate,
        "filter_length": rate.fft_samples,
        "hop_length": rate.hop_samples,
        "win_length": rate.fft_samples,
        "n_mel_channels": rate.mel_bands,
        "mel_fmin": 0.0,
        "mel_fmax": None,
    }


def _model(rate: Rate, width: int) -> dict[str, Any]:
    return {
        "inter_channels": 192,
        "hidden_channels": 192,
        "filter_channels": 768,
        "text_enc_hidden_dim": width,
        "n_heads": 2,
        "n_layers": 6,
        "kernel_size": 3,
        "p_dropout": 0,
        "resblock": "1",
        "resblock_kernel_sizes": list(BLOCK_KERNELS),
        "resblock_dilation_sizes": [list(BLOCK_DILATIONS) for _ in BLOCK_KERNELS],
        "upsample_rates": list(rate.upsample_rates),
        "upsample_initial_channel": 512,
        "upsample_kernel_sizes": list(rate.upsample_kernels),
        "use_spectral_norm": False,
        "gin_channels": 256,
        "spk_embed_dim": 109,
    }
