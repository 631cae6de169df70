"""How our cost grows: with rows, networks of an ensemble, width of layers and features.

    peers/bin/python benches/peers/growth.py [--axes rows members width features] [--repeats 3] [--threads 2]
        [--out docs/img/performance] [--markdown FILE] [--quick]

Times the jobs of `benches/jobs.rs` on data that it makes itself, and draws a log-log plot for each axis as SVG: a straight
line of slope 1 is a cost in proportion. Prints the slope of each line, over all points and over the last three, where
what a run costs at least no longer counts. `--quick` stops at small sizes: its times mean nothing.
"""
import argparse
import datetime
import os
import pathlib
import statistics
import sys

from speed import Ours, build, cpu, seconds

# Each axis: the key of the request, its values, and the jobs with what else they are asked.
AXES = {
    "rows": ("rows", [10 ** (n / 2) for n in range(6, 15)], {
        "predict, paper network": {"job": "predict-paper", "epochs": 1},
        "fit one epoch, paper network": {"job": "fit-paper", "epochs": 1},
        "logistic fit": {"job": "fit-logistic"},
        "ROC AUC": {"job": "roc-auc"},
        "log loss": {"job": "log-loss"}}),
    "members": ("members", [2, 4, 8, 16, 32, 64], {
        "fit ensemble, 3,200 rows": {"job": "fit-ensemble", "rows": 3_200},
        "predict ensemble, 10,000 rows": {"job": "predict-ensemble", "rows": 10_000, "train_rows": 3_200}}),
    "width": ("width", [36, 64, 128, 256, 512], {
        "fit one epoch, 2,000 rows": {"job": "fit-paper", "rows": 2_000, "epochs": 1},
        "predict, 100,000 rows": {"job": "predict-paper", "rows": 100_000, "epochs": 1}}),
    "features": ("features", [12, 24, 48, 96, 128], {
        "fit one epoch, 2,000 rows": {"job": "fit-paper", "rows": 2_000, "epochs": 1},
        "predict, 100,000 rows": {"job": "predict-paper", "rows": 100_000, "epochs": 1},
        "logistic fit, 100,000 rows": {"job": "fit-logistic", "rows": 100_000}}),
}
QUICK = {"rows": 100_000, "members": 8, "width": 128, "features": 48}


def measure(ours, request, repeats):
    """The median seconds; the first run, which fills caches, is left out unless it is long."""
    first, _ = ours.run(request)
    if first > 5:
        return first
    times = max(1, min(10_000, round(0.05 / first)))
    return statistics.median(ours.run(request, times)[0] for _ in range(repeats))


def slope(points):
    """The slope of the line through the logarithms of `points`, least squares."""
    import numpy as np
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0])


def draw(axis, lines, path):
    import matplotlib
    matplotlib.use("svg")
    # The same lines give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "font.size": 10})
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for name, points in lines.items():
        axes.loglog(*zip(*points), marker="o", markersize=4, label=f"{name} (slope {slope(points[-3:]):.2f})")
    axes.set(xlabel=axis, ylabel="seconds")
    if axis != "rows":
        values = [value for value, _ in next(iter(lines.values()))]
        axes.set_xticks(values, labels=map(str, values))
        axes.set_xticks([], minor=True)
    axes.grid(True, which="major", linewidth=0.4)
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="cores that ours may use")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/img/performance"))
    parser.add_argument("--markdown", type=pathlib.Path, help="where the table goes as well")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--program", help="the built jobs program (default: it is built)")
    args = parser.parse_args()
    program = args.program or build()
    machine = cpu()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:args.threads]))
    args.out.mkdir(parents=True, exist_ok=True)
    table = [f"{machine}, {args.threads} used; {datetime.date.today()}; medians of {args.repeats}"
             f"{'; small sizes' if args.quick else ''}.", "",
             "| grows | job | from | to | seconds | slope | of the last three points |", "|---|---|---|---|---|---|---|"]
    for axis in args.axes:
        key, values, jobs = AXES[axis]
        values = [round(value) for value in values if not args.quick or value <= QUICK[axis]]
        lines = {}
        for name, request in jobs.items():
            # A program each, so that the memory of one does not weigh on the next.
            ours = Ours(program)
            lines[name] = [(value, measure(ours, request | {key: value}, args.repeats)) for value in values]
            ours.close()
            (low, first), (high, last) = lines[name][0], lines[name][-1]
            table.append(f"| {axis} | {name} | {low:,} | {high:,} | {seconds(first)} to {seconds(last)} "
                         f"| {slope(lines[name]):.2f} | {slope(lines[name][-3:]):.2f} |")
            print(table[-1], file=sys.stderr)
        draw(axis, lines, args.out / f"growth-{axis}.svg")
    text = "\n".join([*table, ""])
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
