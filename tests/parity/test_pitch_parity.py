"""Pitch estimators against those that people use today, at their inner seams; see record_pitch.py.

Each stage is fed what the reference fed to that stage, so that an early difference neither hides nor blames a later
one.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import pitch as tiny

from ultimate_rvc.rvc.pitch import contour, crepe, fcpe, rmvpe
from ultimate_rvc.rvc.pitch.files import places
from ultimate_rvc.rvc.stored_weights import fit

GOLDEN = Path(__file__).parent / "golden"
CPU = torch.device("cpu")
SHORT_S, LONG_S = 0.45, 6.0

# Natural logarithms of amplitudes; float32 transforms in another order. Quiet bands amplify it most.
MEL_TOLERANCE_NEPER = 2e-3
MEL_MEAN_TOLERANCE_NEPER = 1e-5
# Saliences lie in 0..1; two float32 orders of the same sums.
SALIENCE_TOLERANCE = 2e-5
# A hundredth of what an ear can tell from the same note (5 cents).
PITCH_TOLERANCE_CENTS = 0.05


def golden(name: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"pitch_{name}.npz") as held:
        return {key: torch.from_numpy(held[key]) if held[key].ndim else str(held[key]) for key in held}


def assert_same_melody(found: torch.Tensor, reference: torch.Tensor) -> None:
    """The same frames voiced, and the same pitch in them; the reference has one frame more."""
    reference = reference[: len(found)]
    assert torch.equal(found > 0, reference > 0)
    assert tiny.cents(found, reference).abs().max() <= PITCH_TOLERANCE_CENTS


def packaged(method: str) -> Path:
    """The method's weights inside a package that may be installed."""
    found = [path for path in places(method)[1:] if path.is_file()]
    if not found:
        pytest.skip(f"the package that carries the weights of {method} is not installed")
    return found[0]


RMVPE_SIZES = {"tiny": rmvpe.Sizes(**tiny.RMVPE_TINY), "full": rmvpe.Sizes()}


@pytest.fixture(scope="module", params=RMVPE_SIZES)
def rmvpe_pair(request):
    """Our RMVPE with made-up weights, and what the reference gave with the same."""
    with torch.device("meta"):
        network = rmvpe.RmvpeNetwork(RMVPE_SIZES[request.param])
    weights = tiny.made_up_weights(tiny.shapes_of(network))
    return rmvpe.Rmvpe(fit(network, weights, Path("made up")), CPU), golden(f"rmvpe_{request.param}")


@pytest.mark.parametrize("size", RMVPE_SIZES)
def test_rmvpe_names_every_weight_as_the_file_does(size):
    with torch.device("meta"):
        shapes = tiny.shapes_of(rmvpe.RmvpeNetwork(RMVPE_SIZES[size]))
    assert {f"{key} {shape}" for key, shape in shapes.items()} == set(golden(f"rmvpe_{size}")["keys"].split("\n"))


def test_rmvpe_hears_the_same_mel(rmvpe_pair):
    ours, reference = rmvpe_pair
    error = (ours.mel(rmvpe.centred(tiny.melody(SHORT_S).wav)) - reference["mel"]).abs()
    assert error.max() <= MEL_TOLERANCE_NEPER and error.mean() <= MEL_MEAN_TOLERANCE_NEPER


@torch.no_grad()
def test_rmvpe_gives_the_same_salience(rmvpe_pair):
    ours, reference = rmvpe_pair
    salience = ours.salience(reference["mel"])[: len(reference["salience"])]
    assert (salience - reference["salience"]).abs().max() <= SALIENCE_TOLERANCE


def test_rmvpe_decodes_the_same_melody(rmvpe_pair):
    _, reference = rmvpe_pair
    assert_same_melody(rmvpe.decode(reference["salience"]), reference["f0"])


def test_rmvpe_finds_the_same_melody_from_the_waveform(rmvpe_pair):
    ours, reference = rmvpe_pair
    assert_same_melody(ours(tiny.melody(SHORT_S).wav), reference["f0"])


CREPES = {"made_up": ("tiny", LONG_S), "tiny": ("tiny", LONG_S), "full": ("full", SHORT_S)}


