"""Runs every exported learner of a folder on the examples of examples.json; a JSON line of predictions for each."""

import importlib.util
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
examples = json.loads((folder / "examples.json").read_text())

for path in sorted(folder.glob("program_*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    learner = module.Learner(len(examples[0]["features"]))
    predictions = []
    for example in examples:
        prediction = float(learner.predict(example["features"]))
        predictions.append(prediction if prediction - prediction == 0 else None)
        learner.learn(example["label"])
    print(json.dumps({"name": path.stem, "predictions": predictions}))
