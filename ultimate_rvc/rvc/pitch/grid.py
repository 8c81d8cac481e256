"""A contour sampled at any times, put on the grid of 100 frames per second without blurring where the voice begins.

Computed on the host: its users are an estimator that runs there and a file that is read there.
"""

import numpy as np

from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND


def onto_grid(times_s: np.ndarray, f0: np.ndarray, frames: int) -> np.ndarray:
    """times_s [N] ascending and f0 [N] in Hz, 0 = unvoiced → f0 [frames], linear in Hz between voiced neighbours.

    A frame between a voiced and an unvoiced sample takes the nearer one as it is. Outside the samples it is unvoiced.
    """
    if not len(times_s):
        return np.zeros(frames)
    grid_s = np.arange(frames) / FRAMES_PER_SECOND
    after = np.searchsorted(times_s, grid_s).clip(1, max(len(times_s) - 1, 1))
    before, after = after - 1, after.clip(max=len(times_s) - 1)
    nearer = np.where(grid_s - times_s[before] <= times_s[after] - grid_s + TIE_S, before, after)
    both = (f0[before] > 0) & (f0[after] > 0)
    value = np.where(both, np.interp(grid_s, times_s, f0), f0[nearer])
    return np.where((grid_s >= times_s[0] - ROUNDING_S) & (grid_s <= times_s[-1] + ROUNDING_S), value, 0.0)


# Half-way is the earlier sample, wherever in a song rounding falls.
TIE_S = 1e-6
# Times written with a few decimals must not lose the first or last frame.
ROUNDING_S = 0.5 / FRAMES_PER_SECOND
