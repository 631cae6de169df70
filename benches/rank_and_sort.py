"""How much other music to hold likes against, what fits no playlist, how often chance is let through: the figures of docs/uses.md.

    cargo build --release --examples
    python benches/rank_and_sort.py background target/release/examples
    python benches/rank_and_sort.py none target/release/examples
    python benches/rank_and_sort.py chance target/release/examples

Python 3 alone; reads the shipped tables, writes to a temporary folder.
"""

import csv
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write(path, rows):
    columns = [name for name in rows[0] if name not in ("label", "playlist_name")]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def run(program, *arguments):
    output = subprocess.run([program, *map(str, arguments)], capture_output=True, cwd=ROOT, check=False)
    if output.returncode != 0:
        raise SystemExit(output.stderr.decode())
    return json.loads(output.stdout)


def area(positives, negatives):
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))


def playlists():
    """By playlist its tracks, shuffled."""
    with open(ROOT / "datasets/playlists.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_label = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    for label, own in by_label.items():
        random.Random(label).shuffle(own)
    return dict(sorted(by_label.items()))


def other_music(examples, folder):
    """One in fourteen tracks of the background, as CSV: unseen others to rank."""
    arguments = ["--from", ROOT / "datasets/background.parquet", "--out", folder / "bg"]
    subprocess.run([examples / "fetch_playlists", *map(str, arguments)], capture_output=True, check=True)
    with open(folder / "bg/background.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::14]
    path = folder / "others.csv"
    write(path, rows)
    return path


def background(examples, folder):
    others = other_music(examples, folder)
    print("likes  others  ROC AUC  log loss at even shares")
    for n_likes in (20, 60):
        for n_others in (40, 100, 300, 1000, 3000):
            areas, losses = [], []
            for label, own in list(playlists().items())[::6]:
                likes, unseen = folder / "likes.csv", folder / "unseen.csv"
                write(likes, own[:n_likes])
                write(unseen, own[n_likes:])
                report = run(examples / "rank_tracks", "--likes", likes, "--candidates", unseen, others,
                             "--n-background", n_others, "--explain", 0, "--anyway", "--json")
                ids = {row["track_id"] for row in own}
                scored = [(track["probability"], track["track_id"] in ids) for track in report["tracks"]]
                yes = [p for p, is_own in scored if is_own]
                no = [p for p, is_own in scored if not is_own]
                areas.append(area(yes, no))
                losses.append(-0.5 * (sum(math.log(max(p, 1e-9)) for p in yes) / len(yes)
                                      + sum(math.log(max(1 - p, 1e-9)) for p in no) / len(no)))
            print(f"{n_likes:5}  {n_others:6}  {sum(areas) / len(areas):7.3f}  {sum(losses) / len(losses):8.3f}", flush=True)


def none(examples, folder):
    labels = playlists()
    names = list(labels)
    for seed in range(4):
        chosen = random.Random(seed).sample(names, 12)
        strangers = [name for name in names if name not in chosen][:12]
        paths = []
        for number, name in enumerate(chosen):
            paths.append(folder / f"{number}.csv")
            write(paths[-1], labels[name][:80])
        unsorted = folder / "unsorted.csv"
        write(unsorted, [row for name in chosen for row in labels[name][80:]]
              + [row for name in strangers for row in labels[name][:20]])
        own = {row["track_id"] for name in chosen for row in labels[name]}
        for mode in ([], ["--multi-label"]):
            report = run(examples / "sort_into_playlists", "--playlist", *paths, "--tracks", unsorted, *mode,
                         "--seed", seed, "--json")
            tracks = [track for track in report["tracks"] if not track["on_already"]]
            members = [track for track in tracks if track["track_id"] in own]
            others = [track for track in tracks if track["track_id"] not in own]
            kept = sum(track["fit"] >= report["none"]["threshold"] for track in members) / len(members)
            refused = sum(track["fit"] < report["none"]["threshold"] for track in others) / len(others)
            rules = {
                "fit": lambda track: track["fit"],
                "best": lambda track: track["best"][0]["probability"],
                "both": lambda track: track["fit"] * track["best"][0]["probability"],
            }
            areas = {name: area([rule(t) for t in members], [rule(t) for t in others]) for name, rule in rules.items()}
            text = ", ".join(f"{name} {value:.3f}" for name, value in areas.items())
            print(f"seed {seed} {report['mode']:11} members kept {kept:.2f}, strangers refused {refused:.2f}, "
                  f"other music refused {report['none']['others_refused']:.2f}; ROC AUC by {text}", flush=True)


def chance(examples, folder):
    """Likes and dislikes drawn from one pool: how often is that called better than chance?"""
    with open(ROOT / "datasets/two_listeners.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for n in (20, 60):
        levels = []
        for seed in range(200):
            drawn = random.Random(seed).sample(rows, 2 * n + 1)
            for name, part in (("likes", drawn[:n]), ("dislikes", drawn[n:-1]), ("one", drawn[-1:])):
                write(folder / f"{name}.csv", part)
            report = run(examples / "rank_tracks", "--likes", folder / "likes.csv", "--dislikes", folder / "dislikes.csv",
                         "--candidates", folder / "one.csv", "--explain", 0, "--anyway", "--json", "--seed", seed)
            levels.append(report["check"]["p_value"])
        shares = ", ".join(f"{sum(p < level for p in levels) / len(levels):.3f} below {level}" for level in (0.05, 0.1, 0.5))
        print(f"{n} likes, {n} dislikes of one pool, {len(levels)} times: p-values {shares}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        {"background": background, "none": none, "chance": chance}[sys.argv[1]](Path(sys.argv[2]).resolve(), Path(folder))
