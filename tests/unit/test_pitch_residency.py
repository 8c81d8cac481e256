"""Nothing of a melody leaves the device while it is found or changed, and nothing becomes float64 there."""

import pytest
import torch
from tiny import pitch as tiny
from tiny.residency import OnDevice

from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.pitch import contour, rmvpe
from ultimate_rvc.rvc.stored_weights import fit, read_weights

CPU = torch.device("cpu")


def small_rmvpe(path):
    network = rmvpe.RmvpeNetwork(rmvpe.Sizes(**tiny.RMVPE_TINY))
    return rmvpe.Rmvpe(fit(network, read_weights(path), path), CPU, max_block_s=1.28)


@pytest.mark.parametrize("method", tiny.WRITERS)
def test_an_estimator_stays_on_the_device(method, tmp_path):
    path = tiny.WRITERS[method](tmp_path / "weights")
    estimator = small_rmvpe(path) if method == "rmvpe" else pitch.load(method, CPU, path)
    wav = tiny.melody(1.5).wav
    with OnDevice():
        estimator(wav)


CHANGES = {
    "shift": lambda f0: contour.shift(f0, 3),
    "proposed": lambda f0: contour.shift(f0, contour.proposed_shift(f0, 155.0)),
    "quantise": contour.quantise,
    "median": lambda f0: contour.median_of([f0, f0, f0]),
    "autotune": lambda f0: contour.autotune(f0, 0.7),
    "upstream_autotune": lambda f0: contour.upstream_autotune(f0, 0.7),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_melody_stays_on_the_device(name):
    f0 = tiny.melody(1.5).f0
    before = f0.clone()
    with OnDevice():
        CHANGES[name](f0)
    assert torch.equal(f0, before)