@pytest.fixture(scope="module", params=CREPES)
def crepe_pair(request, tmp_path_factory):
    """Our CREPE without the reference's noise, what the reference gave, and the seconds that it heard."""
    size, seconds = CREPES[request.param]
    if request.param == "made_up":
        path = tiny.write_crepe(tmp_path_factory.mktemp("crepe") / "tiny.pth")
    else:
        path = packaged({"tiny": "crepe-tiny", "full": "crepe"}[size])
    return crepe.Crepe.load(path, CPU, size=size, strict=True), golden(f"crepe_{request.param}"), seconds


@torch.no_grad()
def test_crepe_gives_the_same_salience(crepe_pair):
    ours, reference, seconds = crepe_pair
    padded = torch.nn.functional.pad(tiny.melody(seconds).wav, (512, 512))
    frames = crepe.normalised(padded.unfold(0, 1024, 160)[: len(reference["salience"])])
    assert (ours.network(frames) - reference["salience"]).abs().max() <= SALIENCE_TOLERANCE


def test_crepe_finds_the_same_melody_from_the_waveform(crepe_pair):
    ours, reference, seconds = crepe_pair
    assert_same_melody(ours(tiny.melody(seconds).wav), reference["f0"])


FCPES = {"made_up": SHORT_S, "packaged": LONG_S}


@pytest.fixture(scope="module", params=FCPES)
def fcpe_pair(request, tmp_path_factory):
    """Our FCPE, what the reference gave, and the seconds that it heard."""
    if request.param == "made_up":
        path = tiny.write_fcpe(tmp_path_factory.mktemp("fcpe") / "fcpe.pt")
    else:
        path = packaged("fcpe")
    name = "fcpe_made_up" if request.param == "made_up" else "fcpe"
    return fcpe.Fcpe.load(path, CPU), golden(name), FCPES[request.param]


def test_fcpe_hears_the_same_mel(fcpe_pair):
    ours, reference, seconds = fcpe_pair
    mel = ours.mel(fcpe.mirrored(tiny.melody(seconds).wav)).T[: len(reference["mel"])]
    error = (mel - reference["mel"]).abs()
    assert error.max() <= MEL_TOLERANCE_NEPER and error.mean() <= MEL_MEAN_TOLERANCE_NEPER


@torch.no_grad()
def test_fcpe_gives_the_same_salience(fcpe_pair):
    ours, reference, seconds = fcpe_pair
    mel = torch.nn.functional.pad(ours.mel(fcpe.mirrored(tiny.melody(seconds).wav))[None], (0, 1), mode="replicate")
    moments = fcpe.Moments.of(ours.network.input_stack[0](mel))
    salience = ours.network(mel, moments)[: len(reference["salience"])]
    assert (salience - reference["salience"]).abs().max() <= SALIENCE_TOLERANCE


def test_fcpe_finds_the_same_melody_from_the_waveform(fcpe_pair):
    ours, reference, seconds = fcpe_pair
    found, expected = ours(tiny.melody(seconds).wav), reference["f0"][:-1]
    # The outermost four bins of either end are far outside 50..1100 Hz; the reference counts the last one repeatedly.
    inside = (expected == 0) | ((expected > 35) & (expected < 1850))
    assert_same_melody(found[inside], expected[inside])


CONTOURS = {
    "plain": lambda f0: f0,
    "shifted": lambda f0: contour.shift(f0, -5),
    "tuned": lambda f0: contour.upstream_autotune(f0, 1.0),
    "half_tuned": lambda f0: contour.upstream_autotune(f0, 0.5),
    "proposed_male": lambda f0: contour.shift(f0, contour.proposed_shift(f0, 155.0)),
    "proposed_female": lambda f0: contour.shift(f0, 2 + contour.proposed_shift(f0, 255.0)),
    "proposed_far": lambda f0: contour.shift(f0, contour.proposed_shift(f0, 1200.0)),
}


@pytest.mark.parametrize("name", CONTOURS)
def test_a_contour_is_changed_and_quantised_as_the_reference_does(name):
    held = golden("contours")
    changed = CONTOURS[name](held["f0"])
    assert_same_melody(changed, held[f"{name}_f0"])
    assert torch.equal(contour.quantise(held[f"{name}_f0"]), held[f"{name}_coarse"].long())
    assert torch.equal(contour.quantise(changed), held[f"{name}_coarse"].long())
