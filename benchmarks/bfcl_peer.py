"""BFCL's own checker behind a pipe: run by an interpreter that has the package `bfcl-eval`, and by nothing else.

It pins packages that this project cannot have beside its own, so it lives in an environment of its own, and nothing is
imported here but that package and the standard library. Predictions come in as JSON lines, verdicts go out in order.

    python -m venv bfcl && bfcl/bin/pip install --no-deps bfcl-eval
    bfcl/bin/python benchmarks/bfcl_peer.py < predictions.jsonl > verdicts.jsonl
"""

import json
import sys
import types
from importlib.metadata import version
from pathlib import Path

MODELS = "bfcl_eval.constants.model_config"


class PlainModel:
    """A model whose tool names keep their dots."""

    underscore_to_dot = False


def main() -> None:
    """The first line says the version and where the package keeps its sets; then a verdict a line."""
    models = types.ModuleType(MODELS)
    models.MODEL_CONFIG_MAPPING = {"plain": PlainModel()}
    sys.modules[MODELS] = models  # the real table imports every vendor's client, and the checker reads this one flag
    import bfcl_eval
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    data = Path(bfcl_eval.__file__).parent / "data"
    print(json.dumps({"version": version("bfcl-eval"), "data": str(data)}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            verdict = ast_checker(
                asked["functions"], asked["calls"], asked["expected"], Language.PYTHON, asked["set"], "plain"
            )
            said = {"valid": verdict["valid"], "error": verdict.get("error_type", "")}
        except Exception as error:  # a checker that falls over has not accepted
            said = {"valid": False, "error": f"crashed: {type(error).__name__}"}
        print(json.dumps(said))


if __name__ == "__main__":
    main()
