"""Graph polynomials and graph layers; ours are timed by the Rust bench ``graph``.

Ours run in a process of their own before the peers, so a ratio of these cases
is of medians of two runs on the same machine, not of alternating calls.
"""

import time

# Edges and marked nodes of the twelve polynomials up to degree 6 that matrix
# products cannot compute.
TWELVE = """
01 02 03 12 23;13
01 02 03 12 13 23;
01 02 03 12 13 23;0
01 02 03 12 13 23;01
01 12 13 14 23 24;34
01 13 14 23 24 34;02
01 13 14 23 24 34;12
01 13 14 23 24 34;20
01 13 14 23 24 34;21
01 03 04 12 23 34;14
01 03 04 12 23 34;41
02 03 04 12 13 14;23
""".split("\n")[1:-1]


def expressions():
    found = []
    for text in TWELVE:
        edges, marked = text.split(";")
        letters = str.maketrans("01234", "abcde")
        operands = edges.translate(letters).split()
        found.append((",".join(operands) + "->" + marked.translate(letters), len(operands)))
    return found


def edge(i, j):
    mixed = ((i * 1009 + j + 1) * 2654435761) & 0xFFFFFFFF
    return (mixed >> 16) % 5 == 0


def graph(np, n):
    x = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            x[i, j] = x[j, i] = edge(i, j)
    return x


def seconds(call, rounds):
    """CPU seconds of single calls; every peer runs on one thread."""
    call()
    found = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return found


def cases(bench, np, opt_einsum, torch):
    def ours(name):
        return bench.inner[name]["seconds"][: bench.rounds]

    for n in (23, 40):
        x = graph(np, n)
        tensor = torch.tensor(x)
        name = f"12 polynomials n={n}"
        times = {"tensegrity": ours(name)}

        def by_torch():
            return [torch.einsum(text, *[tensor] * count) for text, count in expressions()]

        def by_opt_einsum():
            return [
                opt_einsum.contract(text, *[x] * count, optimize="greedy")
                for text, count in expressions()
            ]

        for a, b in zip(by_torch(), by_opt_einsum()):
            assert np.allclose(a.numpy(), b)
        rounds = bench.rounds
        torch_times = seconds(by_torch, min(rounds, 7))
        greedy_times = seconds(by_opt_einsum, min(rounds, 7))
        bench.record(f"{name} vs torch", {**times, "torch.einsum": torch_times}, 25.0)
        bench.record(f"{name} vs opt_einsum", {**times, "opt_einsum greedy": greedy_times}, 4.0)

    name = "layer of C512 1->1, 8 channels, batch 32"
    features = torch.randn(32, 8 * 512, dtype=torch.float64)
    weights = torch.randn(8 * 512, 8 * 512, dtype=torch.float64)
    dense = seconds(lambda: features @ weights, bench.rounds)
    # At most 1.2 times the dense product.
    bench.record(name, {"tensegrity": ours(name), "torch dense GEMM": dense}, 1 / 1.2)
