"""The likeliest path through a salience over pitch bins, when a voice moves at most 11 bins (220 cents) in 10 ms.

Kim et al., CREPE (ICASSP 2018). The path is that of a first-order Markov chain with triangular transitions, as
librosa.sequence.viterbi finds it, but on the device and for many stretches side by side.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

REACH_BINS = 11
# librosa adds the smallest normal float32 to every probability before it takes logarithms, so that a leap beyond the
# reach costs 87 nepers instead of being impossible.
TINY = torch.finfo(torch.float32).tiny


def likeliest(likelihood: Tensor) -> Tensor:
    """likelihood [B, N, P], each frame summing to 1 → bins [B, N] int64. Stretches are independent."""
    observed = (likelihood + TINY).log()
    steps = _log_steps(likelihood.shape[2], likelihood.device)  # [P, 23]
    score = observed[:, 0]
    sources = []
    for frame in observed.unbind(1)[1:]:
        best, source = _best_sources(score, steps)
        sources.append(source)
        score = best + frame
        # Only differences count; near zero float32 tells close paths apart as float64 does.
        score = score - score.max(1, keepdim=True).values
    return _walk_back(score.argmax(1, keepdim=True), sources)


def _best_sources(score: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """score [B, P] → the best score of arriving in each bin, and where from, both [B, P]."""
    near = F.pad(score, (REACH_BINS, REACH_BINS), value=-torch.inf).unfold(1, steps.shape[1], 1) + steps  # [B, P, 23]
    best, step = near.max(2)
    source = step + torch.arange(score.shape[1], device=score.device) - REACH_BINS
    leap, origin = score.max(1, keepdim=True)
    leap = leap + math.log(TINY)
    return torch.maximum(best, leap), torch.where(leap > best, origin, source)


def _walk_back(state: Tensor, sources: list[Tensor]) -> Tensor:
    path = [state]  # [B, 1] each
    for source in reversed(sources):
        path.append(source.gather(1, path[-1]))
    return torch.cat(path[::-1], dim=1)


def _log_steps(bins: int, device: torch.device) -> Tensor:
    """[P, 23]: log probability of stepping into bin p from bin p - 11 + k; -inf from outside the bins."""
    here = torch.arange(bins, device=device)
    origin = here[:, None] + torch.arange(-REACH_BINS, REACH_BINS + 1, device=device)  # [P, 23]
    weight = (REACH_BINS + 1 - (origin - here[:, None]).abs()).float()
    reach = (REACH_BINS + 1 - (here[:, None] - here).abs()).clamp(min=0).sum(1).float()  # [P], of the origin's row
    inside = (origin >= 0) & (origin < bins)
    return torch.where(inside, (weight / reach[origin.clamp(0, bins - 1)]).log(), -torch.inf)
