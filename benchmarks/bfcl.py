"""BFCL's `ast_checker` and ours on the same predictions: how often they agree, and every class of difference.

The questions are BFCL's own (simple_python, multiple, parallel); the predictions are their gold answers and every
mutation of `bfcl_predictions` at every place. BFCL's checker runs in an environment of its own (see `bfcl_peer`), named
by --bfcl-python or TOOLFT_BFCL_PYTHON; without one nothing is compared.

    python -m benchmarks.bfcl --bfcl-python FOLDER/bin/python [--quick] [--json] [--record FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bfcl_predictions import Prediction, predictions
from toolft_pipeline.evaluation.bfcl.answer_check import find_mismatch
from toolft_pipeline.evaluation.bfcl.questions import Question, QuestionSet, load_questions

COMPARED = (QuestionSet.SIMPLE_PYTHON, QuestionSet.MULTIPLE, QuestionSet.PARALLEL)
"""What `ast_checker` judges; irrelevance asks only whether there is a call."""

QUICK = 60
"""Questions of each set."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A difference that is meant: which predictions it touches, who accepts them, and why we keep to it."""

    says: str
    kinds: str
    we_accept: bool


REASONS = (
    Reason(says="a whole number is a float inside of lists too, as it is outside", kinds="item: int for float",
           we_accept=True),
    Reason(says="case, spaces and punctuation of texts are ignored at every depth, not at the first two",
           kinds="key: item: (capitals|spaces|no spaces|punctuation|hyphens)", we_accept=True),
    Reason(says="a call that two expected ones fit goes to the one that no other call fits, not to the first",
           kinds="calls (permuted|reversed)", we_accept=True),
    Reason(says="[] is no possible value of a list that may be left out: the mark \"\" is no empty list",
           kinds="empty list.*|item dropped", we_accept=False),
    Reason(says="types hold in lists of lists: 10.0 is no integer there either", kinds="item: item: float for int",
           we_accept=False),
    Reason(says="true is not 1 inside of objects either", kinds="key: truth for number", we_accept=False),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A prediction on which the checkers disagree: what each says, and the reason if it is a listed one."""

    prediction: Prediction
    ours: str | None
    theirs: str
    reason: Reason | None


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description="BFCL's checker and ours on the same predictions.")
    parser.add_argument("--bfcl-python", type=Path, help="an interpreter that has the package bfcl-eval")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} questions of each set")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument(
        "--record", type=Path, help="write a prediction of each kind with BFCL's verdict, for the tests"
    )
    asked = parser.parse_args()
    python = asked.bfcl_python or Path(os.environ.get("TOOLFT_BFCL_PYTHON", ""))
    figures: dict[str, float] = {}
    made: list[Prediction] = []
    if python.is_file():
        peer = _ask(python, [])[0]
        made = list(_predictions(Path(peer["data"]), at_most=QUICK if asked.quick else None))
        verdicts = _ask(python, made)[1:]
        differences = list(_differences(made, verdicts))
        figures = _figures(made, differences)
        _print(peer["version"], made, differences)
        if asked.record:
            _record(asked.record, peer["version"], made, verdicts, differences)
    else:
        print(
            "skipped: nothing to compare with; python -m venv FOLDER && FOLDER/bin/pip install --no-deps bfcl-eval, "
            "then --bfcl-python FOLDER/bin/python"
        )
    if asked.json:
        print(json.dumps({"figures": figures, "against": {"agreement": 0.99}, "rows": len(made)}))
    sys.exit(figures.get("unexplained", 0) > 0.01 * len(made))


def _predictions(data: Path, *, at_most: int | None) -> Iterator[Prediction]:
    for of in COMPARED:
        for question in load_questions(data, of=of, at_most=at_most):
            yield from predictions(question)


def _ask(python: Path, made: Sequence[Prediction]) -> list[dict[str, Any]]:
    """What BFCL says: its version and place first, then a verdict for each prediction."""
    peer = Path(__file__).with_name("bfcl_peer.py")
    lines = "".join(json.dumps(_row(each)) + "\n" for each in made)
    done = subprocess.run([str(python), str(peer)], input=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python} does not run BFCL's checker: {done.stderr.strip().splitlines()[-1]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _row(made: Prediction) -> dict[str, Any]:
    question = made.question
    return {
        "set": question.of,
        "functions": question.functions,
        "expected": [{each.name: each.values} for each in question.expected],
        "calls": [{name: arguments} for name, arguments in made.calls],
    }


def _differences(made: Sequence[Prediction], verdicts: Sequence[dict[str, Any]]) -> Iterator[Difference]:
    for each, verdict in zip(made, verdicts, strict=True):
        ours = find_mismatch(each.question, each.calls)
        if (ours is None) != verdict["valid"]:
            reason = next(
                (
                    reason
                    for reason in REASONS
                    if re.fullmatch(reason.kinds, each.kind) and reason.we_accept is (ours is None)
                ),
                None,
            )
            yield Difference(prediction=each, ours=ours, theirs=verdict["error"] or "valid", reason=reason)


def _figures(made: Sequence[Prediction], differences: Sequence[Difference]) -> dict[str, float]:
    unexplained = sum(each.reason is None for each in differences)
    return {
        "agreement": 1 - len(differences) / len(made),
        "agreement_apart_from_reasons": 1 - unexplained / len(made),
        "differences": float(len(differences)),
        "unexplained": float(unexplained),
    }


def _print(version: str, made: Sequence[Prediction], differences: Sequence[Difference]) -> None:
    figures = _figures(made, differences)
    questions = len({each.question.id for each in made})
    print(f"bfcl-eval {version}: {len(made):,} predictions for {questions} questions")
    print(f"the same verdict on {figures['agreement']:.2%}, {len(differences)} differ")
    for reason, count in Counter(each.reason for each in differences).most_common():
        if reason is not None:
            print(f"{count:>6}  {'we accept' if reason.we_accept else 'we refuse'}: {reason.says}")
    for each in differences:
        if each.reason is None:
            said = f"we say {each.ours or 'valid'}, BFCL says {each.theirs}"
            print(f"UNEXPLAINED {each.prediction.question.id}, {each.prediction.kind}: {said}")


def _record(
    path: Path,
    version: str,
    made: Sequence[Prediction],
    verdicts: Sequence[dict[str, Any]],
    differences: Sequence[Difference],
) -> None:
    """One prediction of each kind and verdict, those of short questions first, and one of each reasoned difference."""
    reasons = {id(each.prediction): each.reason.says for each in differences if each.reason is not None}
    rows: dict[tuple[str, bool, str | None], dict[str, Any]] = {}
    questions: dict[str, Question] = {}
    ranked = sorted(zip(made, verdicts, strict=True), key=lambda pair: len(json.dumps(_row(pair[0]))))
    for each, verdict in ranked:
        reason = reasons.get(id(each))
        row = {"id": each.question.id, "kind": each.kind, "calls": each.calls, "valid": verdict["valid"]}
        if rows.setdefault((each.kind, verdict["valid"], reason), row | {"differs": reason})["id"] == each.question.id:
            questions[each.question.id] = each.question
    shown = {
        id_: {"of": question.of, "functions": question.functions, "expected": _expected(question)}
        for id_, question in sorted(questions.items())
    }
    source = f"questions and verdicts of bfcl-eval {version} (Berkeley Function Calling Leaderboard; Apache-2.0)"
    lines = [{"source": source, "questions": shown}, *rows.values()]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _expected(question: Question) -> list[dict[str, Any]]:
    return [{"name": each.name, "values": each.values} for each in question.expected]


if __name__ == "__main__":
    main()
