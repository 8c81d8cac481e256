"""How well separators take a voice out of a synthesised band: SDR and SI-SDR against the true stems, and a picture.

PYTHONPATH=.:tests python benchmarks/separation.py VOCALS... [--separators classical,mdx] [--picture FILE.png]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tiny.bands import Song, scale_free_sdr_db, sdr_db, song

from ultimate_rvc.audio.file import load
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.separators.steps import steps_for
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.options import SeparationOptions

WINDOW = 2_048
SHOWN_HZ, FLOOR_DB = 6_000, -70.0


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vocals", type=Path, nargs="+")
    parser.add_argument("--separators", default="classical")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    print("| vocals | layout | method | SDR, dB | SI-SDR, dB |\n|---|---|---|---|---|")
    for path in given.vocals:
        voice = load(path).mono()
        for channels in (1, 2):
            mixed = song(voice.samples[0], voice.rate, channels=channels)
            for name, found in methods(mixed, given.separators.split(",")):
                figures = f"{sdr_db(mixed.vocals, found):.1f} | {scale_free_sdr_db(mixed.vocals, found):.1f}"
                print(f"| {path.stem} | {('mono', 'stereo')[channels - 1]} | {name} | {figures} |")
    if given.picture:
        draw(mixed, found, given.picture)


def methods(mixed: Song, separators: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Vocals [C, N] by everything that is compared, the worst and the best that masks can do among them."""
    yield "the mix itself", mixed.mix
    yield "the best mask there is", _ideal(mixed)
    yield "REPET-SIM (librosa's example)", _repetition(mixed)
    for name in separators:
        options = SeparationOptions(separator=name, split_backup=False, dereverb=False)
        (step,) = steps_for(options)
        yield name, step.separator.separate(Audio(mixed.mix, mixed.rate))[StemName.VOCALS].samples


def _ideal(mixed: Song) -> np.ndarray:
    vocals, band = (np.abs(_spectra(stem)) ** 2 for stem in (mixed.vocals, mixed.band))
    return _masked(mixed, vocals / np.maximum(vocals + band, 1e-20))


def _repetition(mixed: Song) -> np.ndarray:
    """What does not come again: the median of each frame's nearest neighbours is taken for the music."""
    import librosa

    masks = []
    for magnitude in np.abs(_spectra(mixed.mix)):
        width = int(librosa.time_to_frames(2, sr=mixed.rate, hop_length=WINDOW // 4))
        width = min(width, magnitude.shape[1] // 3)
        music = librosa.decompose.nn_filter(magnitude, aggregate=np.median, metric="cosine", width=width)
        music = np.minimum(magnitude, music)
        masks.append(librosa.util.softmask(magnitude - music, 10 * music, power=2))
    return _masked(mixed, np.stack(masks))


def _spectra(samples: np.ndarray) -> np.ndarray:
    import librosa

    return librosa.stft(samples, n_fft=WINDOW, hop_length=WINDOW // 4)


def _masked(mixed: Song, masks: np.ndarray) -> np.ndarray:
    import librosa

    masked = _spectra(mixed.mix) * masks
    return librosa.istft(masked, n_fft=WINDOW, hop_length=WINDOW // 4, length=mixed.mix.shape[1])


def draw(mixed: Song, found: np.ndarray, path: Path) -> None:
    """Three spectrograms, one above the other: the mix, the true vocals, the vocals that were found."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(3, 1, figsize=(11, 8), sharex=True, layout="constrained")
    tracks = {"mix": mixed.mix, "true vocals": mixed.vocals, "separated vocals": found}
    for axes, (name, samples) in zip(rows, tracks.items(), strict=True):
        level = 20 * np.log10(np.abs(_spectra(samples.mean(axis=0))) + 1e-9)
        extent = (0, samples.shape[1] / mixed.rate, 0, mixed.rate / 2)
        axes.imshow(level - level.max(), origin="lower", aspect="auto", extent=extent, vmin=FLOOR_DB, cmap="magma")
        axes.set(ylim=(0, SHOWN_HZ), ylabel="Hz", title=name)
    rows[-1].set_xlabel("s")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
