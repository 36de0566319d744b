"""Answers questions with SciPy, Apache Otava and the Python HdrHistogram, for tests that compare the lab with them.

Standard input: a JSON list of questions, each an object with "kind" and what the kind needs.
Standard output: a JSON list with a list of numbers for each; null where a number is not finite.
Exit status 77: a library is missing; standard error says which.
"""

import base64
import importlib.util
import json
import math
import struct
import sys
import zlib

questions = json.load(sys.stdin)
needs = {"numpy", "scipy"}
for question in questions:
    needs |= {"otava"} if question["kind"] in ("otava", "split") else set()
    needs |= {"hdrh"} if question["kind"] in ("histogram", "percentiles") else set()
for name in sorted(needs):
    if importlib.util.find_spec(name) is None:
        print(name, file=sys.stderr)
        sys.exit(77)

import numpy as np
from scipy import stats

if "otava" in needs:
    from otava.analysis import compute_change_points
    from otava.change_point_divisive.calculator import PairDistanceCalculator
if "hdrh" in needs:
    from hdrh.histogram import HdrHistogram


def beta(q):
    return [stats.beta.cdf(q["x"], q["a"], q["b"]), stats.beta.sf(q["x"], q["a"], q["b"])]


def normal(q):
    return [stats.norm.cdf(q["z"]), stats.norm.ppf(q["p"])]


def student(q):
    return [2 * stats.t.sf(q["t"], q["freedom"]), stats.t.isf(q["p"] / 2, q["freedom"])]


def proportion(q):
    interval = stats.binomtest(q["good"], q["count"]).proportion_ci(q["confidence"], method="exact")
    return [interval.low, interval.high]


def ranks(q):
    share, count, tail = q["thousandths"] / 100_000, q["count"], (1 - q["confidence"]) / 2
    below = stats.binom.ppf(tail, count, share)
    if stats.binom.cdf(below, count, share) > tail:
        below -= 1
    lower = below + 1
    # P(X >= hi) <= tail is P(X <= hi-1) >= 1-tail.
    upper = stats.binom.isf(tail, count, share) + 1
    return [lower if lower >= 1 else math.nan, upper if upper <= count else math.nan]


def mann_whitney(q):
    x, y = np.array(q["first"]), np.array(q["second"])
    result = [stats.mannwhitneyu(x, y).statistic, float(np.median(np.subtract.outer(x, y)))]
    if q["exact"]:
        u = result[0]
        side = "less" if u < len(x) * len(y) / 2 else "greater"

        def statistic(a, b, axis):
            return stats.mannwhitneyu(a, b, axis=axis, method="asymptotic").statistic

        test = stats.permutation_test((x, y), statistic, vectorized=True, n_resamples=np.inf, alternative=side)
        result.append(min(1, 2 * test.pvalue) if u != len(x) * len(y) / 2 else 1)
    else:
        result.append(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)
    return result


def wilcoxon(q):
    d = np.array(q["differences"])
    kept = d[d != 0]
    ranks_of = stats.rankdata(np.abs(kept))
    walsh = np.add.outer(d, d)[np.triu_indices(len(d))] / 2
    result = [ranks_of[kept > 0].sum(), float(np.median(walsh)), stats.binomtest(int((kept > 0).sum()), len(kept), 0.5).pvalue]
    if q["method"] == "permutation":
        test = stats.wilcoxon(kept, method=stats.PermutationMethod(n_resamples=np.inf))
    else:
        test = stats.wilcoxon(kept, method=q["method"], correction=q["method"] == "asymptotic")
    return result + [test.pvalue]


def shifted(q):
    """p-values of Wilcoxon's exact test, of the differences less each shift."""
    d = np.array(q["differences"])
    return [stats.wilcoxon(d - shift, method="exact").pvalue for shift in q["shifts"]]


def student_interval(q):
    interval = stats.ttest_1samp(q["differences"], 0).confidence_interval(q["confidence"])
    return [interval.low, interval.high]


def discovery(q):
    return list(stats.false_discovery_control(q["p"], method="bh"))


def otava(q):
    # A list: of an array it would take the whole series in each window.
    series = [float(value) for value in q["series"]]
    points, _ = compute_change_points(series, window_len=q["window"], max_pvalue=q["level"], min_magnitude=q["magnitude"])
    return [point.index for point in points]


def split(q):
    best = PairDistanceCalculator(np.array(q["series"], dtype=float)).get_candidate_change_point(slice(q["start"], q["end"]))
    return [best.index, best.qhat]


def bootstrap(q):
    """SplitMix64 and nearest rank, written out once more."""
    mask, state, samples, results = (1 << 64) - 1, q["seed"], q["samples"], []
    n, p = len(samples), q["thousandths"]

    def nearest(values):
        return sorted(values)[max(1, -(-p * n // 100_000)) - 1]

    for _ in range(q["replicates"]):
        drawn = []
        for _ in range(n):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = state
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            drawn.append(samples[((z ^ (z >> 31)) * n) >> 64])
        results.append(nearest(drawn))
    results.sort()
    b = q["replicates"]
    return [nearest(samples), results[math.ceil(b * 5 / 200) - 1], results[math.ceil(b * 195 / 200) - 1]]


def histogram(q):
    """Reads the lab's counters; the library wants them compressed. Total, counts at some values, and the largest value."""
    plain = base64.b64decode(q["counters"])
    packed = zlib.compress(plain)
    text = base64.b64encode(struct.pack(">II", 0x1C849304 | 0x10, len(packed)) + packed)
    read = HdrHistogram.decode(text)
    return [read.get_total_count(), read.get_max_value()] + [read.get_count_at_value(value) for value in q["values"]]


def percentiles(q):
    other = HdrHistogram(1, 3_600_000_000_000, 3)
    for value in q["values"]:
        other.record_value(value)
    for value in q["corrected"]:
        other.record_corrected_value(value, q["interval"])
    return [other.get_total_count()] + [other.get_value_at_percentile(p) for p in q["percentiles"]]


kinds = {
    "beta": beta, "normal": normal, "student": student, "proportion": proportion, "ranks": ranks, "mann-whitney": mann_whitney,
    "wilcoxon": wilcoxon, "shifted": shifted, "student-interval": student_interval, "discovery": discovery, "otava": otava,
    "split": split, "bootstrap": bootstrap, "histogram": histogram, "percentiles": percentiles,
}
np.seterr(all="ignore")
answers = []
for question in questions:
    numbers = [float(number) for number in kinds[question["kind"]](question)]
    answers.append([number if math.isfinite(number) else None for number in numbers])
json.dump(answers, sys.stdout)
