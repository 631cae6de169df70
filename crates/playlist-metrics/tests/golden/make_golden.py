"""Makes the golden values of playlist-metrics.

Run with scikit-learn 1.9, scipy 1.17 and numpy 2.4:

    python make_golden.py

It overwrites the metrics_*.json files beside it. The data is seeded, so a second run with the same
versions changes nothing. Values that neither library has (DeLong, calibration in bins of equal
count, the corrected t-test) are computed here from their definitions, in O(n^2) where that is the
plainest way, and share no code or algorithm with the crate.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
from scipy import special, stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

HERE = pathlib.Path(__file__).parent
VERSIONS = {
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "scikit-learn": sklearn.__version__,
}


def plain(value):
    """Turns numpy values into what JSON holds; infinity becomes the text `inf`."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    assert not (isinstance(value, float) and math.isnan(value)), "golden values are numbers"
    return value


def write(name, content):
    content = {"versions": VERSIONS, **plain(content)}
    text = json.dumps(content, indent=None, separators=(",", ":"), allow_nan=False)
    # One top-level item a line, so that a change shows in a diff.
    lines = [
        f"{json.dumps(key)}: {json.dumps(item, separators=(',', ':'), allow_nan=False)}"
        for key, item in content.items()
    ]
    assert json.loads(text) == content
    (HERE / f"metrics_{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


# Distributions.


def binomial_upper_tail(k, n):
    """P(X >= k) of n fair coins, summed exactly in integers where that is feasible."""
    if n <= 5000:
        total = sum(math.comb(n, i) for i in range(k, n + 1))
        return total / 2**n
    return stats.binom.sf(k - 1, n, 0.5)


def distribution():
    zs = [-8.0, -3.0, -1.0, -0.1, 0.1, 0.5, 1.0, 1.96, 2.5, 2.8284271247461903, 3.0, 4.0, 6.0, 9.0, 20.0, 37.0]
    tails = [0.5, 0.45, 0.25, 0.1, 0.05, 0.025, 0.005, 5e-4, 1e-6, 1e-10, 1e-16, 1e-100, 1e-300]
    ts = [0.001, 0.1, 0.5, 1.0, 1.7, 2.0, 3.0, 5.0, 12.0, 40.0]
    dfs = [1.0, 2.0, 3.0, 4.0, 9.0, 24.0, 99.0, 1000.0, 1e6]
    coins = [
        (1, 1), (1, 2), (2, 2), (3, 7), (7, 8), (12, 24), (13, 24), (20, 25), (25, 25), (40, 60),
        (260, 500), (300, 500), (500, 500), (1010, 2000), (1200, 2000), (50_300, 100_000),
        (51_000, 100_000), (500_400, 1_000_000), (5_003_000, 10_000_000), (5_000_000, 10_000_000),
    ]
    write(
        "distribution",
        {
            "normal_upper_tail": [[z, stats.norm.sf(z)] for z in zs],
            "normal_upper_quantile": [[t, stats.norm.isf(t)] for t in tails if t < 0.5],
            "student_two_sided_tail": [[t, df, 2 * stats.t.sf(t, df)] for df in dfs for t in ts],
            "student_two_sided_quantile": [
                [tail, df, stats.t.isf(tail / 2, df)]
                for df in dfs
                for tail in [0.9, 0.5, 0.1, 0.05, 0.01, 1e-4]
            ],
            "fair_coin_upper_tail": [[k, n, binomial_upper_tail(k, n)] for k, n in coins],
        },
    )


# Two classes.


def delong_parts(y, score):
    """Areas and structural components from the full table of pairs, O(n^2)."""
    positive, negative = score[y].astype(float), score[~y].astype(float)
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(), wins.mean(axis=1), wins.mean(axis=0)


def delong_standard_error(v, w):
    return math.sqrt(v.var(ddof=1) / len(v) + w.var(ddof=1) / len(w))


def delong_ends(auc, half_width, n_pairs, level):
    """Cut to the range; where all pairs fall out alike, the exact interval of as many disjoint ones."""
    if auc in (0, 1):
        ci = stats.binomtest(n_pairs * int(auc), n_pairs).proportion_ci(level, method="exact")
        return [ci.low, ci.high]
    return [max(auc - half_width, 0), min(auc + half_width, 1)]


def equal_count_bins(y, p, n_bins):
    """Row by row: the bin of the middle of all rows with the same prediction."""
    p = p.astype(float)
    n = len(p)
    index = [n_bins * int(2 * np.sum(p < v) + np.sum(p == v)) // (2 * n) for v in p]
    bins = []
    for k in sorted(set(index)):
        rows = np.array(index) == k
        bins.append([p[rows].min(), p[rows].max(), int(rows.sum()), p[rows].mean(), y[rows].mean()])
    return bins


def calibration_error(bins):
    n = sum(b[2] for b in bins)
    return sum(b[2] / n * abs(b[4] - b[3]) for b in bins)


def equal_width_bins(y, p, n_bins):
    fraction, mean = calibration_curve(y, p, n_bins=n_bins, strategy="uniform")
    edges = np.linspace(0, 1, n_bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], p), minlength=n_bins)
    filled = np.flatnonzero(counts)
    return [
        [edges[k], edges[k + 1], counts[k], m, f]
        for k, m, f in zip(filled, mean, fraction, strict=True)
    ]


