"""How near our jobs are to what the machine can do, on one core.

    peers/bin/python benches/peers/roofline.py [--repeats 5] [--markdown FILE] [--quick]

The machine's limits are measured: arithmetic by numpy's product of two large matrices (OpenBLAS), memory by a copy of a
large array (read and written bytes counted). For each job the additions and multiplications that its definition asks
for are counted, `exp`, division and the like as one each, and the bytes that must come from memory at least once. Neither
can be done without, so the larger of the two times is a bound; what a job takes beyond it goes into what is not counted:
`exp` by its dozen operations, rows that do not fill a register, looking around in caches, waiting for a result.
"""
import argparse
import os
import pathlib
import time

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

from growth import measure
from speed import Ours, build, cpu, seconds

FEATURES, WIDTH = 12, 36
# Weights of the paper's network, its output's included: each is one multiplication and one addition a row.
WEIGHTS = FEATURES * WIDTH + WIDTH * WIDTH + WIDTH


def machine():
    """Operations a second and bytes a second of one core."""
    import numpy as np
    n = 1_536
    a, b = np.random.default_rng(1).random((2, n, n), dtype=np.float32)
    large, other = np.ones((2, 1 << 26), dtype=np.float32)

    def best(job):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            job()
            times.append(time.perf_counter() - start)
        return min(times)

    return 2 * n ** 3 / best(lambda: a @ b), 2 * large.nbytes / best(lambda: np.copyto(other, large))


def jobs(quick):
    """Name, request, operations, bytes."""
    size = lambda n: n // 100 if quick else n
    epochs, rows = size(350) or 1, 2_000
    # Forward, the gradient of the weights, and the gradient at the second layer's input.
    step_row = 2 * (2 * WEIGHTS + WIDTH * WIDTH + WIDTH)
    # Adam: ten operations a weight and step of 50 rows.
    fit = epochs * rows * (step_row + 10 * WEIGHTS / 50)
    yield "fit, paper network, 2,000 rows", {"job": "fit-paper", "rows": rows, "epochs": epochs}, fit, 0
    for rows in [50, 4_096, size(1_000_000)]:
        yield (f"predict, paper network, {rows:,} rows", {"job": "predict-paper", "rows": rows, "epochs": 1},
               rows * (2 * WEIGHTS + 4 * WIDTH), rows * 4 * (FEATURES + 1) if rows > 100_000 else 0)
    rows = size(1_000_000)
    # Seven looks at the data: at each row a logit, a gradient and the triangle of the Hessian.
    look = 2 * (2 * 13 + 13 * 14 // 2)
    yield f"logistic fit, {rows:,} rows", {"job": "fit-logistic", "rows": rows}, 7 * rows * look, 7 * rows * 4 * 13
    rows = size(10_000_000)
    # A score and a label each once.
    for name in ["roc-auc", "log-loss"]:
        yield f"{name.replace('-', ' ')}, {rows:,} rows", {"job": name, "rows": rows}, 2 * rows, rows * 5
    rows, train = size(100_000), 3_200
    # A likeness: three operations a coordinate for each of two distances, about 19 coordinates; a root, two powers of e.
    yield (f"predict, ensemble, {rows:,} rows", {"job": "predict-ensemble", "rows": rows, "train_rows": train},
           rows * train * (2 * 3 * 19 + 8), 0)
    # 13 quantities held against 23 borders; of each a sum and a product a unit, 8 codes, 2 layers of 48, 4 operations an activation.
    rows = size(1_000_000)
    yield (f"predict, distilled ensemble, {rows:,} rows",
           {"job": "predict-ensemble", "rows": rows, "train_rows": train, "distil": True},
           rows * (13 * 23 + 48 * (13 * 3 + 8 * 2) + 2 * 48 * 48 + 2 * 48 + 4 * 2 * 48), rows * 12 * 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--markdown", type=pathlib.Path, help="where the table goes as well")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the work")
    parser.add_argument("--program", help="the built jobs program (default: it is built)")
    args = parser.parse_args()
    program = args.program or build()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:1]))
    operations, memory = machine()
    lines = [f"{cpu().split(',')[0]}, one core: {operations / 1e9:.0f} billion operations a second (product of matrices), "
             f"{memory / 1e9:.1f} GB/s (copy).", "",
             "| job | operations | bytes | bound by | bound | ours | bound / ours |", "|---|---|---|---|---|---|---|"]
    ours = Ours(program)
    for name, request, flops, size in jobs(args.quick):
        bound, by = max((flops / operations, "arithmetic"), (size / memory, "memory"))
        took = measure(ours, request | {"threads": 1}, args.repeats)
        lines.append(f"| {name} | {flops:.2g} | {size:.2g} | {by} | {seconds(bound)} | {seconds(took)} "
                     f"| {100 * bound / took:.0f} % |")
    ours.close()
    text = "\n".join([*lines, ""])
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
