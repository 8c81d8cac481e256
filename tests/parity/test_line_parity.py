"""The whole line against arrays recorded from the class that people use today (see golden/MANIFEST.json)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.foreign import shelf_with
from tiny.lines import (
    ENCODER_SEED,
    LINE_CASES,
    NOISE_SEED,
    LineCase,
    LineConfig,
    keep,
    line_f0,
    line_index,
    line_input,
)
from tiny.voices import write_voice

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

GOLDEN = Path(__file__).parent / "golden"
CPU = torch.device("cpu")
# fp32 with the same algorithm: about -80 dB of full scale, far below what is heard beside a voice.
WAVEFORM_MAX = 1e-4
WAVEFORM_SNR_DB = 60.0


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(write_encoder(tmp_path_factory.mktemp("encoder"), ENCODER_SEED), CPU)


def convert(case: LineCase, encoder, folder: Path, *, strict: bool = True, **optimization) -> np.ndarray:
    path = write_voice(
        folder,
        case.name,
        version=case.version,
        pitch=case.pitched,
        vocoder=case.vocoder,
        rate=case.rate_hz,
        speakers=3,
    )
    options = OptimizationConfig(device="cpu", strict_parity=strict, **optimization)
    pipeline = Pipeline(case.rate_hz, LineConfig(), options, shelf=shelf_with(melody, "rmvpe", strict=strict))
    torch.manual_seed(NOISE_SEED)
    return pipeline.pipeline(
        encoder,
        load_synthesizer(path, CPU),
        case.speaker,
        line_input(case),
        case.pitch,
        "rmvpe",
        line_index(case, folder),
        case.index_rate,
        case.pitched,
        case.volume_envelope,
        case.version,
        case.protect,
        case.autotune,
        case.autotune_strength,
        case.proposed_pitch,
        155.0,
    )


def melody(wav: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(line_f0(len(wav) // 160))


def snr_db(reference: np.ndarray, given: np.ndarray) -> float:
    error = np.sum((reference.astype(np.float64) - given) ** 2)
    return float(10 * np.log10(np.sum(reference.astype(np.float64) ** 2) / max(error, 1e-30)))


@pytest.mark.parametrize("case", LINE_CASES, ids=lambda case: case.name)
def test_strict_parity_gives_upstream_samples(case, encoder, tmp_path):
    golden = np.load(GOLDEN / f"line_{case.name}.npz")
    ours = keep(convert(case, encoder, tmp_path))
    assert ours["length"] == golden["length"]
    for part in ("sparse", "first", "last"):
        assert np.abs(ours[part] - golden[part]).max() < WAVEFORM_MAX, part
        assert snr_db(golden[part], ours[part]) > WAVEFORM_SNR_DB, part


@pytest.mark.parametrize("name", ["v2_nsf_index_envelope", "v2_spans_index"])
def test_strict_parity_holds_with_faiss_on_the_host(name, encoder, tmp_path):
    case = next(case for case in LINE_CASES if case.name == name)
    golden = np.load(GOLDEN / f"line_{case.name}.npz")
    ours = keep(convert(case, encoder, tmp_path, use_gpu_retrieval=False))
    assert np.abs(ours["sparse"] - golden["sparse"]).max() < WAVEFORM_MAX


def test_without_strict_parity_the_length_is_exact(encoder, tmp_path):
    case = next(case for case in LINE_CASES if case.name == "v2_spans_index")
    ours = convert(case, encoder, tmp_path, strict=False)
    assert len(ours) == round(case.seconds * case.rate_hz)
    golden = np.load(GOLDEN / f"line_{case.name}.npz")
    assert golden["length"] < len(ours), "upstream loses frames at joins; if not, the case shows nothing"
