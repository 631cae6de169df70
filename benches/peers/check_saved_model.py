"""Loads a saved network into PyTorch and compares its predictions with ours.

    cargo run --release --example playlist_classifier -- --model paper --out out
    peers/bin/python benches/peers/check_saved_model.py out/paper.safetensors out/predictions.csv

The weights go into a module of PyTorch with `load_state_dict(strict=True)`; the scaler stands in the file's header.
Tracks with a missing value are left out, so that nothing but the network and the scaler is compared. Exit code 1 when
a probability differs by more than 1e-6.
"""
import csv
import json
import pathlib
import struct
import sys

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

TABLE = pathlib.Path(__file__).resolve().parents[2] / "datasets" / "two_listeners.csv"
MISSING = {"key": -1, "tempo": 0, "duration_ms": 0, "time_signature": 0}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(12, 36), nn.Linear(36, 36), nn.Linear(36, 1)])

    def forward(self, x):
        x = torch.relu(self.layers[0](x))
        return self.layers[2](torch.sigmoid(self.layers[1](x)))


def header(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(json.loads(json.loads(data[8:8 + size])["__metadata__"]["playlist_model"])["content"])


def main():
    saved, predictions = map(pathlib.Path, sys.argv[1:3])
    content = header(saved)
    scaler = content["preprocessor"]["scaler"]
    low, high = (np.array(scaler["statistics"]["range"][end], dtype=np.float64) for end in ["minimum", "maximum"])
    with open(predictions) as file:
        expected = {row["track_id"]: float(row["paper"]) for row in csv.DictReader(file)}
    x, p = [], []
    with open(TABLE) as file:
        for row in csv.DictReader(file):
            values = [float(row[name]) if row[name] else np.nan for name in scaler["columns"]]
            known = all(value == value and MISSING.get(name) != value for name, value in zip(scaler["columns"], values))
            if known and row["track_id"] in expected:
                x.append(values)
                p.append(expected[row["track_id"]])
    net = Net()
    net.load_state_dict(load_file(saved), strict=True)
    # Values are read as 32-bit numbers before they are scaled.
    scaled = (np.array(x, dtype=np.float32).astype(np.float64) - low) / (high - low)
    with torch.no_grad():
        found = torch.sigmoid(net(torch.tensor(scaled, dtype=torch.float32)))[:, 0].numpy()
    worst = np.abs(found - np.array(p)).max()
    print(f"torch {torch.__version__}: largest difference of {len(p)} probabilities {worst:.1e}")
    sys.exit(int(worst > 1e-6))


if __name__ == "__main__":
    main()
