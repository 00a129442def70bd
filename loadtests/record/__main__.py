"""`python -m loadtests.record` prints the JSON Schema of run.json."""

import json

from loadtests.record import Run

print(json.dumps(Run.model_json_schema(mode="serialization"), indent=1))
