"""The first conversion of a process computes what every later one does."""

import subprocess
import sys

import pytest
import torch
from tiny.modules import TREE

# Products and a convolution first, as they come before the first exp() of a conversion: they start the threads.
SCRIPT = """
import sys, torch
torch.set_num_threads(2)
if "awake" in sys.argv:
    from ultimate_rvc.options import OptimizationConfig
    from ultimate_rvc.rvc.infer.infer import PipelineConfig
    from ultimate_rvc.rvc.infer.pipeline import Pipeline

    Pipeline(40_000, PipelineConfig("cpu", 1, 5, 20, 24), OptimizationConfig(device="cpu"))
square = torch.randn(500, 500)
square @ square
torch.nn.functional.conv1d(torch.randn(1, 192, 900), torch.randn(192, 192, 3))
wave = torch.rand(1, 192, 1800) * 0.9 + 0.05
assert torch.equal(wave.exp(), wave.exp())
"""


@pytest.mark.skipif(torch.backends.mkl.is_available() is False, reason="this torch has no MKL")
def test_the_first_vector_function_is_as_exact_as_the_second() -> None:
    for _ in range(2):
        command = [sys.executable, "-c", SCRIPT, "awake"]
        done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
