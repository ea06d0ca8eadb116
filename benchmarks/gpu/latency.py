"""How long PREDICT and CERTIFY take: by the models alone, and over HTTP with one worker."""

import statistics
from pathlib import Path

from benchmarks.gpu.agreement import Figures
from benchmarks.gpu.bench import OURS, Bench, repeated, seconds_of
from benchmarks.serving import percentile, predict_times, predict_times_under_load, random_picture, served_by, timed

WARM_UP = 2
READY_SECONDS = 300.0
"""Billions of numbers are read, checked and folded first."""


def of_models(bench: Bench, seconds: float, predict_samples: int, certify_samples: int) -> Figures:
    """Of the votes of PREDICT several times, and of those of CERTIFY, with as many to choose the class, once."""
    votes = bench.votes(OURS)
    predict = repeated(lambda: votes(0, predict_samples), bench.device, seconds)
    certify = seconds_of(lambda: votes(0, predict_samples + certify_samples), bench.device)
    return {
        "predict_samples": predict_samples,
        "predict_p50_seconds": statistics.median(predict),
        "predict_p95_seconds": percentile(predict, 0.95),
        "certify_samples": certify_samples,
        "certify_seconds": certify,
    }


def over_http(bench: Bench, folder: Path, predictions: int, certify_samples: int) -> Figures:
    """The same of the whole stack, and of predictions beside a certificate. `folder` is for pictures."""
    with served_by(bench.settings, READY_SECONDS) as server:
        predict_times(server, folder, WARM_UP, 0)
        idle = predict_times(server, folder, predictions, 1000)
        certify = timed(server.certify, random_picture(folder, 100_000), certify_samples)
        loaded, _ = predict_times_under_load(server, folder, predictions, certify_samples)
    beside = {"http_predict_p95_beside_certify_seconds": percentile(loaded, 0.95)} if loaded else {}
    return {
        "http_predict_p50_seconds": statistics.median(idle),
        "http_predict_p95_seconds": percentile(idle, 0.95),
        **beside,
        "http_certify_samples": certify_samples,
        "http_certify_seconds": certify,
    }
