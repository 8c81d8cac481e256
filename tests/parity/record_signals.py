"""Records the pieces of signal work around the networks, for `test_signals_parity.py`.

    python tests/parity/record_signals.py --upstream CHECKOUT/src --commit SHA --clip LJ050-0131.wav

Runs the filter, the cuts, the loudness matching and the retrieval of the pipeline that people use today on 2.5 s of
the clip (LJSpeech, public domain) and on a small index. Only numbers are written: golden/signals_*.npz.
"""

import argparse
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

import faiss  # noqa: E402
import librosa  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny.golden import store  # noqa: E402
from tiny.indexes import clustered  # noqa: E402
from tiny.lines import LineConfig  # noqa: E402
from tiny.signals import ENVELOPE_RATES, long_signal, other_voice  # noqa: E402

SEED = 4
CLIP_SAMPLES = 40_000
SPARSE = 23


def load_project(root: str) -> types.ModuleType:
    """The pipeline's module; its pitch estimators are not needed."""
    sys.path.insert(0, root)
    estimators = types.ModuleType("ultimate_rvc.rvc.lib.predictors.f0")
    estimators.CREPE = estimators.FCPE = estimators.RMVPE = None
    own = [name for name in sys.modules if name.split(".")[0] == "ultimate_rvc"]
    for name in own:
        del sys.modules[name]
    sys.modules[estimators.__name__] = estimators
    import ultimate_rvc.rvc.infer.pipeline as module

    assert str(Path(root).resolve()) in str(Path(module.__file__).resolve()), module.__file__
    return module


def record_highpass(module: types.ModuleType, clip: np.ndarray) -> dict[str, np.ndarray]:
    out = module.signal.filtfilt(module.bh, module.ah, clip)
    return {"first": out[:300], "sparse": out[::SPARSE], "last": out[-300:]}


def record_spans(module: types.ModuleType, clip: np.ndarray) -> dict[str, np.ndarray]:
    """The slices that the project would convert: lengths in samples, and in frames of pitch."""
    seen = []

    class Listening(module.Pipeline):
        def get_f0(self, x, p_len, *_, **__):
            return np.ones(p_len, int), np.ones(p_len)

        def voice_conversion(self, model, net_g, sid, audio0, pitch, pitchf, *_, **__):
            seen.append((len(audio0), pitch.shape[1], audio0[0], audio0[-1]))
            return np.ones(self.tgt_sr * 4, np.float32)

    pipeline = Listening(40_000, LineConfig())
    pipeline.pipeline(None, None, 0, long_signal(clip), 0, "rmvpe", "", 0, True, 1, "v2", 0.5, False, 1.0, False, 155.0)
    lengths, frames, first, last = map(np.array, zip(*seen, strict=True))
    return {"lengths": lengths, "frames": frames, "first": first, "last": last}


def record_envelope(module: types.ModuleType, clip: np.ndarray) -> dict[str, np.ndarray]:
    target, target_hz = other_voice(clip)
    change = module.AudioProcessor.change_rms
    return {f"rate_{rate}": change(clip, 16_000, target, target_hz, rate)[::SPARSE] for rate in ENVELOPE_RATES}


def record_retrieval(module: types.ModuleType) -> dict[str, np.ndarray]:
    """An index made as training makes it; its bytes are kept, as k-means may change from version to version."""
    vectors, queries = clustered(400, 24, seed=SEED), clustered(40, 24, seed=SEED + 1)
    index = faiss.index_factory(24, "IVF10,Flat")
    index.train(vectors)
    index.add(vectors)
    stored = index.reconstruct_n(0, index.ntotal)
    scores, ids = index.search(queries, k=8)
    pipeline = module.Pipeline(40_000, LineConfig())
    features = torch.from_numpy(queries)[None]
    mixed = {
        f"mixed_{rate}": pipeline._retrieve_speaker_embeddings(features, index, stored, rate)[0].numpy()
        for rate in (0.3, 1.0)
    }
    return {"index": faiss.serialize_index(index), "queries": queries, "scores": scores, "ids": ids} | mixed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, help="the checkout's src folder")
    parser.add_argument("--commit", required=True, help="what is checked out there")
    parser.add_argument("--clip", required=True, help="a recording of at least 3.5 s that may be passed on")
    given = parser.parse_args()
    module = load_project(given.upstream)
    samples, _ = librosa.load(given.clip, sr=16_000, mono=True, offset=1.0)
    samples = np.round(samples[:CLIP_SAMPLES] * 32_767).astype(np.int16)
    clip = samples / 32_768
    write("clip", {"samples": samples}, given, "nothing: 2.5 s of the input at 16 kHz (LJSpeech, public domain)")
    write("highpass", record_highpass(module, clip), given, "signal.filtfilt(bh, ah, clip)")
    write("spans", record_spans(module, clip), given, "Pipeline.pipeline, its slices")
    write("envelope", record_envelope(module, clip), given, "AudioProcessor.change_rms")
    write("retrieval", record_retrieval(module), given, "Pipeline._retrieve_speaker_embeddings")


def write(name: str, arrays: dict[str, np.ndarray], given: argparse.Namespace, ran: str) -> None:
    store(
        f"signals_{name}",
        arrays,
        versions=("faiss-cpu", "librosa"),
        project="Ultimate RVC 0.6.0",
        commit=given.commit,
        ran=f"{ran}; tests/parity/record_signals.py",
        input=Path(given.clip).name,
        seed=SEED,
    )


if __name__ == "__main__":
    main()
