"""The Python package against the programs: same names, same bits, errors with code and hint, callbacks, the notebook."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy

import fedspend

SOURCE = pathlib.Path(os.environ["FEDSPEND_SOURCE_DIR"])
SIM = pathlib.Path(os.environ["FEDSPEND_BIN_DIR"]) / "fedspend-sim"
SMALL = ["federation.rounds=6", "federation.cohort=8"]


class Federation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="fedspend-test-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.description = fedspend.synth(cls.root / "population", clients=30, seed=3, months=2)
        cls.data = fedspend.read_data(cls.description)
        cls.plan = fedspend.draft_plan(cls.data, seed=5, demonstration=True, settings=SMALL)
        (cls.root / "plan.toml").write_text(cls.plan.text)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def sim(self, *arguments):
        done = subprocess.run([SIM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_run_gives_what_the_program_gives_to_the_bit(self):
        run = fedspend.run(self.plan, self.data, seed=4, threads=2)
        run.write(self.root / "python")
        self.sim("run", "--plan", self.root / "plan.toml", "--data", self.description, "--seed", "4", "--out", self.root / "program")
        for name in ("model.fsm", "plan.toml", "metrics.jsonl", "metrics.csv"):
            self.assertEqual((self.root / "python" / name).read_bytes(), (self.root / "program" / name).read_bytes(), name)
        program = json.loads((self.root / "program" / "summary.json").read_text())
        self.assertEqual(set(run.summary), set(program))
        for key in ("eval_accuracy", "baselines", "model_hash", "plan_hash", "updates", "bytes_up_per_client"):
            self.assertEqual(run.summary[key], program[key], key)

    def test_metrics_are_arrays_of_one_value_a_round(self):
        run = fedspend.run(self.plan, self.data, evaluate_every=3)
        self.assertEqual(run.metrics["round"].tolist(), [1, 2, 3, 4, 5, 6])
        self.assertEqual(run.metrics["updates"].dtype, numpy.int64)
        self.assertEqual(numpy.isnan(run.metrics["eval_accuracy"]).tolist(), [True, True, False, True, True, False])
        self.assertEqual(run.metrics["eval_accuracy"][5], run.summary["eval_accuracy"])

    def test_weights_are_flat_and_by_name(self):
        run = fedspend.run(self.plan, self.data, rounds=1)
        self.assertEqual(run.weights.dtype, numpy.float32)
        self.assertEqual(run.weights.shape, (self.plan.parameter_count,))
        self.assertEqual(sum(block.size for block in run.parameters.values()), self.plan.parameter_count)
        self.assertEqual(run.parameters["category_embedding"].shape[0], len(self.plan.categories) + 2)
        self.assertFalse(numpy.array_equal(run.weights, self.plan.initial_weights()))

    def test_evaluate_agrees_with_the_run_and_sums_over_clients(self):
        run = fedspend.run(self.plan, self.data, rounds=2)
        score = fedspend.evaluate(run.plan, self.data, run.weights)
        self.assertEqual(score["accuracy"], run.summary["eval_accuracy"])
        self.assertEqual(len(score["client_correct"]), self.data.clients)
        self.assertEqual(score["client_correct"].sum() / score["client_predictions"].sum(), score["accuracy"])
        worse = fedspend.evaluate(run.plan, self.data, numpy.zeros_like(run.weights))
        self.assertNotEqual(worse["loss"], score["loss"])

    def test_baselines_have_the_names_and_values_of_the_program(self):
        for model, lines in (("next_category", 8), ("spend_forecast", 4)):
            program = json.loads(self.sim("baselines", "--data", self.description, "--model", model, "--format", "json"))
            ours = fedspend.baselines(self.data, model=model)
            self.assertEqual(len(ours), lines)
            self.assertEqual(ours, program["data"]["accuracy"])

    def test_on_round_sees_every_round_and_can_end_the_run(self):
        seen = []
        fedspend.run(self.plan, self.data, on_round=lambda values: seen.append(values["round"]))
        self.assertEqual(seen, [1, 2, 3, 4, 5, 6])
        with self.assertRaises(fedspend.Error) as caught:
            fedspend.run(self.plan, self.data, on_round=lambda values: values["round"] < 3)
        self.assertEqual(caught.exception.code, "refused")
        with self.assertRaises(ZeroDivisionError):
            fedspend.run(self.plan, self.data, on_round=lambda values: 1 / 0)

    def test_what_is_wrong_is_said_with_code_and_hint(self):
        cases = {
            "not_found": lambda: fedspend.read_plan(self.root / "nowhere.toml"),
            "invalid_argument": lambda: self.plan.set("federation.round=2"),
        }
        for code, call in cases.items():
            with self.assertRaises(fedspend.Error) as caught:
                call()
            self.assertEqual(caught.exception.code, code)
            self.assertTrue(caught.exception.hint)
        for call in (
            lambda: fedspend.run(self.plan, self.data, rounds=0),
            lambda: fedspend.run(self.plan, self.data, threads=0),
            lambda: fedspend.run(self.plan, self.data, cohort=10_000),
            lambda: fedspend.evaluate(self.plan, self.data, numpy.zeros(3, dtype=numpy.float32)),
            lambda: fedspend.evaluate(self.plan, self.data, self.plan.initial_weights(), counting="twice"),
            lambda: fedspend.baselines(self.data, holdout_fraction=1.5),
            lambda: fedspend.baselines(self.data, model="horoscope"),
            lambda: fedspend.synth(self.root / "too-many", clients=0),
            lambda: fedspend.pin_isa("abacus"),
        ):
            with self.assertRaises(fedspend.Error):
                call()

    def test_wrong_numbers_are_value_errors_in_our_words(self):
        cases = {
            "seed -1 is not a whole number from 0 to 9223372036854775807": lambda: fedspend.run(self.plan, self.data, seed=-1),
            "seed 9223372036854775808 is not a whole number": lambda: fedspend.run(self.plan, self.data, seed=2**63),
            "seed 1.5 is not a whole number": lambda: fedspend.run(self.plan, self.data, seed=1.5),
            "seed 'one' is not a whole number": lambda: fedspend.synth(self.root / "wrong", clients=2, seed="one"),
            "threads 257 is not a whole number from 1 to 256": lambda: fedspend.run(self.plan, self.data, threads=257),
            "threads -1 is": lambda: fedspend.read_data(self.description, threads=-1),
            "threads None is": lambda: fedspend.evaluate(self.plan, self.data, self.plan.initial_weights(), threads=None),
            "rounds 0 is": lambda: fedspend.run(self.plan, self.data, rounds=0),
            "cohort -3 is": lambda: fedspend.run(self.plan, self.data, cohort=-3),
            "evaluate_every 0 is": lambda: fedspend.run(self.plan, self.data, evaluate_every=0),
            "checkpoint_every -1 is": lambda: fedspend.run(self.plan, self.data, checkpoint_every=-1),
            "clients 0 is": lambda: fedspend.synth(self.root / "wrong", clients=0),
            "months 121 is": lambda: fedspend.synth(self.root / "wrong", clients=2, months=121),
            "unusual 1001 is not a whole number from 0 to 1000": lambda: fedspend.synth(self.root / "wrong", clients=2, unusual=1001),
            "max_categories -1 is": lambda: fedspend.draft_plan(self.data, max_categories=-1),
            "min_rows -1 is": lambda: fedspend.baselines(self.data, min_rows=-1),
            "min_gain says what a gain is": lambda: fedspend.run(self.plan, self.data, min_gain=0.1),
            "min_gain is not a number from 0 to 1": lambda: fedspend.run(self.plan, self.data, stop_after_no_gain=1, min_gain=2),
        }
        for words, call in cases.items():
            with self.subTest(words), self.assertRaises(ValueError) as caught:
                call()
            self.assertIn(words, str(caught.exception))
            self.assertIsInstance(caught.exception, fedspend.ArgumentError)
            self.assertIsInstance(caught.exception, fedspend.Error)
            self.assertEqual(caught.exception.code, "invalid_argument")
            self.assertTrue(caught.exception.hint)
        self.assertFalse((self.root / "wrong").exists())

    def test_weights_that_are_no_numbers_have_no_score(self):
        weights = self.plan.initial_weights()
        weights[:] = numpy.nan
        with self.assertRaises(fedspend.Error) as caught:
            fedspend.evaluate(self.plan, self.data, weights)
        self.assertIn("not finite", str(caught.exception))

    def test_the_course_of_a_run_is_the_program_s_to_the_bit(self):
        world = SOURCE / "simulations/worlds/mixed.toml"
        run = fedspend.run(self.plan, self.data, seed=2, world=world, evaluate_every=1, checkpoint_every=2, keep_models=2, stop_after_no_gain=2, min_gain=0.5)
        run.write(self.root / "course")
        options = ["--world", world, "--evaluate-every", "1", "--checkpoint-every", "2", "--keep-models", "2", "--stop-after-no-gain", "2", "--min-gain", "0.5"]
        self.sim("run", "--plan", self.root / "plan.toml", "--data", self.description, "--seed", "2", "--out", self.root / "course-program", *options)
        for name in ("model.fsm", "metrics.jsonl", "models/round-000002.fsm"):
            self.assertEqual((self.root / "course" / name).read_bytes(), (self.root / "course-program" / name).read_bytes(), name)
        self.assertTrue(run.summary["stopped_early"])
        self.assertEqual(run.metrics["published"].sum(), 3)
        with self.assertRaises(fedspend.Error) as caught:
            fedspend.run(self.plan, self.data, world=self.root / "nowhere.toml")
        self.assertEqual(caught.exception.code, "not_found")

    def test_synth_has_as_much_unusual_activity_as_it_is_asked_for(self):
        rows = {}
        for unusual in (0, 1000):
            description = fedspend.synth(self.root / f"unusual-{unusual}", clients=5, seed=3, months=2, unusual=unusual)
            lines = (pathlib.Path(description).parent / "transactions.csv").read_text().splitlines()
            label = lines[0].split(",").index("label")
            rows[unusual] = sum(line.split(",")[label] != "" for line in lines[1:])
        self.assertEqual(rows[0], 0)
        self.assertGreater(rows[1000], 0)

    def test_a_plan_is_immutable_and_set_makes_another(self):
        other = self.plan.set("federation.rounds=2")
        self.assertEqual((self.plan.rounds, other.rounds), (6, 2))
        self.assertNotEqual(self.plan.hash, other.hash)
        with self.assertRaises(AttributeError):
            self.plan.rounds = 3


class Notebook(unittest.TestCase):
    def test_it_runs_from_top_to_bottom(self):
        notebook = json.loads((SOURCE / "simulations/python/first-federation.ipynb").read_text())
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        self.assertGreater(len(cells), 4)
        self.assertTrue(all(not cell.get("outputs") for cell in notebook["cells"]), "outputs are not kept in the repository")
        here = os.getcwd()
        with tempfile.TemporaryDirectory(prefix="fedspend-test-") as folder:
            os.chdir(folder)
            try:
                names = {"__name__": "__main__"}
                for index, cell in enumerate(cells):
                    exec(compile(cell, f"cell {index + 1}", "exec"), names)
            finally:
                os.chdir(here)
        self.assertGreater(names["run"].summary["eval_accuracy"], names["run"].summary["untrained_accuracy"])


if __name__ == "__main__":
    unittest.main()
