"""RMVPE's U-net in tiles of time, with its norms folded, hears what the whole network hears."""

import pytest
import torch
from tiny import pitch as tiny
from tiny.lines import LineConfig

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.pitch import rmvpe, tiles
from ultimate_rvc.rvc.pitch.folding import folded

CPU = torch.device("cpu")
# Saliences lie in 0..1; float32 in another order.
TILE_TOLERANCE = 5e-6


def network():
    made = rmvpe.RmvpeNetwork(rmvpe.Sizes(**tiny.RMVPE_TINY)).eval().requires_grad_(False)
    made.load_state_dict(tiny.made_up_weights(tiny.shapes_of(made)))
    return made


def noise(frames):
    return torch.randn(128, frames, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 13, 64, 1000])
def test_rmvpe_hears_the_same_in_tiles_as_in_one(frames, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_FRAMES", frames)
    found, whole = (rmvpe.Rmvpe(network(), CPU, fast=fast).salience(noise(250)) for fast in (True, False))
    assert (found - whole).abs().max() <= TILE_TOLERANCE


@torch.no_grad()
def test_no_row_sees_more_than_a_tile_and_its_context(monkeypatch):
    monkeypatch.setattr(tiles, "TILE_FRAMES", 32)
    seen, row = [], tiles.whole
    monkeypatch.setattr(tiles, "whole", lambda *given: seen.append(given[1].shape[2]) or row(*given))
    rmvpe.Rmvpe(network(), CPU).salience(noise(640))
    assert len(seen) > 40 and max(seen) == 32 + 2 * 2  # a row of one residual block: two convolutions


@torch.no_grad()
def test_a_folded_norm_changes_nothing():
    plain, mel = network(), noise(64)[None]
    before = plain(mel)
    changed = folded(plain)
    assert (changed(mel) - before).abs().max() <= TILE_TOLERANCE
    norms = [name for name, module in changed.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms == ["unet.encoder.bn"]  # which has no convolution before it
    assert torch.equal(plain(mel), before)


@torch.no_grad()
def test_half_precision_weights_are_folded_in_single():
    halved = network().half()
    found = rmvpe.Rmvpe(halved, CPU).salience(noise(64))
    assert (found - rmvpe.Rmvpe(network_of(halved), CPU, fast=False).salience(noise(64))).abs().max() <= TILE_TOLERANCE


def network_of(halved):
    """The same numbers, held in single precision."""
    made = network()
    made.load_state_dict({key: value.float() for key, value in halved.state_dict().items()})
    return made


def test_a_line_takes_the_switch_of_the_pitch_network(tmp_path, monkeypatch):
    path = tiny.write_rmvpe(tmp_path / "rmvpe.pt")
    monkeypatch.setattr("ultimate_rvc.rvc.pitch.registry.require", lambda method: path)
    over = {}
    for without in ((), ("pitch",)):
        line = Pipeline(40_000, LineConfig(), OptimizationConfig(without=without))
        over[without] = line._estimator("rmvpe").network.unet.over
    assert over == {(): tiles.in_tiles, ("pitch",): tiles.whole}
