"""Writes logistic.json beside this file: coefficients of scikit-learn's LogisticRegression on seeded data.

Run: python logistic.py. Made with scikit-learn 1.9.1, numpy 2.4.6.

Features are rounded to float32 first, as FeatureMatrix holds them, and then fitted in float64. The solver is
newton-cholesky, which gets closer to the optimum than lbfgs; `gradient_norm` is the largest component of the gradient of the
penalised mean loss that it left.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression


def table(seed, n_samples, n_features, n_classes, shares=None, collinear=False):
    rng = np.random.default_rng(seed)
    y = rng.choice(n_classes, size=n_samples, p=shares)
    centres = rng.normal(scale=0.8, size=(n_classes, n_features))
    x = centres[y] + rng.normal(size=(n_samples, n_features))
    if collinear:
        x = np.column_stack([x, x[:, 0], x[:, 1] - 2.0 * x[:, 2]])
    return x.astype(np.float32), y


def gradient_norm(model, x, y, alpha):
    p = model.predict_proba(x)
    y = np.eye(p.shape[1])[y]
    r = (p - y)[:, 1:] if p.shape[1] == 2 else p - y
    weights = r.T @ x + alpha * model.coef_
    return max(np.abs(weights).max(), np.abs(r.sum(axis=0)).max()) / len(x)


def fit(alpha, x, y):
    model = LogisticRegression(C=1.0 / alpha, solver="newton-cholesky", tol=1e-12, max_iter=1_000).fit(x, y)
    # The softmax does not change when one number is added to every intercept. lbfgs, which starts from zero,
    # ends where they sum to zero; newton-cholesky need not.
    if len(model.intercept_) > 1:
        model.intercept_ = model.intercept_ - model.intercept_.mean()
    return {
        "alpha": alpha,
        "coefficients": model.coef_.ravel().tolist(),
        "intercepts": model.intercept_.tolist(),
        "probabilities_of_10": model.predict_proba(x[:10]).ravel().tolist(),
        "gradient_norm": gradient_norm(model, x, y, alpha),
    }


def case(name, x, y):
    wide = x.astype(np.float64)
    return {
        "name": name,
        "n_features": x.shape[1],
        "n_classes": int(y.max()) + 1,
        "x": [float(v) for v in x.ravel()],
        "y": y.tolist(),
        "fits": [fit(alpha, wide, y) for alpha in [0.1, 1.0, 100.0]],
    }


tables = {
    "binary": table(1, 120, 4, 2),
    "binary, lopsided": table(2, 150, 5, 2, shares=[0.9, 0.1]),
    "binary, positives the majority": table(3, 90, 3, 2, shares=[0.2, 0.8]),
    "binary, collinear": table(4, 100, 3, 2, collinear=True),
    "3 classes": table(5, 120, 4, 3),
    "5 classes, lopsided": table(6, 200, 3, 5, shares=[0.4, 0.3, 0.15, 0.1, 0.05]),
    "3 classes, collinear": table(7, 90, 3, 3, collinear=True),
}
cases = [case(name, x, y) for name, (x, y) in tables.items()]
for c in cases:
    print(c["name"], [f["gradient_norm"] for f in c["fits"]])
out = {"scikit_learn": sklearn.__version__, "cases": cases}
Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
