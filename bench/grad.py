"""Training steps against PyTorch (CPU), and the cost of derivatives:
``cargo xtask bench grad``.

Both sides make the same weights and data from SplitMix64, train with Adam, and
take turns; losses must agree to 1e-5 (in double precision) before a time counts.
"""

import json
import subprocess
import time

import numpy as np
import torch
import torch.nn.functional as F

from harness import ROOT, Bench, arguments

torch.set_num_threads(1)

BATCH, WIDTHS = 128, (256, 512, 512, 10)
SEQUENCES, LENGTH, WIDTH, HEADS, LAYERS, SYMBOLS = 8, 64, 128, 4, 3, 96
RATE, EPSILON = 1e-3, 1e-5
AGREEMENT = 1e-5
STEPS = 20


def splitmix(seed, count):
    """The first ``count`` outputs of SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def filled(seed, shape, scale, shift=0.0):
    bits = splitmix(seed, int(np.prod(shape))) >> np.uint64(11)
    return ((bits.astype(np.float64) * 2.0**-53 - 0.5) * scale + shift).reshape(shape)


def drawn(seed, count, below):
    return torch.from_numpy((splitmix(seed, count) % np.uint64(below)).astype(np.int64))


def matrix(rows, columns):
    return ((rows, columns), (12.0 / rows) ** 0.5, 0.0)


def vector(length, shift=0.0):
    return ((length,), 0.1, shift)


def perceptron_parameters():
    pairs = zip(WIDTHS, WIDTHS[1:])
    return [p for m, n in pairs for p in (matrix(m, n), vector(n))]


def transformer_parameters():
    norm = [vector(WIDTH, 1.0), vector(WIDTH)]
    layer = norm + 4 * [matrix(WIDTH, WIDTH), vector(WIDTH)] + norm
    layer += [matrix(WIDTH, 4 * WIDTH), vector(4 * WIDTH), matrix(4 * WIDTH, WIDTH), vector(WIDTH)]
    start = [((SYMBOLS, WIDTH), 1.0, 0.0), ((LENGTH, WIDTH), 1.0, 0.0)]
    return start + LAYERS * layer + norm + [matrix(WIDTH, SYMBOLS)]


class Training:
    """A model in PyTorch, with matrices as ``torch.nn.Linear`` keeps them."""

    def __init__(self, model, dtype):
        self.model = model
        kind = torch.float64 if dtype == "f64" else torch.float32
        case, shapes, rows, classes = {
            "perceptron": (1000, perceptron_parameters(), BATCH, WIDTHS[-1]),
            "transformer": (2000, transformer_parameters(), SEQUENCES * LENGTH, SYMBOLS),
        }[model]
        self.parameters = []
        for number, (shape, scale, shift) in enumerate(shapes):
            value = filled(case + number, shape, scale, shift)
            if len(shape) == 2 and not (model == "transformer" and number < 2):
                value = np.ascontiguousarray(value.T)
            self.parameters.append(torch.from_numpy(value).to(kind).requires_grad_())
        self.data = torch.from_numpy(filled(case + 998, (BATCH, WIDTHS[0]), 2.0)).to(kind)
        self.symbols = drawn(case + 997, rows, SYMBOLS).reshape(-1, LENGTH) if rows % LENGTH == 0 else None
        self.labels = drawn(case + 999, rows, classes)
        self.optimizer = torch.optim.Adam(self.parameters, lr=RATE, fused=True)

    def perceptron(self):
        x, p = self.data, self.parameters
        for number in range(0, len(p), 2):
            x = F.linear(x, p[number], p[number + 1])
            if number + 2 < len(p):
                x = F.gelu(x, approximate="tanh")
        return F.cross_entropy(x, self.labels)

    def transformer(self):
        p = self.parameters
        x = F.embedding(self.symbols, p[0]) + p[1]
        for number in range(2, 2 + 16 * LAYERS, 16):
            w = p[number : number + 16]
            y = F.layer_norm(x, (WIDTH,), w[0], w[1], EPSILON)
            q, k, v = (
                F.linear(y, w[i], w[i + 1])
                .view(SEQUENCES, LENGTH, HEADS, WIDTH // HEADS)
                .transpose(1, 2)
                for i in (2, 4, 6)
            )
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            mixed = mixed.transpose(1, 2).reshape(SEQUENCES, LENGTH, WIDTH)
            x = x + F.linear(mixed, w[8], w[9])
            y = F.layer_norm(x, (WIDTH,), w[10], w[11], EPSILON)
            hidden = F.gelu(F.linear(y, w[12], w[13]), approximate="tanh")
            x = x + F.linear(hidden, w[14], w[15])
        logits = F.linear(F.layer_norm(x, (WIDTH,), p[-3], p[-2], EPSILON), p[-1])
        return F.cross_entropy(logits.reshape(-1, SYMBOLS), self.labels)

    def steps(self, count):
        losses = []
        start = time.perf_counter()
        for _ in range(count):
            self.optimizer.zero_grad(set_to_none=True)
            loss = getattr(self, self.model)()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return time.perf_counter() - start, losses


class Ours:
    """The Rust program, which waits while others run."""

    def __init__(self):
        command = ["cargo", "bench", "--quiet", "--package", "tensegrity-optim"]
        command += ["--bench", "training", "--", "--serve"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def steps(self, model, dtype, count):
        self.process.stdin.write(f"{model} {dtype} {count}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["losses"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def training(bench, ours, model, dtype):
    theirs = Training(model, dtype)
    mine, found = ours.steps(model, dtype, STEPS)
    peer, wanted = theirs.steps(STEPS)
    difference = max(abs(a - b) for a, b in zip(found, wanted))
    name = f"{model} {dtype}: losses of {STEPS} steps differ by"
    bench.figure(name, difference, AGREEMENT if dtype == "f64" else None)
    assert dtype != "f64" or difference <= AGREEMENT, f"{model}: losses {found} are not {wanted}"
    count = max(1, int(2 * bench.slice * STEPS / max(peer, 1e-9)))
    times = {"tensegrity": [], "torch": []}
    for _ in range(bench.rounds):
        times["tensegrity"].append(ours.steps(model, dtype, count)[0] / count)
        times["torch"].append(theirs.steps(count)[0] / count)
    bench.record(f"training step, {model}, {dtype}", times, 1.0)


def main():
    bench = Bench("grad", arguments())
    ours = Ours()
    for model in ("perceptron", "transformer"):
        for dtype in ("f64", "f32"):
            training(bench, ours, model, dtype)
    ours.close()
    for name, record in bench.inner.items():
        if "gradient_ratio" in record:
            bench.figure(f"gradient of {name}", record["gradient_ratio"], 3.3, "x forward")
            bench.figure(f"Hessian-vector product of {name}", record["hvp_ratio"], 10.0, "x forward")
        if "record_ns" in record:
            bench.figure(f"recording a step ({name})", record["record_ns"], 1000.0, "ns")
            bench.figure(f"reversing a step ({name})", record["reverse_ns"], None, "ns")
    bench.close()


if __name__ == "__main__":
    main()
