"""A catalogue scored by the paper's network: the example beside polars read + ONNX Runtime + polars write.

    python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
    cargo build --release --example score_catalogue --example playlist_classifier
    peers/bin/python benches/peers/score_catalogue.py [--rows 10000000] [--repeats 5] [--folder DIR]

Makes a Parquet file of an id and twelve 32-bit features a row, fits and saves the paper's network, puts its scaler and its
weights into an ONNX graph, and runs both programs in alternation, each in a process of its own. Checks that the probabilities
agree, and prints minimum, median and maximum of the seconds, of their ratio, and of the peak memory. The peer's time leaves out
the start of Python and its imports; ours is that of the whole process. ONNX Runtime gets batches of 4,096 rows, its fastest.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
import polars
import pyarrow
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FEATURES = ["danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
            "liveness", "tempo", "duration_ms", "time_signature"]
BATCH = 4096


def make_rows(path, n_rows):
    """Ids of 22 letters and digits, and features in their ranges, from one seed."""
    rng = np.random.default_rng(0)
    u = lambda: rng.random(n_rows, dtype=np.float32)
    features = {name: u() for name in FEATURES}
    features["key"] = np.floor(u() * 12)
    features["mode"] = np.floor(u() + np.float32(0.4))
    features["loudness"] = -30 * u() ** 2
    features["tempo"] = 70 + 100 * u()
    features["duration_ms"] = np.round(120_000 + 180_000 * u())
    features["time_signature"] = 3 + np.floor(u() * np.float32(1.9))
    letters = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
    text = letters[rng.integers(0, 62, size=n_rows * 22, dtype=np.uint8)]
    ends = np.arange(n_rows + 1, dtype=np.int64) * 22
    ids = pyarrow.Array.from_buffers(pyarrow.large_string(), n_rows,
                                     [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(text)])
    polars.DataFrame({"track_id": ids, **features}).write_parquet(path)


def make_graph(model, path):
    """Scaler and network of a saved model, as an ONNX graph from raw features to probabilities."""
    data = pathlib.Path(model).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    content = json.loads(json.loads(header.pop("__metadata__")["playlist_model"])["content"])
    scaler = content["preprocessor"]["scaler"]
    assert scaler["columns"] == FEATURES, scaler["columns"]
    low, high = (np.array(scaler["statistics"]["range"][end], dtype=np.float64) for end in ["minimum", "maximum"])
    weights = {name: np.frombuffer(data[8 + size:][slice(*array["data_offsets"])], dtype=np.float32)
               .reshape(array["shape"]) for name, array in header.items()}
    constants = {"low": low.astype(np.float32), "factor": (1 / (high - low)).astype(np.float32)}
    nodes = [helper.make_node("Sub", ["x", "low"], ["centred"]), helper.make_node("Mul", ["centred", "factor"], ["h"])]
    before = "h"
    for layer, activation in enumerate(["Relu", "Sigmoid", "Sigmoid"]):
        for part in ["weight", "bias"]:
            constants[f"{part}{layer}"] = weights[f"layers.{layer}.{part}"]
        nodes.append(helper.make_node("Gemm", [before, f"weight{layer}", f"bias{layer}"], [f"z{layer}"], transB=1))
        before = f"a{layer}"
        nodes.append(helper.make_node(activation, [f"z{layer}"], [before]))
    graph = helper.make_graph(
        nodes, "paper", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info(before, TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def peer(rows, graph, out, threads):
    """Reads, scores and writes; prints the seconds that took."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    start = time.perf_counter()
    frame = polars.read_parquet(rows, columns=["track_id", *FEATURES])
    x = frame.select(FEATURES).to_numpy(order="c")
    p = np.empty(len(x), dtype=np.float32)
    for at in range(0, len(x), BATCH):
        p[at:at + BATCH] = session.run(None, {"x": x[at:at + BATCH]})[0][:, 0]
    frame.select("track_id").with_columns(polars.Series("paper", p)).write_parquet(out)
    print(time.perf_counter() - start)


def measured(command, threads):
    """Seconds, peak memory in MB, and what was printed."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, env=environment, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, command
    return seconds, usage.ru_maxrss / 1024, printed


def line(name, values, unit):
    values = sorted(values)
    return f"| {name} | {values[0]:.3g} | {statistics.median(values):.3g} | {values[-1]:.3g} | {unit} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=pathlib.Path, help="where rows and model lie; made anew where missing")
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(*arguments.peer, arguments.threads)
    if arguments.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            return compare(arguments, pathlib.Path(folder))
    arguments.folder.mkdir(exist_ok=True)
    compare(arguments, arguments.folder)


def compare(arguments, folder):
    rows, model, graph = folder / f"{arguments.rows}.parquet", folder / "paper.safetensors", folder / "paper.onnx"
    out, peer_out = folder / "ours.parquet", folder / "peer.parquet"
    examples = TARGET / "release" / "examples"
    if not rows.exists():
        # In a process of its own: what is started from a large one counts that one's memory as its own peak.
        making = multiprocessing.get_context("spawn").Process(target=make_rows, args=(rows, arguments.rows))
        making.start()
        making.join()
    if not model.exists():
        subprocess.run([examples / "playlist_classifier", "--model", "paper", "--save", model], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    make_graph(model, graph)
    ours, theirs = [], []
    for _ in range(arguments.repeats):
        ours.append(measured([examples / "score_catalogue", "--model", model, "--catalogue", rows, "--out", out,
                              "--threads", arguments.threads, "--overwrite", "--json"], arguments.threads))
        theirs.append(measured([sys.executable, __file__, "--threads", arguments.threads, "--peer", rows, graph,
                                peer_out], arguments.threads))
    a, b = polars.read_parquet(out), polars.read_parquet(peer_out)
    assert a["track_id"].equals(b["track_id"])
    worst = (a["paper"] - b["paper"]).abs().max()
    seconds, peer_seconds = [run[0] for run in ours], [float(run[2]) for run in theirs]
    print(f"{arguments.rows} rows, {arguments.threads} threads; polars {polars.__version__}, ONNX Runtime "
          f"{onnxruntime.__version__}; largest difference of two probabilities {worst:.1e}\n")
    print("| what | min | median | max | unit |\n|---|---|---|---|---|")
    print(line("score_catalogue", seconds, "s"))
    print(line("polars + ONNX Runtime + polars", peer_seconds, "s"))
    print(line("ratio", [theirs / ours for ours, theirs in zip(seconds, peer_seconds)], "times as fast"))
    print(line("score_catalogue, rows", [arguments.rows / each / 1e6 for each in seconds], "million a second"))
    print(line("score_catalogue, peak memory", [run[1] for run in ours], "MB"))
    print(line("peer, peak memory", [run[1] for run in theirs], "MB"))


if __name__ == "__main__":
    sys.exit(main())
