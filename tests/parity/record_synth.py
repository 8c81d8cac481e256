"""Records a synthesizer that people use today, for `test_synth_parity.py`.

    python tests/parity/record_synth.py --upstream ULTIMATE_RVC_CHECKOUT/src --commit SHA

Runs its Synthesizer on the tiny voices of `tests/tiny` with a seed for torch's global generator. The environment needs
what that project imports: torch, and torchaudio for RefineGAN. Only numbers are written: golden/synth_*.npz.
"""

import argparse
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny.golden import store  # noqa: E402
from tiny.scores import made_up_score  # noqa: E402
from tiny.singers import NOISE_SEED, SINGERS, Singer  # noqa: E402
from tiny.voices import tiny_checkpoint  # noqa: E402


def upstream_voice(singer: Singer) -> torch.nn.Module:
    module = importlib.import_module("ultimate_rvc.rvc.lib.algorithm.synthesizers")
    checkpoint = tiny_checkpoint(**singer.voice, weight_norm_layout="parametrizations")
    made_for = {"use_f0": singer.pitch, "text_enc_hidden_dim": singer.width, "vocoder": singer.vocoder}
    net = module.Synthesizer(*checkpoint["config"], **made_for)
    del net.enc_q
    net.load_state_dict(checkpoint["weight"], strict=True)
    return net.float().eval()


def listen(net: torch.nn.Module, heard: dict[str, np.ndarray]) -> None:
    """Writes the excitation down when the source makes it, always as [B, 1, T]."""

    def hook(_module, _inputs, out) -> None:
        excitation = out[0] if isinstance(out, tuple) else out
        heard["excitation"] = excitation.transpose(1, 2).numpy()

    if hasattr(net.dec, "m_source"):
        net.dec.m_source.register_forward_hook(hook)


@torch.no_grad()
def record(singer: Singer) -> dict[str, np.ndarray]:
    net, heard = upstream_voice(singer), {}
    listen(net, heard)
    score = made_up_score(singer.width, singer.frames, batch=singer.batch, speakers=singer.speakers)
    torch.manual_seed(NOISE_SEED)
    wav, mask, inner = net.infer(*score.inferred)
    named = zip(("z", "z_p", "mean", "log_deviation"), inner, strict=True)
    return heard | {"wav": wav.numpy(), "mask": mask.numpy()} | {name: value.numpy() for name, value in named}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, help="the checkout's src folder")
    parser.add_argument("--commit", required=True, help="what is checked out there")
    given = parser.parse_args()
    sys.path.insert(0, given.upstream)
    for singer in SINGERS:
        store(
            f"synth_{singer.name}",
            record(singer),
            project="Ultimate RVC 0.6.0",
            commit=given.commit,
            ran="ultimate_rvc.rvc.lib.algorithm.synthesizers.Synthesizer.infer; tests/parity/record_synth.py",
            seed=NOISE_SEED,
            voice=singer.voice,
            frames=singer.frames,
            batch=singer.batch,
            torchaudio=f"{sys.modules['torchaudio'].__version__}, its functional.resample alone (pure Python)",
        )


if __name__ == "__main__":
    main()
