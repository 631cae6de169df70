"""What a user could pick instead: the models of scikit-learn and CatBoost on the splits that tables bring along.

    python -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
    peers/bin/python benches/peers/compare_models.py --threads 2 table.csv ... > peers.json
    cargo run --release --example compare_models -- --peers peers.json table.csv ...

Each table is a CSV with `label` (the first class by name is positive, as in `compare_models`), the paper's twelve features and
columns `split_0`, `split_1` ... of `train`, `test` and `valid`, which is not used. Rows with repeated ids or audio must be gone
already: `compare_models` drops them, and refuses to merge results on other rows. The JSON is that of `compare_models --json`. Values that mean "not
detected" (key -1, tempo 0, time signature 0) and empty cells are missing: CatBoost takes them as they are, the others get the
median of the training part. Every model has its defaults but for what its name says.
"""
import argparse
import datetime
import json
import pathlib
import sys
import time
import warnings

import catboost
import numpy as np
import pandas as pd
import sklearn
from sklearn import ensemble, impute, linear_model, metrics, pipeline, preprocessing

FEATURES = ["danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
            "liveness", "tempo", "duration_ms", "time_signature"]
MISSING = {"key": -1, "tempo": 0, "duration_ms": 0, "time_signature": 0}


def models(threads, seed):
    def imputed(*steps):
        return pipeline.make_pipeline(impute.SimpleImputer(strategy="median", keep_empty_features=True), *steps)

    return {
        "catboost": lambda: catboost.CatBoostClassifier(
            verbose=0, random_seed=seed, thread_count=threads, allow_writing_files=False),
        "random-forest-500": lambda: imputed(ensemble.RandomForestClassifier(
            500, min_samples_leaf=3, n_jobs=threads, random_state=seed)),
        "extra-trees-500": lambda: imputed(ensemble.ExtraTreesClassifier(
            500, min_samples_leaf=2, n_jobs=threads, random_state=seed)),
        "sklearn-logistic": lambda: imputed(
            preprocessing.StandardScaler(), linear_model.LogisticRegression(max_iter=1000)),
    }


def calibration_error(y, p, n_bins=15):
    """Over bins of equal counts, as playlist-metrics has it: equal predictions lie in one bin, that of their middle row."""
    values, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    index = (n_bins * (2 * below + counts) // (2 * len(p)))[inverse]
    rows = np.bincount(index, minlength=n_bins)
    gap = np.abs(np.bincount(index, y - p, n_bins))
    return float(gap[rows > 0].sum() / len(p))


def calibration_floor(p, seed, n_draws=1000):
    """The calibration error to expect of a perfectly calibrated model: labels drawn from `p` [n_samples], as
    playlist-metrics has it, with draws of its own."""
    rng = np.random.default_rng(seed)
    p = np.sort(p)
    values, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    starts = np.flatnonzero(np.diff((15 * (2 * below + counts) // (2 * len(p)))[inverse], prepend=-1))
    errors = [np.abs(np.add.reduceat((rng.random(len(p)) < p) - p, starts)).sum() / len(p) for _ in range(n_draws)]
    lower, upper = np.quantile(errors, [0.025, 0.975])
    return {"mean": float(np.mean(errors)), "lower": float(lower), "upper": float(upper), "n_draws": n_draws}


def scores(y, p, threshold=0.5):
    """As in `playlist_classifier`; `y` counts classes, `p` is [n_samples, n_classes]."""
    n_classes = p.shape[1]
    p = np.clip(p / p.sum(axis=1, keepdims=True), 1e-7, 1 - 1e-7)
    result = {"test_loss": None, "threshold": threshold if n_classes == 2 else None, "average_precision": None}
    if n_classes == 2:
        q, predicted = p[:, 1], p[:, 1] >= threshold
        result.update(roc_auc=metrics.roc_auc_score(y, q), average_precision=metrics.average_precision_score(y, q),
                      brier=metrics.brier_score_loss(y, q), calibration_error=calibration_error(y, q))
        average = "binary"
    else:
        predicted, one_hot = p.argmax(axis=1), np.eye(n_classes)[y]
        result.update(roc_auc=metrics.roc_auc_score(y, p / p.sum(axis=1, keepdims=True), multi_class="ovr"),
                      brier=float(((p - one_hot) ** 2).sum(axis=1).mean()),
                      calibration_error=calibration_error((predicted == y).astype(float), p.max(axis=1)))
        average = "macro"
    result["accuracy"] = metrics.accuracy_score(y, predicted)
    for name, score in [("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)]:
        result[name] = score(y, predicted, average=average, zero_division=0)
    result["log_loss"] = float(-np.log(p[np.arange(len(y)), y]).mean())
    return {key: None if value is None else float(value) for key, value in result.items()}


def run(path, make, args):
    table = pd.read_csv(path)
    for name in FEATURES:
        if name not in table:
            table[name] = np.nan
        if name in MISSING:
            table.loc[table[name] == MISSING[name], name] = np.nan
    x = table[FEATURES].to_numpy(float)
    names = sorted(table[args.label].astype(str).unique())
    # Of two classes the positive one comes last.
    names = names[::-1] if len(names) == 2 else names
    y = table[args.label].astype(str).map(names.index).to_numpy()
    splits = [column for column in table if column.startswith("split_")]
    results = {name: [] for name in make}
    for column in splits:
        # What a column calls `valid` is not used.
        train, test = ((table[column] == part).to_numpy() for part in ("train", "test"))
        for name, new in make.items():
            model, start = new(), time.perf_counter()
            model.fit(x[train], y[train])
            fitted = time.perf_counter()
            p = model.predict_proba(x[test])
            predicted = time.perf_counter()
            confidence = p[:, 1] if len(names) == 2 else p.max(axis=1)
            results[name].append({"metrics": scores(y[test], p),
                                  "calibration_floor": calibration_floor(confidence, args.seed),
                                  "fit_seconds": fitted - start, "predict_seconds": predicted - fitted})
        print(f"{path.stem} {column}", file=sys.stderr)
    return {"name": path.stem, "n": len(table), "n_classes": len(names),
            "models": [{"name": name, "splits": splits} for name, splits in results.items()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=pathlib.Path)
    parser.add_argument("--label", default="label")
    parser.add_argument("--models", help="names, separated by commas (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    make = models(args.threads, args.seed)
    if args.models:
        make = {name: make[name] for name in args.models.split(",")}
    tasks = [run(path, make, args) for path in args.tables]
    versions = {"catboost": catboost.__version__, "scikit-learn": sklearn.__version__, "threads": str(args.threads),
                "date": datetime.date.today().isoformat()}
    json.dump({"tasks": tasks, "overall": [], "seed": args.seed, "versions": versions}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