def binary_case(name, y, p, threshold):
    y_pred = p.astype(float) >= threshold
    tn, fp, fn, tp = metrics.confusion_matrix(y, y_pred, labels=[False, True]).ravel()
    p64 = p.astype(float)
    eps = float(np.finfo(p.dtype).eps)
    clipped = np.clip(p64, eps, 1 - eps)
    case = {
        "name": name,
        "dtype": str(p.dtype),
        "threshold": threshold,
        "y_true": y,
        "y_prob": p64,
        "counts": [tp, fp, tn, fn],
        "accuracy": metrics.accuracy_score(y, y_pred),
        "precision": metrics.precision_score(y, y_pred) if tp + fp else None,
        "recall": metrics.recall_score(y, y_pred) if tp + fn else None,
        "specificity": metrics.recall_score(y, y_pred, pos_label=False) if tn + fp else None,
        "f1": metrics.f1_score(y, y_pred, zero_division=0) if tp + fp + fn else None,
        "balanced_accuracy": (
            metrics.balanced_accuracy_score(y, y_pred) if 0 < y.sum() < len(y) else None
        ),
        "matthews_correlation": (
            metrics.matthews_corrcoef(y, y_pred)
            if 0 < y.sum() < len(y) and 0 < y_pred.sum() < len(y)
            else None
        ),
        # In double precision after the clipping of the score type; scikit-learn would compute in
        # single precision throughout.
        "log_loss": metrics.log_loss(y, np.column_stack([1 - clipped, clipped]), labels=[False, True]),
        "log_loss_in_score_type": metrics.log_loss(y, p, labels=[False, True]),
        "log_loss_from_logits": np.where(y, np.logaddexp(0, -5 * p64), np.logaddexp(0, 5 * p64)).mean(),
        "brier": metrics.brier_score_loss(y, p64, pos_label=True),
        "equal_width_7": equal_width_bins(y, p64, 7),
        "equal_count_15": equal_count_bins(y, p, 15),
        "equal_count_4": equal_count_bins(y, p, 4),
    }
    case["equal_width_7_error"] = calibration_error(case["equal_width_7"])
    case["equal_count_15_error"] = calibration_error(case["equal_count_15"])
    k, n = int(tp + tn), len(y)
    interval = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    case["accuracy_wilson_90"] = [interval.low, interval.high]
    if y.any():
        case["average_precision"] = metrics.average_precision_score(y, p)
        case["pr_curve"] = metrics.precision_recall_curve(y, p)
    if y.any() and not y.all():
        fpr, tpr, thresholds = metrics.roc_curve(y, p, drop_intermediate=True)
        auc, v, w = delong_parts(y, p)
        se = delong_standard_error(v, w)
        z = stats.norm.ppf(0.95)
        test = stats.mannwhitneyu(
            p64[y], p64[~y], alternative="greater", method="asymptotic", use_continuity=True
        )
        case |= {
            "roc_auc": metrics.roc_auc_score(y, p),
            "roc_curve": [fpr, tpr, thresholds],
            "delong_standard_error": se,
            "delong_90": delong_ends(auc, z * se, int(min(y.sum(), (~y).sum())), 0.9),
            "better_than_chance": 1.0 if len(set(p64)) == 1 else test.pvalue,
        }
        assert abs(auc - case["roc_auc"]) < 1e-12
        lost, gained = (fp, tp) if (~y).sum() > y.sum() else (fn, tn)
        if y.sum() * 2 != n and gained + lost:
            case["majority_p_value"] = stats.binomtest(
                int(gained), int(gained + lost), 0.5, alternative="greater"
            ).pvalue
    return case


