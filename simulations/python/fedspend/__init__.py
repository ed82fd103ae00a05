"""fedspend: a federation of spending models on one machine, from Python.

The same machines, plans and names as ``fedspend-sim``: a run with the same plan, data and seed gives the same weights, to the bit.

    import fedspend
    data = fedspend.read_data("simulations/data/purchase-cards.toml", data_root="../shared/data")
    plan = fedspend.read_plan("simulations/plans/purchase-cards.toml").set("federation.rounds=50")
    run = fedspend.run(plan, data, seed=1, threads=2)
    run.summary["eval_accuracy"], run.metrics["eval_accuracy"], run.weights
"""

import json as _json
import operator as _operator
import sys as _sys

import numpy as _numpy

from . import _fedspend
from ._fedspend import ArgumentError, Data, Error, Plan, active_isa, pin_isa, read_plan

__version__ = _fedspend.version
__all__ = ["ArgumentError", "Data", "Error", "Plan", "Run", "active_isa", "baselines", "draft_plan", "evaluate", "pin_isa", "read_data", "read_plan", "run", "synth"]


class Run:
    """A finished run. ``summary``: as in summary.json; ``metrics``: a NumPy array a column of metrics.csv (NaN or "" where a round
    has no value); ``weights``: float32; ``parameters``: the same weights by name, in their shapes."""

    def __init__(self, finished):
        self._finished = finished
        self.summary = _json.loads(finished.summary_json())
        self.weights = finished.weights()
        self.parameters = {name: self.weights[offset : offset + _size(shape)].reshape(shape) for name, shape, offset in finished.layout()}
        rounds = [_json.loads(line) for line in finished.metrics_jsonl().splitlines()]
        self.metrics = {key: _column([line[key] for line in rounds]) for key in (rounds[0] if rounds else {})}

    @property
    def plan(self):
        return self._finished.plan

    def write(self, out):
        """Writes the folder that ``fedspend-sim run --out`` writes."""
        self._finished.write(out)

    def __repr__(self):
        return f"<fedspend.Run: {self.summary['rounds']} rounds, eval_accuracy {self.summary['eval_accuracy']:.4f}>"


def read_data(description, *, data_root=None, threads=2):
    """Reads CSV files by a data description (TOML)."""
    return _fedspend.read_data(description, data_root, _threads(threads))


def run(
    plan,
    data,
    *,
    rounds=None,
    cohort=None,
    seed=1,
    threads=2,
    evaluate_every=None,
    references="auto",
    settings=(),
    on_round=None,
    progress=None,
    world=None,
    checkpoint_every=None,
    keep_models=None,
    stop_after_no_gain=None,
    min_gain=None,
):
    """Trains ``plan`` on ``data`` in a federation on this machine.

    ``rounds``, ``cohort`` and ``settings`` ("section.key=value") change the plan, as ``--rounds``, ``--cohort`` and ``--set`` do.
    ``references``: central and local-only training for the report: "all", "none", or "auto", where they cost no more than the federation.
    ``world``, ``evaluate_every``, ``checkpoint_every``, ``keep_models``, ``stop_after_no_gain``, ``min_gain``: as the options of the command.
    (``checkpoint_every`` is a part of the run, as the seed is; a checkpoint is written by the command alone.)
    ``on_round(round)`` gets a dict a round; returning False ends the run with a ``fedspend.Error``.
    ``progress``: a line on standard error; by default where that is a terminal. Ctrl-C ends it after the round in progress.
    """
    changed = list(settings)
    if rounds is not None:
        changed.append(f"federation.rounds={_whole('rounds', rounds, 1, _MOST_ROUNDS)}")
    if cohort is not None:
        changed.append(f"federation.cohort={_whole('cohort', cohort, 1, _MOST_ROUNDS)}")
    if changed:
        plan = plan.set(*changed)
    if progress is None:
        progress = _sys.stderr.isatty()
    finished = _fedspend.run(
        plan,
        data,
        _seed(seed),
        _threads(threads),
        references,
        _with_progress(on_round, plan) if progress else on_round,
        world,
        _rounds("evaluate_every", evaluate_every),
        _rounds("checkpoint_every", checkpoint_every),
        _rounds("keep_models", keep_models),
        _rounds("stop_after_no_gain", stop_after_no_gain),
        min_gain,
    )
    return Run(finished)


def evaluate(plan, data, weights, *, counting="frozen", threads=2):
    """Scores weights on the held-out rows: predictions, accuracy, top3, loss, and arrays of one value a client."""
    totals, predictions, correct = _fedspend.evaluate(plan, data, weights, counting, _threads(threads))
    return {**totals, "client_predictions": predictions, "client_correct": correct}


def baselines(data, *, model="next_category", holdout_fraction=0.2, min_rows=5):
    """The lines that a model must beat, by their names in ``fedspend-sim baselines``; each has what the model is scored by (models/README.md)."""
    return _fedspend.baselines(data, model, holdout_fraction, _whole("min_rows", min_rows, 1, 1_000_000))


def draft_plan(data, *, model="next_category", max_categories=0, seed=None, demonstration=False, settings=()):
    """A plan for the data, as ``fedspend-sim plan`` drafts it."""
    if seed is not None:
        seed = _seed(seed)
    return _fedspend.draft_plan(data, model, _whole("max_categories", max_categories, 0, 65_533), seed, demonstration, list(settings))


def synth(out, *, clients, seed=1, months=12, unusual=60):
    """Writes a synthetic population and returns the path of its data description.

    ``unusual``: of a thousand months of a customer, those with an incident of unusual activity (labelled in the file)."""
    return _fedspend.synth(out, _whole("clients", clients, 1, 10_000_000), _seed(seed), _whole("months", months, 1, 120), _whole("unusual", unusual, 0, 1000))


_MOST_ROUNDS = 1_000_000


def _whole(name, value, low, high):
    """The value, or an error in the words that the commands have."""
    try:
        number = _operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        error = ArgumentError(f"{name} {value!r} is not a whole number from {low} to {high}")
        error.code, error.message, error.hint = "invalid_argument", str(error), f"give one from {low} to {high}"
        raise error
    return number


def _seed(value):
    return _whole("seed", value, 0, 2**63 - 1)


def _threads(value):
    return _whole("threads", value, 1, 256)


def _rounds(name, value):
    return 0 if value is None else _whole(name, value, 1, _MOST_ROUNDS)


def _size(shape):
    size = 1
    for length in shape:
        size *= length
    return size


def _column(values):
    if all(isinstance(value, bool) for value in values):
        return _numpy.array(values)
    if any(isinstance(value, (str, dict, list)) for value in values):
        return _numpy.array(values, dtype=object)
    if all(isinstance(value, int) for value in values):
        return _numpy.array(values, dtype=_numpy.int64)
    return _numpy.array([_numpy.nan if value is None else value for value in values], dtype=_numpy.float64)


def _with_progress(on_round, plan):
    accuracy = None

    def told(values):
        nonlocal accuracy
        accuracy = accuracy if values["eval_accuracy"] is None else values["eval_accuracy"]
        note = "" if accuracy is None else f", accuracy {accuracy:.3f}"
        _sys.stderr.write(f"\rround {values['round']} of {plan.rounds}{note} ")
        if values["round"] == plan.rounds:
            _sys.stderr.write("\n")
        _sys.stderr.flush()
        return None if on_round is None else on_round(values)

    return told
