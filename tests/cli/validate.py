"""Holds documents against schemas: reads pairs from stdin, one JSON object a line, and says what does not fit."""
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

wrong = 0
for line in sys.stdin:
    pair = json.loads(line)
    Draft202012Validator.check_schema(pair["schema"])
    validator = Draft202012Validator(pair["schema"], format_checker=FormatChecker())
    for error in validator.iter_errors(pair["document"]):
        wrong += 1
        print(f"{pair['command']}: {error.json_path}: {error.message[:400]}")
sys.exit(1 if wrong else 0)
