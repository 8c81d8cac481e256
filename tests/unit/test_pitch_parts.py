"""The parts that pitch estimators share, against slow or independent versions, and songs that are cut into blocks."""

import numpy as np
import pytest
import torch
from tiny import pitch as tiny
from tiny.sounds import voice_like

from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.blocks import blocks
from ultimate_rvc.rvc.pitch import crepe, fcpe, mel, rmvpe, salience, swift, viterbi
from ultimate_rvc.rvc.pitch.grid import onto_grid
from ultimate_rvc.rvc.stored_weights import fit, read_weights

CPU = torch.device("cpu")
# Filters have heights of about 0.03; librosa rounds in another order.
FILTER_TOLERANCE = 1e-8
BIN_TOLERANCE = 1e-4
# Convolutions of blocks sum in another order than those of the whole.
BLOCK_TOLERANCE_CENTS = 0.05


@pytest.mark.parametrize("scale", [rmvpe.SCALE, fcpe.SCALE, mel.MelScale(low_hz=400, high_hz=4000, htk=False)])
def test_mel_filters_are_librosas(scale):
    librosa = pytest.importorskip("librosa")
    told = {"n_mels": 128, "fmin": scale.low_hz, "fmax": scale.high_hz, "htk": scale.htk}
    expected = librosa.filters.mel(sr=16_000, n_fft=1024, **told)
    assert np.abs(mel.filterbank(scale) - expected).max() <= FILTER_TOLERANCE


def test_a_gaussian_peak_is_found_between_bins():
    bins = torch.tensor([100.3, 200.0, 250.75])
    shape = torch.exp(-((torch.arange(360) - bins[:, None]) ** 2) / 2)
    assert torch.allclose(salience.around(shape, shape.argmax(1)), bins, atol=0.02)


@pytest.mark.parametrize("bin_", [0, 2, 357, 359])
def test_a_peak_at_the_end_of_the_bins_is_averaged_over_the_bins_that_exist(bin_):
    shape = torch.zeros(1, 360)
    shape[0, bin_] = 1
    assert salience.around(shape, torch.tensor([bin_])).item() == pytest.approx(bin_, abs=BIN_TOLERANCE)


