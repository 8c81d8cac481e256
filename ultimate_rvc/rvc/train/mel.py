"""Spectrograms as RVC trains on them: HiFi-GAN's (Kong, Kim and Bae, 2020), and mels at several scales for RefineGAN.

B rows · T samples · S bins · M mel bands · F frames
"""

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.synth.generators.source import full_precision
from ultimate_rvc.rvc.train.configuration import DataSection

MAGNITUDE_FLOOR = 1e-6
MEL_FLOOR = 1e-5
# Bands and window of each scale of RefineGAN's loss; a window moves by a quarter of itself.
SCALES = ((5, 32), (10, 64), (20, 128), (40, 256), (80, 512), (160, 1024), (320, 2048))


class Spectrogram(nn.Module):
    """wav [B, T] → magnitudes [B, S, T / hop]. The signal is mirrored at its ends, so that frames lie in its middle."""

    def __init__(self, data: DataSection) -> None:
        super().__init__()
        self.n_fft, self.hop, self.window_samples = data.filter_length, data.hop_length, data.win_length
        self.register_buffer("window", torch.hann_window(data.win_length), persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        """Raises RuntimeError for a signal shorter than half a window, which cannot be mirrored."""
        edge = (self.n_fft - self.hop) // 2
        with full_precision(wav.device.type):
            mirrored = nn.functional.pad(wav.float()[:, None], (edge, edge), mode="reflect")[:, 0]
            return _magnitudes(mirrored, self.n_fft, self.hop, self.window, center=False)


class LogMel(nn.Module):
    """wav [B, T] → logarithm of the mel bands [B, M, T / hop]."""

    def __init__(self, data: DataSection) -> None:
        super().__init__()
        self.spectrogram = Spectrogram(data)
        bank = mel_bank(data.sample_rate, data.filter_length, data.n_mel_channels, data.mel_fmin, data.mel_fmax)
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        magnitudes = self.spectrogram(wav)
        with full_precision(wav.device.type):
            return torch.log((self.bank @ magnitudes).clamp(min=MEL_FLOOR))


class MelLoss(nn.Module):
    """Mean distance of two signals' log mels: made, true [B, T] → a number."""

    def __init__(self, data: DataSection) -> None:
        super().__init__()
        self.log_mel = LogMel(data)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.log_mel(true)
        return nn.functional.l1_loss(self.log_mel(made), wanted)


class MultiScaleMelLoss(nn.Module):
    """A third of the sum of such distances at seven scales, in decades: made, true [B, T] → a number."""

    def __init__(self, data: DataSection) -> None:
        super().__init__()
        for i, (bands, n_fft) in enumerate(SCALES):
            self.register_buffer(f"bank_{i}", mel_bank(data.sample_rate, n_fft, bands, 0.0, None), persistent=False)
            self.register_buffer(f"window_{i}", torch.hann_window(n_fft), persistent=False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        with full_precision(made.device.type):
            return sum(self._distance(i, made.float(), true.float()) for i in range(len(SCALES))) / 3

    def _distance(self, scale: int, made: Tensor, true: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self._mel(scale, true)
        return nn.functional.l1_loss(self._mel(scale, made), wanted)

    def _mel(self, scale: int, wav: Tensor) -> Tensor:
        n_fft, bank, window = SCALES[scale][1], getattr(self, f"bank_{scale}"), getattr(self, f"window_{scale}")
        magnitudes = _magnitudes(wav, n_fft, n_fft // 4, window, center=True)
        return torch.log10((bank @ magnitudes).clamp(min=MEL_FLOOR))


def mel_bank(sample_rate_hz: int, n_fft: int, bands: int, low_hz: float, high_hz: float | None) -> Tensor:
    """Slaney's triangles [M, S], as librosa makes them."""
    import warnings

    from librosa.filters import mel

    # librosa warns of coarse scales' bands without a bin; what is empty adds the same to both signals.
    with warnings.catch_warnings(record=True):
        return torch.from_numpy(mel(sr=sample_rate_hz, n_fft=n_fft, n_mels=bands, fmin=low_hz, fmax=high_hz))


def _magnitudes(wav: Tensor, n_fft: int, hop: int, window: Tensor, *, center: bool) -> Tensor:
    bins = torch.stft(
        wav, n_fft, hop, len(window), window, center=center, pad_mode="reflect", onesided=True, return_complex=True
    )
    return torch.sqrt(bins.real.square() + bins.imag.square() + MAGNITUDE_FLOOR)