def binary():
    rng = np.random.default_rng(20210)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))

    def drawn(n, share, lift):
        y = rng.random(n) < share
        return y, sigmoid(rng.normal(size=n) + lift * y - 0.5)

    cases = []
    y, p = drawn(211, 0.3, 1.2)
    cases.append(binary_case("lopsided", y, p, 0.5))
    cases.append(binary_case("lopsided in single precision", y, p.astype(np.float32), 0.45))
    y, p = drawn(157, 0.6, 0.8)
    cases.append(binary_case("many ties", y, np.round(p, 1), 0.5))
    cases.append(binary_case("few levels", y, (np.round(p * 4) / 4).astype(np.float32), 0.5))
    y, p = drawn(80, 0.1, 0.0)
    cases.append(binary_case("no skill, few positives", y, p, 0.55))
    cases.append(binary_case("constant score", y, np.full(80, 0.25), 0.5))
    cases.append(binary_case("nothing predicted positive", y, p * 0.25, 0.5))
    y, p = drawn(40, 0.5, 9.0)
    cases.append(binary_case("separated", y, p, 0.9))
    cases.append(binary_case("inverted", y, 1 - p, 0.5))
    p = rng.random(33)
    cases.append(binary_case("negatives only", np.zeros(33, bool), p, 0.6))
    cases.append(binary_case("positives only", np.ones(33, bool), p.astype(np.float32), 0.6))
    y, p = drawn(64, 0.4, 1.0)
    p[:5], p[5:9] = 0.0, 1.0
    cases.append(binary_case("wrong certainties", y, p, 0.5))
    cases.append(binary_case("wrong certainties, single", y, p.astype(np.float32), 0.5))
    y, p = drawn(1200, 0.25, 0.7)
    cases.append(binary_case("many rows", y, np.round(p, 3), 0.4))
    write("binary", {f"case_{i:02}": case for i, case in enumerate(cases)})


# Two models.


def paired():
    rng = np.random.default_rng(1947)
    cases = []
    for n, share, lift_a, lift_b, digits in [
        (90, 0.35, 1.0, 0.6, 6), (90, 0.35, 1.0, 0.6, 1), (301, 0.2, 1.5, 0.2, 6),
        (60, 0.5, 0.3, 0.3, 2), (900, 0.4, 0.9, 1.0, 2), (25, 0.4, 2.0, 0.0, 6),
    ]:
        y = rng.random(n) < share
        common = rng.normal(size=n)
        a = np.round(common + 0.8 * rng.normal(size=n) + lift_a * y - 0.3, digits)
        b = np.round(common + 0.8 * rng.normal(size=n) + lift_b * y - 0.1, digits)
        auc_a, va, wa = delong_parts(y, a)
        auc_b, vb, wb = delong_parts(y, b)
        m, k = y.sum(), (~y).sum()
        # The textbook form: variances and covariances of each model, not of the difference.
        cov_v, cov_w = np.cov(va, vb), np.cov(wa, wb)
        s = cov_v / m + cov_w / k
        se = math.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
        z = (auc_a - auc_b) / se
        right_a, right_b = (a >= 0) == y, (b >= 0) == y
        only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
        cases.append(
            {
                "y_true": y,
                "score_a": a,
                "score_b": b,
                "delong": [auc_a, auc_b, se, z, 2 * stats.norm.sf(abs(z))],
                "mcnemar": [only_a, only_b, stats.binomtest(only_a, only_a + only_b, 0.5).pvalue],
            }
        )
    write("paired", {f"case_{i:02}": case for i, case in enumerate(cases)})


# Means and proportions.


def interval():
    rng = np.random.default_rng(1908)
    wilson = []
    for k, n in [(0, 1), (1, 1), (0, 9), (9, 9), (3, 17), (50, 100), (999, 1000), (123_456, 10_000_000)]:
        for level in [0.5, 0.9, 0.95, 0.999]:
            ci = stats.binomtest(k, n).proportion_ci(level, method="wilson")
            wilson.append([k, n, level, ci.low, ci.high])
    means = []
    for n, n_train, n_test in [(2, 80, 20), (5, 80, 20), (10, 900, 100), (30, 50, 50), (100, 423, 181)]:
        values = np.round(rng.normal(0.02, 0.03, size=n), 4)
        for level in [0.9, 0.95]:
            result = stats.ttest_1samp(values, 0.0)
            ci = result.confidence_interval(level)
            se = math.sqrt((1 / n + n_test / n_train) * values.var(ddof=1))
            t = values.mean() / se
            half = stats.t.ppf((1 + level) / 2, n - 1) * se
            means.append(
                {
                    "values": values,
                    "n_train": n_train,
                    "n_test": n_test,
                    "level": level,
                    "plain": [ci.low, ci.high],
                    "corrected": [values.mean() - half, values.mean() + half],
                    "test": [values.mean(), se, t, 2 * stats.t.sf(abs(t), n - 1)],
                }
            )
    write("interval", {"wilson": wilson, "means": means})


# Differences over tasks.