def test_bins_are_20_cents_apart():
    low, high = salience.bins_to_hz(torch.tensor([0.0, 60.0]))
    assert high / low == pytest.approx(2, rel=1e-6) and low == pytest.approx(31.70, abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_likeliest_path_is_librosas(seed):
    librosa = pytest.importorskip("librosa")
    frames = torch.rand(2, 90, 360, generator=torch.Generator().manual_seed(seed))
    # A glide at the limit of the reach, so that every step's price matters, and a leap across all bins.
    at = torch.arange(90)
    frames[0, at, 100 + (11 * at) % 200] += 8
    frames[1, :45, 50] += 3
    frames[1, 45:, 300] += 3
    likelihood = frames.softmax(2)
    distance = np.abs(np.subtract.outer(np.arange(360), np.arange(360)))
    moves = np.maximum(12.0 - distance, 0)
    moves /= moves.sum(1, keepdims=True)
    expected = np.stack([librosa.sequence.viterbi(part.T, moves) for part in likelihood.numpy()])
    assert np.array_equal(viterbi.likeliest(likelihood).numpy(), expected)


def test_the_path_of_one_frame_is_its_peak():
    assert viterbi.likeliest(torch.tensor([[[0.1, 0.7, 0.2]]])).tolist() == [[1]]


@pytest.mark.parametrize("frames, longest, context", [(0, 10, 2), (1, 10, 2), (10, 10, 2), (25, 10, 4), (25, None, 4)])
def test_blocks_tile_the_frames_and_bring_their_context(frames, longest, context):
    found = list(blocks(frames, longest, context))
    assert [frame for b in found for frame in range(b.start, b.stop)] == list(range(frames))
    for b in found:
        assert b.first == max(0, b.start - context) and b.last == min(frames, b.stop + context)
        assert list(range(b.first, b.last))[b.kept] == list(range(b.start, b.stop))


def test_the_grid_keeps_the_border_between_voice_and_rest():
    times_s = np.array([0.0, 0.016, 0.032, 0.048])
    f0 = onto_grid(times_s, np.array([0.0, 100.0, 116.0, 0.0]), 5)
    assert f0.tolist() == pytest.approx([0, 100, 104, 114, 116])


def test_the_grid_of_nothing_is_unvoiced():
    assert not onto_grid(np.zeros(0), np.zeros(0), 3).any()
    assert onto_grid(np.array([0.0]), np.array([200.0]), 3).tolist() == [200, 0, 0]


def assert_alike(found, whole):
    assert torch.equal(found > 0, whole > 0)
    assert tiny.cents(found, whole).abs().max() <= BLOCK_TOLERANCE_CENTS


def test_fcpe_hears_the_same_in_blocks_as_in_one(tmp_path):
    path = tiny.write_fcpe(tmp_path / "fcpe.pt")
    estimator, wav = pitch.load("fcpe", CPU, path), tiny.melody(4.0).wav
    whole = fcpe.Fcpe(estimator.network, CPU, block_frames=None)(wav)
    for block_frames in (50, 133, 400):
        assert_alike(fcpe.Fcpe(estimator.network, CPU, block_frames=block_frames)(wav), whole)


def test_crepe_hears_the_same_in_stretches_as_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr(crepe, "STRETCH_FRAMES", 50)
    estimator, wav = pitch.load("crepe-tiny", CPU, tiny.write_crepe(tmp_path / "tiny.pth")), tiny.melody(1.7).wav
    whole = estimator(wav)
    monkeypatch.setattr(crepe, "STRETCHES", 1)
    monkeypatch.setattr(crepe, "NETWORK_FRAMES", 77)
    assert_alike(estimator(wav), whole)


def test_rmvpe_hears_the_same_in_blocks_as_in_one(tmp_path):
    path = tiny.write_rmvpe(tmp_path / "rmvpe.pt", tiny.RMVPE_TINY)
    network = rmvpe.RmvpeNetwork(rmvpe.Sizes(**tiny.RMVPE_TINY))
    fit(network, read_weights(path), path)
    wav = tiny.melody(9.0).wav
    whole = rmvpe.Rmvpe(network, CPU, max_block_s=None)(wav)
    assert_alike(rmvpe.Rmvpe(network, CPU, max_block_s=2.56)(wav), whole)


def test_a_path_starts_anew_every_512_frames():
    """A leap of 60 bins takes six frames within a stretch, none at its border."""
    notes = torch.full((1024 + 100,), 100)
    notes[512:] = 160
    notes[800:] = 100
    path = crepe.decode(torch.nn.functional.one_hot(notes, 360).float() * 0.9)
    assert path[511] == 100 and path[512] == 160
    assert path[795:805].diff().abs().max() <= viterbi.REACH_BINS


class HearsANote(torch.nn.Module):
    """A network that is sure of bin 200 whatever it is given."""

    def forward(self, windows):
        return torch.nn.functional.one_hot(torch.full((len(windows),), 200), 360).float()


def test_crepe_hears_nothing_in_digital_silence_unless_it_is_strict():
    wav = torch.cat((tiny.melody(0.5, rest_s=0.0).wav, torch.zeros(8000)))
    silent = slice(60, None)
    assert not crepe.Crepe(HearsANote(), CPU)(wav)[silent].any()
    assert crepe.Crepe(HearsANote(), CPU)(wav)[:40].all()
    assert crepe.Crepe(HearsANote(), CPU, strict=True)(wav)[silent].all()


def test_crepe_is_finer_than_its_bins_and_never_random():
    if pitch.needs_download("crepe-tiny"):
        pytest.skip("no weights of crepe-tiny here")
    estimator = pitch.load("crepe-tiny", CPU)
    sung = tiny.melody(3.2, rest_s=0.0)
    error = tiny.cents(estimator(sung.wav), sung.f0).abs()
    estimator.strict = True
    assert error.mean() < tiny.cents(estimator(sung.wav), sung.f0).abs().mean()


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        ([], []),
        ([0.05, 0.2, 0.6, 0.2, 0.05], [0, 1, 1, 1, 0]),
        ([0.2, 0.05, 0.9], [0, 0, 1]),
        ([0.3, 0.4, 0.3], [0, 0, 0]),
        ([0.9, 0.05, 0.1, 0.5], [1, 0, 1, 1]),
    ],
)
def test_a_voice_is_where_swift_is_sure_and_reaches_as_far_as_it_is_not_unsure(confidence, expected):
    assert swift.voiced(np.array(confidence, dtype=float)).astype(int).tolist() == expected


@pytest.mark.parametrize("samples", [300, 16_000, 122_880 + 255, 240_037])
def test_swift_in_blocks_is_swift_at_once(samples, monkeypatch):
    wav = torch.from_numpy(voice_like(samples / 16_000, 16_000))
    detector = swift.Swift()
    blocked = detector(wav)
    monkeypatch.setattr(swift, "LONGEST_FRAMES", 1 << 20)
    assert torch.equal(blocked, detector(wav))
    monkeypatch.setattr(swift, "LONGEST_FRAMES", 24)
    assert torch.equal(blocked, detector(wav))
