"""Estimators against a melody that people annotated by ear: vocadito_1 (CC BY 4.0), 33 s of solo singing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import pitch as tiny

from ultimate_rvc.rvc import pitch

FOLDER = Path(__file__).parents[3] / "shared" / "audio" / "vocadito"
# What was measured: median error in cents, share of frames within half a semitone, voicing agreement.
# swift 3.4, 98.9 %, 95.3 % · fcpe 2.6, 99.2 %, 92.2 % · crepe-tiny 3.9, 99.5 %, 90.1 % · crepe 3.5, 99.6 %, 92.7 %
MEDIAN_CENTS = 5.0
WITHIN_50_CENTS = 0.985
VOICING_AGREEMENT = {"swift": 0.945, "fcpe": 0.91, "crepe-tiny": 0.89}


@pytest.fixture(scope="module")
def recording():
    """wav [T] at 16 kHz and the annotated f0 [T // 160]."""
    if not FOLDER.is_dir():
        pytest.skip("the vocadito recordings do not lie beside this checkout (../shared/audio/vocadito)")
    import soundfile
    import soxr

    wav, rate = soundfile.read(FOLDER / "vocadito_1.wav", dtype="float32")
    wav = soxr.resample(wav, rate, tiny.RATE_HZ)
    times_s, hz = np.loadtxt(FOLDER / "vocadito_1_f0.csv", delimiter=",").T
    nearest = np.abs(np.arange(len(wav) // 160)[:, None] / 100 - times_s).argmin(1)
    return torch.from_numpy(wav), torch.from_numpy(hz[nearest])


@pytest.mark.parametrize("method", VOICING_AGREEMENT)
def test_real_singing_is_heard_as_people_heard_it(method, recording):
    wav, annotated = recording
    if pitch.needs_download(method):
        pytest.skip(f"no weights of {method} here")
    f0 = pitch.load(method, torch.device("cpu"))(wav)
    error_cents = tiny.cents(f0, annotated).abs()
    assert error_cents.median() <= MEDIAN_CENTS
    assert (error_cents < 50).float().mean() >= WITHIN_50_CENTS
    assert ((f0 > 0) == (annotated > 0)).float().mean() >= VOICING_AGREEMENT[method]
