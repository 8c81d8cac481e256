"""Records the whole line from the class that people use today, for `test_line_parity.py`.

    python tests/parity/record_line.py --upstream ULTIMATE_RVC_CHECKOUT/src COMMIT --applio APPLIO_CHECKOUT COMMIT

Runs each project's own Pipeline and Synthesizer on the tiny voices of `tests/tiny`; pitch estimators are replaced by
a made-up melody, so that nothing has to be downloaded. Voices without pitch are recorded from Applio, because
Ultimate RVC 0.6 cannot convert with them. Only numbers are written: tests/parity/golden/line_*.npz.
"""

import argparse
import subprocess
import sys
import tempfile
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny.encoders import write_encoder  # noqa: E402
from tiny.golden import store  # noqa: E402
from tiny.lines import (  # noqa: E402
    ENCODER_SEED,
    INDEX_SEED,
    LINE_CASES,
    NOISE_SEED,
    LineConfig,
    keep,
    line_f0,
    line_index,
    line_input,
)
from tiny.voices import tiny_checkpoint  # noqa: E402

PROJECTS = {
    "upstream": ("ultimate_rvc.rvc.infer.pipeline", "ultimate_rvc.rvc.lib.algorithm.synthesizers"),
    "applio": ("rvc.infer.pipeline", "rvc.lib.algorithm.synthesizers"),
}
NAMES = {"upstream": "Ultimate RVC 0.6.0", "applio": "Applio 3.6"}


class MadeUpMelody:
    """Stands in for every estimator."""

    def __init__(self, *_, **__):
        pass

    def get_f0(self, x, *_, **__):
        return line_f0(len(x) // 160 + 1).astype(np.float64)


def stand_in(name: str, **members) -> None:
    """A module that the recorded project imports and these cases do not need."""
    sys.modules[name] = types.ModuleType(name)
    for key, value in members.items():
        setattr(sys.modules[name], key, value)


def prepare(root: str) -> None:
    sys.path.insert(0, root)
    for base in ("ultimate_rvc.rvc", "rvc"):
        stand_in(f"{base}.lib.predictors.f0", CREPE=MadeUpMelody, FCPE=MadeUpMelody, RMVPE=MadeUpMelody)
    stand_in("torchcrepe")


def synthesizer(case, module):
    cpt = tiny_checkpoint(case.version, case.pitched, case.vocoder, case.rate_hz, speakers=3)
    config = list(cpt["config"])
    config[-3] = cpt["weight"]["emb_g.weight"].shape[0]
    width = 768 if case.version == "v2" else 256
    net = module.Synthesizer(*config, use_f0=case.pitched, text_enc_hidden_dim=width, vocoder=case.vocoder)
    del net.enc_q
    net.load_state_dict(cpt["weight"], strict=True)
    return net.float().eval()


def encoder(folder: Path):
    from transformers import HubertModel

    class WithProjection(HubertModel):
        def __init__(self, config):
            super().__init__(config)
            self.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)

    return WithProjection.from_pretrained(write_encoder(folder / "encoder", ENCODER_SEED)).eval()


def record(project: str, commit: str) -> None:
    import importlib

    pipeline, synthesizers = (importlib.import_module(name) for name in PROJECTS[project])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hubert = encoder(folder)
        for case in LINE_CASES:
            if case.pitched != (project == "upstream"):
                continue
            index = line_index(case, folder)
            net = synthesizer(case, synthesizers)
            torch.manual_seed(NOISE_SEED)
            wave = pipeline.Pipeline(case.rate_hz, LineConfig()).pipeline(
                hubert, net, case.speaker, line_input(case), case.pitch, "rmvpe", index, case.index_rate,
                case.pitched, case.volume_envelope, case.version, case.protect, case.autotune,
                case.autotune_strength, case.proposed_pitch, 155.0,
            )  # fmt: skip
            store(
                f"line_{case.name}",
                keep(wave),
                versions=("torch", "transformers", "faiss-cpu", "librosa"),
                project=NAMES[project],
                commit=commit,
                ran="Pipeline.pipeline with its own Synthesizer, made-up melody; tests/parity/record_line.py",
                seed={"noise": NOISE_SEED, "encoder": ENCODER_SEED, "index": INDEX_SEED},
            )
            print(case.name, len(wave), float(np.abs(wave).max()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for project in PROJECTS:
        parser.add_argument(f"--{project}", nargs=2, metavar=("FOLDER", "COMMIT"))
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        project, root, commit = chosen.only
        prepare(root)
        record(project, commit)
        return
    for project in PROJECTS:  # each in a process of its own, because both call a package `rvc`
        if given := getattr(chosen, project):
            subprocess.run([sys.executable, __file__, "--only", project, *given], check=True)


if __name__ == "__main__":
    main()
