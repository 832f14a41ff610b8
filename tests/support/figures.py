"""Results of commands with made-up figures, so that what is shown can be tested without a training."""

from alignfreeze.advice.judging import Advice, Recommendation, StrategyEstimate
from alignfreeze.advice.outcome import AdviceOutcome
from alignfreeze.alignment.agreement import Agreement
from alignfreeze.encoding.vectors import LayerResult
from alignfreeze.evaluation.drift import Drift
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.probe import Probe
from alignfreeze.evaluation.retrieval import METHODS, Retrieval
from alignfreeze.evaluation.zero_shot import Outcome, Score
from alignfreeze.experiment.cost import Cost
from alignfreeze.running.claims import Claim
from alignfreeze.running.status import RunStatus, Status
from tests.support.records import make_record, make_settings

STRATEGIES = ("baseline", "full", "front", "average(full,front)")
LANGUAGES = ("de", "tr", "zh-Hant")

TRAINING = {"steps": 1000, "seconds": 1234.5, "losses": [(10, 2.34567), (1000, 0.98765)]}

REALIGNMENT = {
    "encoder": "embedded:e5-small",
    "training": TRAINING,
    "freeze": "front",
    "frozen": {"parts": ["encoder.layer.0", "encoder.layer.1"], "parameters": 10_646_784, "n_parameters": 117_653_760},
    "links": 123_456,
    "left_out": {"too long": 1_204, "no links": 12},
    "folder": "models/realigned/e5-small-front-on-german-turkish-and-chinese",
}
FINETUNING = {
    "encoder": REALIGNMENT["folder"],
    "task": "pos",
    "items": 12_543,
    "training": TRAINING,
    "folder": "models/tagger",
}
AVERAGE = {"encoders": ["models/full", "models/front"], "weights": [0.25, 0.75], "folder": "models/mean"}
SWAP = {"encoder": "models/full", "donor": "xlm-roberta-base", "parts": "front", "folder": "models/reverted"}
POINTS = {
    "en": {"before": 91.31, "after": 91.04, "loss": 0.27},
    "sw": {"before": 65.9, "after": 66.02, "loss": -0.12},
}
CONVERSION = {
    "model": "models/tagger",
    "to": "onnx",
    "precision": "int8",
    "difference": 0.0312345,
    "bytes": 118_412_345,
    "bytes_before": 470_615_040,
    "points": POINTS,
    "folder": "models/onnx",
}
SHRUNK = {
    "model": "models/tagger",
    "subwords": 75_011,
    "subwords_before": 250_037,
    "bytes": 200_712_345,
    "bytes_before": 470_615_040,
    "difference": 1.1920929e-07,
    "languages": {
        "en": {"subwords": 0.9998, "split_otherwise": 0.0004, "measured_on": "the list of words"},
        "sw": {"subwords": 0.9871, "split_otherwise": 0.0213, "measured_on": "texts held out"},
    },
    "points": POINTS,
    "folder": "models/small",
}
COST = Cost("cpu", False, False, realignment_step=1.234, finetuning_step=0.567, hours=12.3, memory_gib=3.4)


def _agreement(aer):
    return Agreement(0.9123, 0.845, aer, found=5_000, sure=4_000, possible=6_000, pairs=447)


def layer_results():
    """The agreement of links from three layers."""
    return [
        LayerResult(aligner, layer, 1e-3, layer != 8, _agreement(0.123 + 0.01 * layer))
        for layer in (8, 0, 12)
        for aligner in ("argmax", "softmax")
    ]


def tested():
    """Scores in three languages."""
    shares = (0.91234, 0.7, 0.05)
    scores = [Score(code, "accuracy", share, 25_096, "words") for code, share in zip(LANGUAGES, shares, strict=True)]
    return Outcome(tuple(scores), (), {})


def study_records(*, more=(), seeds=(31, 42, 66)):
    """The records of four strategies in English, in three other languages, and in more."""
    settings = make_settings((*LANGUAGES, *more), strategies=list(STRATEGIES), seeds=list(seeds))
    for number, strategy in enumerate(STRATEGIES):
        for place, seed in enumerate(seeds):
            scores = {
                "en": 0.95 - 0.001 * number + 0.002 * place,
                "de": 0.80 + 0.01 * number + 0.001 * place * place,
                "tr": 0.70 + 0.004 * number * (1 - place),
                "zh-Hant": 0.50 - 0.02 * number + 0.003 * place,
            } | {code: 0.6 + 0.01 * number * at for at, code in enumerate(more)}
            yield make_record(settings, strategy, scores, seed=seed)


def progress():
    """The progress of runs of all kinds, but for one that runs now."""
    claim = Claim("node-17.cluster.example.org", 123_456, 0.0, "fine-tuning", 1_200, 12_500, values={"loss": 0.98765})
    runs = [
        RunStatus("baseline-31-0123abcd", "complete", seconds=3_723.4, score=0.71234),
        RunStatus("front-31-4567cdef", "interrupted", claim),
        RunStatus("average(full,front)-31-89ab0123", "failed", error="the loss is not a number at step 1,234"),
        RunStatus("full-31-cdef4567", "waiting"),
    ]
    return Status(tuple(runs), 7_446.8)


def probe_of(encoders=("e5-small", "e5-small-front-on-german")):
    """What a probe of two encoders finds in two languages and three layers."""
    retrieval = {
        name: [
            Retrieval(language, layer, method, 0.5 + 0.1 * number, 0.4 + 0.05 * layer + 0.01 * place, 2_000)
            for language in ("de", "tr")
            for layer in (0, 6, 12)
            for place, method in enumerate(METHODS)
        ]
        for number, name in enumerate(encoders)
    }
    drift = {encoders[1]: [Drift(layer, 0.0123 * layer) for layer in (0, 6, 12)]}
    cosines = [GradientCosine(layer, 0.1 - 0.02 * layer, 0.05, 8) for layer in (0, 6, 12)]
    gradients = dict.fromkeys(encoders, cosines)
    return Probe({name: f"models/{name}" for name in encoders}, retrieval, drift, gradients)


def advice_outcome(out):
    """Advice for two languages."""
    gains = {"de": 0.008, "tr": -0.012, None: -0.002}
    items = [_recommend(language, gain) for language, gain in gains.items()]
    settings = make_settings(("de", "tr"), strategies=list(STRATEGIES))
    advice = Advice(tuple(items[:2]), items[2], (31,), {"baseline": 0.9})
    return AdviceOutcome(advice, settings, (250, 500), 0.25, settings, out)


def _probability(gain):
    return min(0.99, max(0.01, 0.5 + 27 * gain))


def _recommend(language, gain):
    gains = {name: number * gain for number, name in enumerate(STRATEGIES)}
    estimated = {
        name: StrategyEstimate(0.8, 0.8, 0.5, 0.0, 0.1, one, (one - 0.02, one + 0.021), _probability(one), 0.25, 0.74)
        for name, one in gains.items()
    }
    if gain > 0:
        return Recommendation(language, "front", "better", 0.93, 0.74, 0.5, ("full",), estimated, 500)
    return Recommendation(language, "baseline", "baseline", 0.62, 0.08, 0.5, (), estimated, 500)
