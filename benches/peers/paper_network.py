"""The paper's network in PyTorch and scikit-learn's logistic regression beside ours, on the very same rows.

    python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
    cargo build --release --example playlist_classifier
    peers/bin/python benches/peers/paper_network.py [--seeds 0 1 2 3 4] [--epochs 30]

Runs the example for the split, its scores and its times, then the peers on that split, in one thread. Prints a line
a seed and the means. Missing values are imputed as the example does: by the training median or most frequent code.
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "datasets" / "two_listeners.csv"
FEATURES = ["danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
            "liveness", "tempo", "duration_ms", "time_signature"]
CODES = {"key", "mode", "time_signature"}
MISSING = {"key": -1, "tempo": 0, "duration_ms": 0, "time_signature": 0}


def ours(seed, epochs):
    """Our scores, and the part of every track id."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "predictions.csv"
        command = [ROOT / "target/release/examples/playlist_classifier", "--seed", str(seed), "--epochs", str(epochs),
                   "--json", "--predictions", path]
        report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        with open(path) as file:
            part = {row["track_id"]: row["split"] for row in csv.DictReader(file)}
    return {model["name"]: model for model in report["models"]}, part


def load(part):
    """x and y of the training and of the test part; missing values imputed from the training part."""
    rows = {"train": [], "test": []}
    labels = {"train": [], "test": []}
    with open(TABLE) as file:
        for row in csv.DictReader(file):
            where = part.get(row["track_id"])
            if where is None:
                continue
            values = [float(row[name]) if row[name] else np.nan for name in FEATURES]
            values = [np.nan if MISSING.get(name) == value else value for name, value in zip(FEATURES, values)]
            rows[where].append(values)
            labels[where].append(row["label"] == "listener_a")
    train, test = np.array(rows["train"]), np.array(rows["test"])
    for column, name in enumerate(FEATURES):
        known = train[~np.isnan(train[:, column]), column]
        if name in CODES:
            values, counts = np.unique(known, return_counts=True)
            fill = values[counts.argmax()]
        else:
            fill = np.median(known)
        for x in (train, test):
            x[np.isnan(x[:, column]), column] = fill
    return train, np.array(labels["train"]), test, np.array(labels["test"])


def pytorch(train, y, test, epochs, seed):
    """Test probabilities and seconds of the paper's network: min-max per feature, BCE, Adam, batches of 50."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    low, high = train.min(0), train.max(0)
    spread = np.where(high > low, high - low, 1)
    x = torch.tensor((train - low) / spread, dtype=torch.float32)
    target = torch.tensor(y, dtype=torch.float32)[:, None]
    net = nn.Sequential(nn.Linear(12, 36), nn.ReLU(), nn.Linear(36, 36), nn.Sigmoid(), nn.Linear(36, 1))
    step, loss = torch.optim.Adam(net.parameters(), 1e-3), nn.BCEWithLogitsLoss()
    start = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(50):
            step.zero_grad()
            loss(net(x[rows]), target[rows]).backward()
            step.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        p = torch.sigmoid(net(torch.tensor((test - low) / spread, dtype=torch.float32)))
    return p[:, 0].numpy(), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"torch {torch.__version__}, scikit-learn {sklearn.__version__}, {arguments.epochs} epochs; ROC AUC (seconds of the fit)")
    columns = ["paper", "PyTorch", "logistic", "sklearn", "logistic-raw", "sklearn raw"]
    print("seed  " + "  ".join(f"{name:>15}" for name in columns))
    table = []
    for seed in arguments.seeds:
        report, part = ours(seed, arguments.epochs)
        train, y, test, y_test = load(part)
        p, seconds = pytorch(train, y, test, arguments.epochs, seed)
        line = {"paper": (report["paper"]["metrics"]["roc_auc"], report["paper"]["fit_seconds"]),
                "PyTorch": (roc_auc_score(y_test, p), seconds)}
        mean, spread = train.mean(0), train.std(0)
        for name, peer, scale in [("logistic", "sklearn", True), ("logistic-raw", "sklearn raw", False)]:
            a, b = ((train - mean) / spread, (test - mean) / spread) if scale else (train, test)
            start = time.perf_counter()
            model = LogisticRegression(max_iter=100).fit(a, y)
            seconds = time.perf_counter() - start
            line[name] = (report[name]["metrics"]["roc_auc"], report[name]["fit_seconds"])
            line[peer] = (roc_auc_score(y_test, model.predict_proba(b)[:, 1]), seconds)
        table.append([line[name] for name in columns])
        print(f"{seed:>4}  " + "  ".join(f"{auc:.4f} ({seconds:6.3f})" for auc, seconds in table[-1]))
    means = np.array(table).mean(0)
    print("mean  " + "  ".join(f"{auc:.4f} ({seconds:6.3f})" for auc, seconds in means))
    ratios = sorted(row[1][1] / row[0][1] for row in table)
    print(f"fit, PyTorch over ours: min {ratios[0]:.2f}, median {ratios[len(ratios) // 2]:.2f}, max {ratios[-1]:.2f}")


if __name__ == "__main__":
    sys.exit(main())
