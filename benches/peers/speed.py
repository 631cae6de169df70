"""Ours beside other libraries, job by job, in alternation on the very same data.

    python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
    peers/bin/python benches/peers/speed.py [--jobs fit-paper predict-paper ...] [--repeats 5] [--threads 1,2]
        [--markdown FILE] [--quick]

Builds `benches/jobs.rs`, which stays warm as the peers here do, and lets ours and every peer take turns. Each number of
threads has a process of its own that may use so many cores only, so that nobody is told more of the machine than the
others. Ratios are peer over ours within one turn: above 1 ours is faster. `spread` is (max - min) / median over our own
repeats, which is the machine's noise. What both sides return (losses, probabilities, areas, coefficients) must agree.
`--quick` takes a hundredth of the rows: it shows that the script works, its times mean nothing.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = ["torch", "scikit-learn", "catboost", "onnxruntime", "polars", "numpy"]
COLUMNS = ["danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
           "liveness", "tempo", "duration_ms", "time_signature"]
# One timing lasts at least so many seconds: what is shorter is repeated within it.
LEAST_SECONDS = 0.05


# ---- both sides ------------------------------------------------------------------------------------------------------

class Ours:
    """The jobs program; `request` names the job and its sizes."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, request, times=1):
        print(json.dumps(request | {"times": times}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the jobs program ended on {request}")
        answer = json.loads(line)
        return answer["seconds"], answer["result"]

    def side(self, request):
        return lambda times: self.run(request, times)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def side(function):
    """A peer: `function` does the job once and returns its result."""
    def run(times):
        start = time.perf_counter()
        for _ in range(times):
            result = function()
        return (time.perf_counter() - start) / times, result
    return run


class Bench:
    """What jobs need: the data, the jobs program, the number of threads; and what came out."""

    def __init__(self, args, threads, folder):
        self.threads, self.repeats, self.quick = threads, args.repeats, args.quick
        self.folder, self.ours, self.rows = pathlib.Path(folder), Ours(args.program), []
        self.examples = args.examples

    def size(self, n):
        return max(n // 100, 50) if self.quick else n

    def file(self, name, x, y):
        """Writes rows and labels as the jobs program reads them."""
        import numpy as np
        path = self.folder / f"{name}.f32"
        with open(path, "wb") as file:
            file.write(np.ascontiguousarray(x, "<f4").tobytes() + np.ascontiguousarray(y, "<f4").tobytes())
        return str(path)

    def compare(self, job, ours, peers, agree=None, unlike=()):
        """`ours` is a request, `peers` names what runs beside it; results may differ by `agree`, but for peers that are
        `unlike` ours."""
        self.compare_sides(job, {"ours": self.ours.side(ours)} | peers, agree, unlike)

    def compare_sides(self, job, sides, agree=None, unlike=()):
        """As `compare`, ours being a side as the others are."""
        times, results = {}, {}
        for name, run in sides.items():
            run(1)
            seconds, result = run(1)
            results[name] = float(result)
            times[name] = max(1, min(100_000, round(LEAST_SECONDS / max(seconds, 1e-9))))
            if agree is not None and name not in unlike and abs(results[name] - results["ours"]) > agree:
                sys.exit(f"{job}: ours gives {results['ours']}, {name} {results[name]}")
        seconds = {name: [] for name in sides}
        for _ in range(self.repeats):
            for name, run in sides.items():
                seconds[name].append(run(times[name])[0])
        mine = seconds["ours"]
        spread = (max(mine) - min(mine)) / statistics.median(mine)
        for name in list(sides)[1:]:
            ratios = sorted(peer / our for peer, our in zip(seconds[name], mine))
            self.rows.append({
                "job": job, "threads": self.threads, "peer": name, "ours": statistics.median(mine),
                "theirs": statistics.median(seconds[name]), "ratio": [ratios[0], statistics.median(ratios), ratios[-1]],
                "spread": spread, "results": [results["ours"], results[name]]})
            print(markdown_row(self.rows[-1]), file=sys.stderr)


# ---- data ------------------------------------------------------------------------------------------------------------

def uniform(rows, seed=1):
    """Features in [0, 1), `[rows, 12]`, and labels that lean on the first two."""
    import numpy as np
    rng = np.random.default_rng(seed)
    x = rng.random((rows, len(COLUMNS)), dtype=np.float32)
    return x, (x[:, 0] + x[:, 1] + rng.random(rows, dtype=np.float32) > 1.5).astype(int)


def tracks(rows, seed=1):
    """The same in the units of tracks."""
    import numpy as np
    x, y = uniform(rows, seed)
    units = {"key": lambda u: np.floor(12 * u), "mode": lambda u: np.floor(u + 0.4), "loudness": lambda u: -30 * u * u,
             "tempo": lambda u: 70 + 100 * u, "duration_ms": lambda u: np.round(120_000 + 180_000 * u),
             "time_signature": lambda u: 3 + np.floor(1.9 * u)}
    for name, unit in units.items():
        x[:, COLUMNS.index(name)] = unit(x[:, COLUMNS.index(name)])
    return x, y


# ---- jobs ------------------------------------------------------------------------------------------------------------

def torch_fit(x, y, epochs, fused, seed=1):
    """The paper's network by PyTorch: the mean loss of the last epoch."""
    import torch
    from torch import nn
    torch.manual_seed(seed)
    x, y = torch.tensor(x), torch.tensor(y, dtype=torch.float32)[:, None]
    net = nn.Sequential(nn.Linear(12, 36), nn.ReLU(), nn.Linear(36, 36), nn.Sigmoid(), nn.Linear(36, 1))
    adam, loss_of = torch.optim.Adam(net.parameters(), 1e-3, fused=fused), nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(x)).split(50):
            adam.zero_grad()
            loss = loss_of(net(x[rows]), y[rows])
            loss.backward()
            adam.step()
            # Reading the loss costs a call: once is enough.
            if epoch == epochs - 1:
                total += loss.item() * len(rows)
    return total / len(x)


def sklearn_network(epochs, seed=1):
    """As near as scikit-learn comes: ReLU in both layers."""
    from sklearn.neural_network import MLPClassifier
    return MLPClassifier((36, 36), batch_size=50, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, alpha=0,
                         random_state=seed)


def fit_paper(bench):
    epochs = 4 if bench.quick else 350
    x, y = uniform(2_000)
    request = {"job": "fit-paper", "rows": len(x), "epochs": epochs, "data": bench.file("fit", x, y)}
    bench.compare("fit, paper network, 2,000 rows", request, {
        "PyTorch Adam": side(lambda: torch_fit(x, y, epochs, False)),
        "PyTorch Adam(fused=True)": side(lambda: torch_fit(x, y, epochs, True)),
        "scikit-learn MLPClassifier": side(lambda: sklearn_network(epochs).fit(x, y).loss_),
        "Burn flex (`--engine burn`)": bench.ours.side(request | {"engine": "burn"}),
    }, agree=0.1, unlike=["scikit-learn MLPClassifier"])


def onnx_session(path, threads):
    """The network that our job saved, as a graph of ONNX."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load_file
    weights = load_file(path)
    nodes, value = [], "x"
    for layer, function in enumerate(["Relu", "Sigmoid", "Sigmoid"]):
        names = [f"layers.{layer}.weight", f"layers.{layer}.bias"]
        nodes.append(helper.make_node("Gemm", [value, *names], [f"z{layer}"], transB=1))
        nodes.append(helper.make_node(function, [f"z{layer}"], [f"a{layer}"]))
        value = f"a{layer}"
    graph = helper.make_graph(
        nodes, "paper", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(COLUMNS)])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def torch_network(path):
    from safetensors.torch import load_file
    from torch import nn
    net = nn.Sequential(nn.Linear(12, 36), nn.ReLU(), nn.Linear(36, 36), nn.Sigmoid(), nn.Linear(36, 1), nn.Sigmoid())
    net.load_state_dict({f"{2 * int(name.split('.')[1])}.{name.split('.')[2]}": value
                         for name, value in load_file(path).items()})
    return net


def predict_paper(bench):
    import numpy as np
    import torch
    for rows in [50, 4_096, bench.size(1_000_000)]:
        train, _ = uniform(2_000)
        x, y = uniform(2_000 + rows)
        network = bench.folder / f"network-{rows}.safetensors"
        request = {"job": "predict-paper", "rows": rows, "data": bench.file("predict", x, y), "file": str(network)}
        bench.ours.run(request)
        session, net, test = onnx_session(network, bench.threads), torch_network(network), x[2_000:]

        def by_onnx(chunk):
            parts = [session.run(None, {"x": test[at:at + chunk]})[0] for at in range(0, rows, chunk)]
            return float((parts[0] if len(parts) == 1 else np.concatenate(parts))[-1, 0])

        def by_torch():
            with torch.inference_mode():
                return net(torch.from_numpy(test)).numpy()[-1, 0].item()

        peers = {"ONNX Runtime": side(lambda: by_onnx(rows)), "PyTorch": side(by_torch),
                 "Burn flex (`--engine burn`)": bench.ours.side(request | {"engine": "burn"})}
        if rows > 4_096:
            peers["ONNX Runtime, 4,096 rows at once"] = side(lambda: by_onnx(4_096))
        bench.compare(f"predict, paper network, {rows:,} rows", request, peers, agree=1e-4)


def catboost_model(threads):
    from catboost import CatBoostClassifier
    return CatBoostClassifier(verbose=0, random_seed=1, thread_count=threads, allow_writing_files=False)


def fit_ensemble(bench):
    x, y = tracks(bench.size(3_200))
    request = {"job": "fit-ensemble", "rows": len(x), "threads": bench.threads, "data": bench.file("ensemble", x, y)}
    for name, distil in [("ensemble", False), ("distilled ensemble", True)]:
        bench.compare(f"fit, {name}, {len(x):,} rows", request | {"distil": distil}, {
            "CatBoost": side(lambda: catboost_model(bench.threads).fit(x, y).predict_proba(x[:1])[0, 1])})


def predict_ensemble(bench):
    rows, n_train = bench.size(1_000_000), bench.size(3_200)
    x, y = tracks(n_train + rows)
    request = {"job": "predict-ensemble", "rows": rows, "train_rows": n_train, "threads": bench.threads,
               "data": bench.file("ensemble", x, y)}
    model = catboost_model(bench.threads).fit(x[:n_train], y[:n_train])
    for name, distil in [("ensemble", False), ("distilled ensemble", True)]:
        bench.compare(f"predict, {name}, {rows:,} rows", request | {"distil": distil}, {
            "CatBoost": side(lambda: model.predict_proba(x[n_train:], thread_count=bench.threads)[-1, 1])})


def folds(bench):
    """Ours and scikit-learn's in as many threads or processes as there are cores to use; PyTorch's one after another."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    x, y = uniform(2_000)
    epochs = 2 if bench.quick else 30
    cut = lambda seed: StratifiedKFold(5, shuffle=True, random_state=seed)

    def by_sklearn():
        return sum(cross_val_score(sklearn_network(epochs, seed), x, y, scoring="roc_auc", cv=cut(seed),
                                   n_jobs=bench.threads).mean() for seed in range(5)) / 5

    def by_torch():
        return [torch_fit(x[rows], y[rows], epochs, True, seed) for seed in range(5) for rows, _ in cut(seed).split(x, y)][-1]

    request = {"job": "folds", "rows": len(x), "epochs": epochs, "data": bench.file("folds", x, y)}
    bench.compare("5 folds x 5 seeds of the paper network", request, {
        "scikit-learn cross_val_score": side(by_sklearn), "PyTorch Adam(fused=True), 25 fits": side(by_torch),
        "Burn flex (`--engine burn`)": bench.ours.side(request | {"engine": "burn"})})


def fit_logistic(bench):
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    for rows in [2_000, bench.size(1_000_000)]:
        x, y = uniform(rows)
        x = ((x - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)).astype(np.float32)
        wide = x.astype(np.float64)
        request = {"job": "fit-logistic", "rows": rows, "data": bench.file("logistic", x, y)}
        # Both stop at a gradient of 1e-4 a row; the smallest curvature here is about 0.1.
        bench.compare(f"logistic fit, {rows:,} rows", request, {
            "scikit-learn lbfgs, float64": side(lambda: LogisticRegression().fit(wide, y).coef_[0, 0]),
            "scikit-learn lbfgs, float32": side(lambda: LogisticRegression().fit(x, y).coef_[0, 0])}, agree=2e-3)


def metrics(bench, name):
    import numpy as np
    from sklearn import metrics
    rows = bench.size(10_000_000)
    rng = np.random.default_rng(1)
    score = rng.random(rows, dtype=np.float32)
    y = rng.random(rows, dtype=np.float32) < score
    request = {"job": name, "rows": rows, "data": bench.file("metric", score, y)}
    function = {"roc-auc": metrics.roc_auc_score, "log-loss": metrics.log_loss,
                "average-precision": metrics.average_precision_score}[name]
    bench.compare(f"{name.replace('-', ' ')}, {rows:,} rows", request, {
        f"scikit-learn {function.__name__}": side(lambda: function(y, score))}, agree=1e-4)


def read_table(bench):
    import polars as pl
    rows = bench.size(1_200_000)
    x, y = tracks(rows)
    frame = pl.DataFrame({
        "track_id": [f"{row:022}" for row in range(rows)], "track_name": [f"A song with a usual name {row}" for row in range(rows)],
        "artists": [f"Artist number {row % 50_000} and others" for row in range(rows)],
        "album_name": [f"The {row % 200_000}th album of somebody" for row in range(rows)],
        "label": ["liked" if label else "other" for label in y]} | {name: x[:, i] for i, name in enumerate(COLUMNS)})
    files = {"CSV": bench.folder / "table.csv", "Parquet": bench.folder / "table.parquet"}
    frame.write_csv(files["CSV"])
    frame.write_parquet(files["Parquet"])
    del frame
    for kind, read in [("CSV", pl.read_csv), ("Parquet", pl.read_parquet)]:
        path = files[kind]
        bench.compare(f"read and check a table, {kind}, {rows:,} rows, {path.stat().st_size / 1e6:.0f} MB",
                      {"job": "read-table", "file": str(path)}, {"polars alone": side(lambda: read(path).height)}, agree=0)


def start(bench):
    """Whole processes: ours until the end, or until the first line, beside what a Python peer needs to be imported."""
    csv, model = bench.folder / "few.csv", bench.folder / "model.safetensors"
    x, y = tracks(100)
    lines = [f"{row:022},{['other', 'liked'][label]},{','.join(map(str, values))}" for row, (values, label) in enumerate(zip(x, y))]
    csv.write_text("\n".join(["track_id,label," + ",".join(COLUMNS), *lines, ""]))
    example = lambda name: str(bench.examples / name)
    learn = [example("playlist_classifier"), "--table", str(csv), "--model", "paper"]
    subprocess.run([*learn, "--save", str(model)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def until_end(*command):
        return side(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode)

    def first_line(*command):
        def once():
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
                process.stdout.readline()
                process.kill()
            return 0
        return side(once)

    ours = {"playlist_classifier --help": until_end(example("playlist_classifier"), "--help"),
            "playlist_classifier, 100 tracks, to the first line": first_line(*learn),
            "playlist_classifier --load, 100 tracks": until_end(*learn[:3], "--load", str(model)),
            "rank_tracks --model, 100 tracks": until_end(
                example("rank_tracks"), "--model", str(model), "--likes", str(csv), "--candidates", str(csv), "--anyway")}
    peers = {f"python -c 'import {name}'": until_end(sys.executable, "-c", f"import {name}")
             for name in ["torch", "sklearn.linear_model", "catboost", "onnxruntime"]}
    for name, run in ours.items():
        bench.compare_sides(f"start: {name}", {"ours": run} | peers)


JOBS = {"fit-paper": fit_paper, "predict-paper": predict_paper, "fit-ensemble": fit_ensemble,
        "predict-ensemble": predict_ensemble, "folds": folds, "fit-logistic": fit_logistic,
        "roc-auc": lambda bench: metrics(bench, "roc-auc"), "log-loss": lambda bench: metrics(bench, "log-loss"),
        "average-precision": lambda bench: metrics(bench, "average-precision"), "read-table": read_table, "start": start}


# ---- running and showing ---------------------------------------------------------------------------------------------

def build(bench="jobs"):
    """Builds the jobs program and returns its path."""
    command = ["cargo", "bench", "--no-run", "--bench", bench, "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    artifacts = [json.loads(line) for line in lines if line.startswith("{")]
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == bench)


def build_examples(*names):
    """Builds examples in release and returns their folder."""
    command = ["cargo", "build", "--release", "--message-format", "json"] + [part for name in names for part in ["--example", name]]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    artifacts = [json.loads(line) for line in lines if line.startswith("{")]
    return pathlib.Path(next(a["executable"] for a in artifacts if a.get("executable"))).parent


def child(args):
    """All jobs with one number of threads, on as many cores."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:args.child]))
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"]:
        os.environ[name] = str(args.child)
    # Of scikit-learn, that the epochs asked for were too few; joblib's processes inherit it.
    os.environ["PYTHONWARNINGS"] = "ignore"
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, args.child, folder)
        for job in args.jobs:
            JOBS[job](bench)
        bench.ours.close()
    json.dump(bench.rows, sys.stdout)


def seconds(value):
    for unit, factor in [("s", 1), ("ms", 1e3), ("µs", 1e6)]:
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def markdown_row(row):
    low, middle, high = row["ratio"]
    return (f"| {row['job']} | {row['threads']} | {row['peer']} | {seconds(row['ours'])} | {seconds(row['theirs'])} "
            f"| {low:.2f} / **{middle:.2f}** / {high:.2f} | {100 * row['spread']:.0f} % |")


def cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def table(rows, args):
    from importlib.metadata import version
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return "\n".join([
        f"{cpu()}; {libraries}; Python {platform.python_version()}; commit {commit}, {datetime.date.today()}; "
        f"{args.repeats} repeats in alternation{', a hundredth of the rows' if args.quick else ''}.", "",
        "| job | threads | peer | ours, median | peer, median | ratio, min / median / max | spread |",
        "|---|---|---|---|---|---|---|", *map(markdown_row, rows), ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", default="1,2", help="numbers of threads, separated by commas (default: 1,2)")
    parser.add_argument("--markdown", type=pathlib.Path, help="where the table goes as well")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    parser.add_argument("--program", help="the built jobs program (default: it is built)")
    parser.add_argument("--examples", type=pathlib.Path, help="the folder of the built examples (default: they are built)")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args)
    args.program = args.program or build()
    if "start" in args.jobs:
        args.examples = args.examples or build_examples("playlist_classifier", "rank_tracks")
    rows = []
    for threads in args.threads.split(","):
        command = [sys.executable, __file__, "--child", threads, "--program", args.program, "--repeats", str(args.repeats),
                   "--examples", str(args.examples), "--jobs", *args.jobs] + ["--quick"] * args.quick
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.returncode)
        rows += json.loads(done.stdout)
    order = list(dict.fromkeys(row["job"] for row in rows))
    rows.sort(key=lambda row: (order.index(row["job"]), row["threads"]))
    text = table(rows, args)
    print(text)
    if args.markdown:
        args.markdown.write_text(text)


if __name__ == "__main__":
    main()
