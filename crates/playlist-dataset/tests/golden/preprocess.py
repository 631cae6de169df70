"""Golden values for the scalers, the imputer and the normal distribution.

Writes preprocess.json and preprocess_normal.json beside this file:

    python preprocess.py

Made with scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6; the JSON names the versions that ran.
Quantities are float32, as in the crate, and computed in float64 from there on.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    normalize,
)

HERE = Path(__file__).parent
COLUMNS = ["even", "skewed", "loudness", "duration_ms", "zeros", "mode", "tempo", "rare", "constant"]


def table(n_samples, first):
    """The rows that `table` in preprocess_golden.rs makes: only exact operations, so equal to the bit."""
    i = np.arange(first, first + n_samples, dtype=np.float64)

    def even(step):
        return (i * step) % 1.0

    a, b, c, d = even(0.6180339887498949), even(0.7548776662466927), even(0.8191725133961645), even(0.3247179572447460)
    return np.stack(
        [
            a,
            1000.0 * b * b,
            -60.0 * c * c,
            np.floor(30000.0 + 500000.0 * d * d * d),
            np.where(a < 0.4, 0.0, a * a * a * a * a * a),
            np.where(b < 0.7, 1.0, 0.0),
            np.floor(60.0 + 120.0 * c),
            np.where(d < 0.05, 3.0, 4.0),
            np.full(n_samples, 4.0),
        ],
        axis=1,
    ).astype(np.float32)


def smooth_clip(z):
    return z / np.sqrt(1.0 + (z / 3.0) ** 2)


def robust(train, x):
    """RobustScaler, with pytabkit's half range where the quartiles are equal, then the smooth clip."""
    scaler = RobustScaler().fit(train)
    span = train.max(axis=0) - train.min(axis=0)
    iqr = np.quantile(train, 0.75, axis=0) - np.quantile(train, 0.25, axis=0)
    scaler.scale_ = np.where(iqr > 0, scaler.scale_, np.where(span > 0, 0.5 * span, 1.0))
    return smooth_clip(scaler.transform(x))


def quantile_normal(train, x):
    scaler = QuantileTransformer(
        n_quantiles=min(1000, len(train)), output_distribution="normal", subsample=None
    ).fit(train)
    return scaler.transform(x)


def case(n_train):
    train = table(n_train, 0).astype(np.float64)
    # Later rows, some of them outside the range of the training rows.
    test = table(12, 5000).astype(np.float64)
    test[10] = test[10] * 3.0 + 1.0
    test[11] = -test[11] - 1.0
    test = test.astype(np.float32).astype(np.float64)
    chosen = [int(row) for row in np.unique(np.linspace(0, n_train - 1, 20).astype(int))]
    x = np.concatenate([train[chosen], test])
    lower, upper = train.min(), train.max()
    return {
        "n_train": n_train,
        "train_rows": chosen,
        "test": test.tolist(),
        "scaled": {
            "min-max": MinMaxScaler().fit(train).transform(x).tolist(),
            "standard": StandardScaler().fit(train).transform(x).tolist(),
            "robust-smooth-clip": robust(train, x).tolist(),
            "quantile-normal": quantile_normal(train, x).tolist(),
            "faulty-whole-matrix-min-max": ((x - lower) / (upper - lower)).tolist(),
            "faulty-row-min-max": MinMaxScaler().fit_transform(x.T).T.tolist(),
            "faulty-row-unit-norm": Normalizer().transform(x).tolist(),
            "faulty-column-unit-norm": (x / normalize(train, axis=0, return_norm=True)[1]).tolist(),
            "faulty-column-unit-norm-per-part": normalize(x, axis=0).tolist(),
            "faulty-min-max-per-part": MinMaxScaler().fit_transform(x).tolist(),
            "faulty-whole-matrix-min-max-per-part": ((x - x.min()) / (x.max() - x.min())).tolist(),
        },
    }


def imputed():
    """Key and mode by their most frequent value, tempo by its median, indicators, then StandardScaler."""
    train = np.array(
        [
            [7, 1, 120.5],
            [2, np.nan, 98.25],
            [np.nan, 0, np.nan],
            [2, 1, 140.0],
            [7, 0, 77.0],
            [11, np.nan, np.nan],
            [0, 0, 101.5],
        ]
    )
    test = np.array([[np.nan, np.nan, np.nan], [5, 1, 240.0]])
    codes = SimpleImputer(strategy="most_frequent").fit(train[:, :2])
    tempo = SimpleImputer(strategy="median").fit(train[:, 2:])

    def fill(x):
        return np.concatenate([codes.transform(x[:, :2]), tempo.transform(x[:, 2:])], axis=1)

    scaler = StandardScaler().fit(fill(train))
    indicator = MissingIndicator().fit(train)
    x = np.concatenate([train, test])
    result = np.concatenate([scaler.transform(fill(x)), indicator.transform(x)], axis=1)
    as_json = [[None if np.isnan(value) else value for value in row] for row in x.tolist()]
    return {"columns": ["key", "mode", "tempo"], "n_train": len(train), "x": as_json, "transformed": result.tolist()}


def normal():
    p = np.concatenate([10.0 ** np.arange(-10, -1), np.linspace(0.005, 0.995, 199)])
    p = np.concatenate([p, [0.075, 0.925, 1e-7, 1 - 1e-7, 1 - 1e-5, 0.999]])
    z = np.concatenate([np.linspace(-7, 7, 113), [-1e-8, 1e-8]])
    return {
        "ppf": [[float(a), float(stats.norm.ppf(a))] for a in p],
        "cdf": [[float(a), float(stats.norm.cdf(a))] for a in z],
    }


def write(name, content):
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
    (HERE / name).write_text(json.dumps({"versions": versions} | content) + "\n")


write("preprocess.json", {"columns": COLUMNS, "cases": [case(61), case(1537)], "imputed": imputed()})
write("preprocess_normal.json", normal())
