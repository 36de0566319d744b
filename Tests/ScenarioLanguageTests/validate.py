"""Validates YAML files against JSON Schemas with a validator that is not ours.

usage: validate.py SCENARIO-SCHEMA LAB-SCHEMA QUARANTINE-SCHEMA FILE...
Prints a line for each file: its path, a tab, `good` or `bad`, a tab, the first complaint.
Scalars stay raw texts, as in the language itself. Exit code 3: a module is missing.
"""

import json
import os
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(error)
    sys.exit(3)


def validator(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


scenarios, lab, quarantine = (validator(path) for path in sys.argv[1:4])
for path in sys.argv[4:]:
    with open(path, encoding="utf-8") as file:
        document = yaml.load(file, Loader=yaml.BaseLoader)
    name = os.path.basename(path)
    chosen = lab if name.startswith("lab-") else quarantine if name.startswith("quarantine-") else scenarios
    complaint = next(iter(chosen.iter_errors(document)), None)
    text = "" if complaint is None else complaint.message[:200].replace("\n", " ").replace("\t", " ")
    print(path, "good" if complaint is None else "bad", text, sep="\t")
