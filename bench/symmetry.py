"""Symmetry against torch and opt_einsum: ``cargo xtask bench symmetry``."""

import numpy as np
import opt_einsum
import torch

import symmetry_graphs
from harness import Bench, arguments

torch.set_num_threads(1)


def main():
    bench = Bench("symmetry", arguments())
    symmetry_graphs.cases(bench, np, opt_einsum, torch)
    bench.close()


if __name__ == "__main__":
    main()