def signed_rank():
    rng = np.random.default_rng(1945)
    cases = []
    for n, shift, digits in [
        (5, 0.5, 9), (6, 0.9, 9), (9, 0.3, 9), (14, 0.5, 9), (25, 0.0, 9), (40, 0.4, 9), (60, 0.2, 9),
        (9, 0.5, 1), (15, 0.3, 1), (61, 0.2, 9), (200, 0.1, 9), (120, 0.1, 1),
    ]:
        differences = np.round(rng.normal(shift, 1.0, size=n), digits)
        kept = differences[differences != 0]
        ranks = stats.rankdata(np.abs(kept))
        is_tied = len(set(np.abs(kept))) < len(kept)
        if len(kept) > 60:
            # The normal approximation, without a correction for continuity.
            p = stats.wilcoxon(kept, method="asymptotic", correction=False).pvalue
        elif is_tied:
            # Every assignment of signs, which scipy does through its permutation method.
            assert len(kept) <= 16
            p = stats.wilcoxon(kept, method=stats.PermutationMethod(n_resamples=2**17)).pvalue
        else:
            p = stats.wilcoxon(kept, method="exact").pvalue
        cases.append(
            {
                "differences": differences,
                "n_different": len(kept),
                "n_positive": int((kept > 0).sum()),
                "rank_sum": ranks[kept > 0].sum(),
                "p_value": p,
            }
        )
    write("signed_rank", {f"case_{i:02}": case for i, case in enumerate(cases)})


# Several classes.


def multiclass_case(name, y, p, n_classes):
    labels = list(range(n_classes))
    y_pred = p.argmax(axis=1)
    p64 = p.astype(float)
    case = {
        "name": name,
        "dtype": str(p.dtype),
        "n_classes": n_classes,
        "y_true": y,
        "y_prob": p64.ravel(),
        "confusion": metrics.confusion_matrix(y, y_pred, labels=labels),
        "accuracy": metrics.accuracy_score(y, y_pred),
        "balanced_accuracy": metrics.recall_score(
            y, y_pred, labels=sorted(set(y.tolist())), average="macro"
        ),
        "matthews_correlation": metrics.matthews_corrcoef(y, y_pred),
        "log_loss": metrics.log_loss(y, p64, labels=labels),
        "brier": metrics.brier_score_loss(y, p64, labels=labels, scale_by_half=False),
        "top_k": [metrics.top_k_accuracy_score(y, p, k=k, labels=labels) for k in range(1, n_classes)],
        "top_class_error": calibration_error(equal_count_bins(y_pred == y, p.max(axis=1), 15)),
    }
    for average in ["macro", "micro", "weighted"]:
        case[average] = [
            score(y, y_pred, average=average, zero_division=0)
            for score in (metrics.precision_score, metrics.recall_score, metrics.f1_score)
        ]
    n = len(y)
    case["auc_per_class"] = [
        metrics.roc_auc_score(y == k, p64[:, k]) if 0 < (y == k).sum() < n else None for k in labels
    ]
    one_hot = np.eye(n_classes)[y]
    case["auc_micro"] = metrics.roc_auc_score(one_hot.ravel(), p64.ravel())
    if len(set(y.tolist())) == n_classes:
        case["auc_macro"] = metrics.roc_auc_score(y, p64, multi_class="ovr", average="macro")
        case["auc_weighted"] = metrics.roc_auc_score(y, p64, multi_class="ovr", average="weighted")
    return case


def multiclass():
    rng = np.random.default_rng(7)
    cases = []
    for name, n, weights, lift, dtype in [
        ("three classes", 120, [5, 2, 1], 1.2, np.float64),
        ("three classes in single precision", 95, [1, 3, 2], 0.8, np.float32),
        ("five classes", 300, [8, 4, 2, 1, 6], 1.5, np.float64),
        ("seven classes", 260, [1, 2, 3, 4, 5, 6, 7], 0.5, np.float64),
        ("a class without samples", 90, [3, 0, 2, 4], 1.0, np.float64),
        ("rare classes, some never predicted", 80, [30, 1, 1, 2, 1], 0.2, np.float64),
    ]:
        share = np.array(weights) / sum(weights)
        k = len(weights)
        y = rng.choice(k, size=n, p=share)
        z = rng.normal(size=(n, k)) + np.log(share + 0.01) + lift * np.eye(k)[y]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        cases.append(multiclass_case(name, y, p.astype(dtype), k))
    # Ties between classes and between rows; eighths sum to one exactly. Ties make scikit-learn's
    # top-k differ by its other order of equal classes, so it is left out here.
    y = rng.choice(4, size=150, p=[0.5, 0.2, 0.2, 0.1])
    eighths = np.array([np.bincount(rng.choice(4, size=7), minlength=4) for _ in y]) + 0.0
    eighths[np.arange(150), np.where(rng.random(150) < 0.4, y, 0)] += 1
    case = multiclass_case("ties", y, eighths / 8, 4)
    del case["top_k"]
    cases.append(case)
    write("multiclass", {f"case_{i:02}": case for i, case in enumerate(cases)})


if __name__ == "__main__":
    # scikit-learn warns of classes without predictions, which is what those cases are for.
    warnings.simplefilter("ignore")
    distribution()
    binary()
    paired()
    interval()
    signed_rank()
    multiclass()
