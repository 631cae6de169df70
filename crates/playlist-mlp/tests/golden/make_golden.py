"""Golden values of PyTorch for playlist-mlp.

    python make_golden.py            # writes pytorch.json beside this file

Needs torch; its version stands in the JSON.
"""
import json
import pathlib

import torch
from torch import nn


class Net(nn.Module):
    """The paper's shape; `norms` (and no biases before them) only with batch normalisation. Same state_dict keys as the saved file."""

    def __init__(self, widths, activations, batch_norm=False, n_features=4, n_outputs=1):
        super().__init__()
        sizes = [n_features, *widths, n_outputs]
        last = len(widths)
        self.layers = nn.ModuleList(
            nn.Linear(a, b, bias=i == last or not batch_norm) for i, (a, b) in enumerate(zip(sizes, sizes[1:])))
        self.norms = nn.ModuleList(nn.BatchNorm1d(w) for w in widths) if batch_norm else None
        self.activations = activations

    def forward(self, x):
        for i, (layer, activation) in enumerate(zip(self.layers, self.activations)):
            x = layer(x)
            if self.norms is not None:
                x = self.norms[i](x)
            x = activation(x)
        return self.layers[-1](x)


ACTIVATIONS = {
    "relu": nn.ReLU(), "leaky-relu": nn.LeakyReLU(0.01), "elu": nn.ELU(), "gelu": nn.GELU(), "silu": nn.SiLU(),
    "mish": nn.Mish(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(),
}


def arrays(net):
    return [
        {"name": k, "shape": list(v.shape), "values": v.flatten().tolist()}
        for k, v in net.state_dict().items() if "num_batches" not in k
    ]


def forward_case(name, names, batch_norm, n_outputs):
    net = Net([5, 3], [ACTIVATIONS[n] for n in names], batch_norm, 4, n_outputs)
    if batch_norm:  # give the running statistics something to hold
        net.train()
        for _ in range(5):
            net(torch.randn(32, 4) * 2 + 1)
    net.eval()
    x = torch.randn(6, 4)
    with torch.no_grad():
        logits = net(x)
    return {
        "name": name, "activations": names, "batch_norm": batch_norm, "n_outputs": n_outputs,
        "arrays": arrays(net), "x": x.flatten().tolist(), "logits": logits.flatten().tolist(),
    }


def training_case(optimizer, loss, n_outputs):
    """Full-batch steps from given weights: no shuffling, so every number is determined."""
    net = Net([5, 3], [nn.ReLU(), nn.Sigmoid()], False, 4, n_outputs)
    start = arrays(net)
    x = torch.randn(20, 4)
    y = torch.randint(0, max(2, n_outputs), (20,))
    step = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd-momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "adam-decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    }[optimizer](net.parameters())
    losses = []
    for _ in range(20):
        logits = net(x)
        if loss == "cross-entropy":
            value = (nn.functional.binary_cross_entropy_with_logits(logits[:, 0], y.float()) if n_outputs == 1
                     else nn.functional.cross_entropy(logits, y))
        else:
            p = torch.sigmoid(logits) if n_outputs == 1 else torch.softmax(logits, 1)
            target = y.float()[:, None] if n_outputs == 1 else nn.functional.one_hot(y, n_outputs).float()
            value = nn.functional.mse_loss(p, target)
        step.zero_grad()
        value.backward()
        step.step()
        losses.append(value.item())
    with torch.no_grad():
        logits = net(x)
    return {
        "optimizer": optimizer, "loss": loss, "n_outputs": n_outputs, "start": start, "x": x.flatten().tolist(),
        "y": y.tolist(), "losses": losses, "logits": logits.flatten().tolist(),
    }


def main():
    torch.manual_seed(7)
    names = list(ACTIVATIONS)
    forward = [forward_case(f"{a}", [a, "sigmoid"], False, 1) for a in names]
    forward += [forward_case("batch norm", ["relu", "tanh"], True, 1), forward_case("softmax", ["mish", "gelu"], False, 3)]
    training = [training_case(o, l, k) for o, l, k in [
        ("adam", "cross-entropy", 1), ("adam", "mean-squared-error", 1), ("sgd", "cross-entropy", 1),
        ("sgd-momentum", "cross-entropy", 1), ("adam-decay", "cross-entropy", 1),
        ("adam", "cross-entropy", 3), ("adam", "mean-squared-error", 3)]]
    out = pathlib.Path(__file__).with_name("pytorch.json")
    out.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "forward": forward, "training": training}))


if __name__ == "__main__":
    main()
