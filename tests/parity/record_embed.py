"""Records what Ultimate RVC's own encoder and feature step make of a short sound, for `test_embed_parity.py`.

    python tests/parity/record_embed.py --upstream ULTIMATE_RVC_CHECKOUT --commit ITS_COMMIT

Its `load_embedding` reads the tiny encoder of `tests/tiny`, its `Pipeline.voice_conversion` hands features to a
generator that only listens. Layer 9 behind final_proj, which upstream does not use, comes from the same model with
`output_hidden_states`. Only numbers are written: tests/parity/golden/embed_tiny.npz, and its entry in MANIFEST.json.
"""

import argparse
import sys
import tempfile
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny.encoders import write_encoder  # noqa: E402
from tiny.golden import store  # noqa: E402

SEED = 7
SAMPLES = 4100


class Listener:
    """A generator that keeps the features it is given."""

    def infer(self, feats, lengths, pitch, pitchf, sid):
        self.features = feats[:, ::2]  # upstream doubles each frame
        return (torch.zeros(1, 1, 1),)


class LineConfig:
    """The lengths that upstream's Pipeline reads."""

    x_pad, x_query, x_center, x_max, device = 1, 6, 38, 41, "cpu"


def sound() -> np.ndarray:
    """Noise and a tone at half of full scale, [SAMPLES] float32."""
    noise = np.random.default_rng(SEED).standard_normal(SAMPLES)
    tone = np.sin(2 * np.pi * 220 / 16_000 * np.arange(SAMPLES))
    return (0.1 * noise + 0.4 * tone).astype(np.float32)


def stand_in(name: str, **members) -> None:
    """A module that upstream imports and this recording does not need."""
    sys.modules[name] = types.ModuleType(name)
    for key, value in members.items():
        setattr(sys.modules[name], key, value)


def upstream_feature_step(model, pipeline, wav: np.ndarray, version: str) -> np.ndarray:
    f0 = torch.full((1, len(wav) // 160), 220.0)
    listener, line = Listener(), pipeline.Pipeline(16_000, LineConfig())
    line.voice_conversion(model, listener, torch.zeros(1).long(), wav, f0.long(), f0, None, None, 0.0, version, 0.5)
    return listener.features.numpy()


def record(root: Path) -> dict[str, np.ndarray]:
    sys.path.insert(0, str(root / "src"))
    stand_in("wget")
    stand_in("ultimate_rvc.rvc.lib.predictors.f0", CREPE=None, FCPE=None, RMVPE=None)
    from ultimate_rvc.rvc.lib import utils

    from ultimate_rvc.rvc.infer import pipeline

    wav = sound()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        model = utils.load_embedding("custom", str(write_encoder(Path(folder), SEED)))
        layers = model(torch.from_numpy(wav)[None], output_hidden_states=True)["hidden_states"]
        kept = {f"upstream_{version}": upstream_feature_step(model, pipeline, wav, version) for version in ("v1", "v2")}
        return {"wav": wav, "layer_9_projected": model.final_proj(layers[9]).numpy(), **kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--commit", required=True)
    chosen = parser.parse_args()
    kept = record(chosen.upstream)
    store(
        "embed_tiny",
        kept,
        versions=("torch", "transformers"),
        project="Ultimate RVC 0.6.0",
        commit=chosen.commit,
        ran="load_embedding, Pipeline.voice_conversion; tests/parity/record_embed.py",
        seed=SEED,
        arrays={name: list(array.shape) for name, array in kept.items()},
    )


if __name__ == "__main__":
    main()
