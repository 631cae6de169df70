"""How much do more tracks help? Writes tables for a learning curve, and reads what was measured on them.

    python benches/peers/learning_curve.py tables --out curve datasets/two_listeners.csv
    python benches/peers/learning_curve.py tables --out curve --against datasets/background.parquet datasets/playlists.csv
    python benches/peers/compare_models.py --models catboost,sklearn-logistic curve/*.csv > peers.json
    cargo run --release --example compare_models -- --json --models logistic,ensemble --peers peers.json curve/*.csv > curve.json
    python benches/peers/learning_curve.py summary curve.json

`tables` writes one table a size, `NAME_n100.csv` and so on, as far as the training pool goes. A third of the tracks, stratified,
is the test part, the same in every size and every split. Split 0 to 4 order the other tracks at random, classes interleaved, and a
size takes the first so many: smaller training parts lie within the larger ones of the same split. What is not used is called
`valid`. Repeated ids and repeated audio are dropped, as `compare_models` would. With `--against` the tracks of the tables are one
class (`a`, the positive one) and those of that file the other (`b`); a feature that either side lacks for a tenth of its tracks is
left out, since its absence would give the class away.

`summary` prints, as Markdown, ROC AUC and log loss by size and model: means over the splits, then over the tables that have the size.
"""
import argparse
import json
import pathlib
import re
import sys
from collections import defaultdict

import numpy as np
import pandas as pd

AUDIO = ["danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
         "liveness", "tempo", "duration_ms", "time_signature", "valence"]
SIZES = [100, 300, 1000, 3000, 10000]


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def cleaned(table):
    """Rows with a label, without repeated ids and without repeated audio."""
    table = table[table["label"].notna()]
    ids = table["track_id"] if "track_id" in table else pd.Series(np.nan, table.index)
    table = table[ids.isna() | ~ids.duplicated()]
    columns = [name for name in AUDIO if name in table]
    return table[~table[columns].astype("float32").duplicated()].reset_index(drop=True)


def joined(path, against):
    """The tracks of `path` as class `a`, those of `against` as `b`."""
    sides = [read(path).assign(label="a"), read(against).assign(label="b")]
    shared = [name for name in AUDIO if all(name in side and side[name].isna().mean() < 0.1 for side in sides)]
    return pd.concat([side[["track_id", "label", *shared]] for side in sides], ignore_index=True)


def interleaved(y, rows, rng):
    """`rows` at random, each class spread evenly, so that every beginning has the shares of the whole."""
    rank = np.empty(len(rows))
    for label in np.unique(y[rows]):
        own = np.flatnonzero(y[rows] == label)
        rank[rng.permutation(own)] = (np.arange(len(own)) + rng.random()) / len(own)
    return rows[np.argsort(rank, kind="stable")]


def write_tables(args):
    args.out.mkdir(parents=True, exist_ok=True)
    for path in args.tables:
        table = cleaned(joined(path, args.against) if args.against else read(path))
        table = table[[name for name in table if not name.startswith("split")]]
        rng = np.random.default_rng(args.seed)
        y = table["label"].astype(str).to_numpy()
        order = interleaved(y, np.arange(len(table)), rng)
        n_test = round(len(table) / 3)
        test, pool = np.sort(order[:n_test]), np.sort(order[n_test:])
        orders = [interleaved(y, pool, rng) for _ in range(args.splits)]
        for size in [size for size in args.sizes if size <= len(pool)]:
            columns = {}
            for split, rows in enumerate(orders):
                part = np.full(len(table), "valid", dtype=object)
                part[test], part[rows[:size]] = "test", "train"
                columns[f"split_{split}"] = part
            target = args.out / f"{path.stem}_n{size}.csv"
            if target.exists():
                sys.exit(f"`{target}` exists already: choose another folder")
            table.assign(**columns).to_csv(target, index=False)
            print(f"{target}: {size} to learn from, {n_test} to test on", file=sys.stderr)


def print_summary(args):
    scores = defaultdict(lambda: defaultdict(list))
    models = []
    for path in args.results:
        for task in json.loads(path.read_text())["tasks"]:
            name, size = re.fullmatch(r"(.*)_n(\d+)", task["name"]).groups()
            if args.table not in (None, name):
                continue
            size = int(size)
            for model in task["models"]:
                if model["name"] not in models:
                    models.append(model["name"])
                each = [split["metrics"] for split in model["splits"]]
                scores[size][model["name"]].append([np.mean([m[name] for m in each]) for name in ("roc_auc", "log_loss")])
    print("| tracks to learn from | tables |" + "".join(f" {name} |" for name in models))
    print("|---|---|" + "---|" * len(models))
    for size in sorted(scores):
        means = {name: np.mean(each, axis=0) for name, each in scores[size].items()}
        n_tables = len(next(iter(scores[size].values())))
        print(f"| {size:,} | {n_tables} |" + "".join(" {:.4f} / {:.4f} |".format(*means[name]) for name in models))
    if len(models) > 1:
        print(f"\nROC AUC / log loss. `{models[args.of]}` against each other model, and the tables on which it is better:")
        for size in sorted(scores):
            own = np.array(scores[size][models[args.of]])
            for name in models:
                other = np.array(scores[size][name])
                if name != models[args.of]:
                    auc, loss = (own - other).T
                    print(f"- {size:,}, {name}: ROC AUC {auc.mean():+.4f}, better on {(auc > 0).sum()} of {len(auc)}; "
                          f"log loss {loss.mean():+.4f}, better on {(loss < 0).sum()} of {len(loss)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    tables = commands.add_parser("tables", help="write the tables")
    tables.add_argument("tables", nargs="+", type=pathlib.Path)
    tables.add_argument("--out", type=pathlib.Path, required=True)
    tables.add_argument("--against", type=pathlib.Path)
    tables.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=SIZES)
    tables.add_argument("--splits", type=int, default=5)
    tables.add_argument("--seed", type=int, default=0)
    tables.set_defaults(run=write_tables)
    summary = commands.add_parser("summary", help="print what was measured")
    summary.add_argument("results", nargs="+", type=pathlib.Path)
    summary.add_argument("--table", help="this table alone (default: means over all)")
    summary.add_argument("--of", type=int, default=1, help="which model is compared with the others (from 0)")
    summary.set_defaults(run=print_summary)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
