"""The nearest of many texts, by the cosine of TF-IDF over n-grams of words and characters.

Invariant: values stand for their kind, so a request is near to the same request about another order.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.copier.entities import Lexer

_CHARACTERS = 4


def grams(text: str, lexer: Lexer) -> Counter[str]:
    """Words, pairs and triples of words, and runs of four characters."""
    words = ["^", *(token.kind for token in lexer.tokens(text)), "$"]
    found: Counter[str] = Counter()
    for n in (1, 2, 3):
        found.update(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    joined = " ".join(words)
    found.update("#" + joined[at : at + _CHARACTERS] for at in range(len(joined) - _CHARACTERS + 1))
    return found


class NearestTexts:
    """An index of texts."""

    def __init__(self, texts: Sequence[str], lexer: Lexer) -> None:
        self._lexer = lexer
        counts = [grams(text, lexer) for text in texts]
        seen = Counter(gram for count in counts for gram in count)
        self._idf = {gram: math.log(len(texts) / n) + 1 for gram, n in seen.items()}
        self._n = len(texts)
        columns: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for row, count in enumerate(counts):
            for gram, weight in self._vector(count).items():
                columns[gram][0].append(row)
                columns[gram][1].append(weight)
        self._columns = {gram: (np.array(rows), np.array(weights)) for gram, (rows, weights) in columns.items()}

    def scores(self, text: str) -> NDArray[np.float64]:
        """The cosine with every text of the index."""
        scores = np.zeros(self._n)
        for gram, weight in self._vector(grams(text, self._lexer)).items():
            if gram in self._columns:
                rows, weights = self._columns[gram]
                scores[rows] += weight * weights
        return scores

    def _vector(self, count: Counter[str]) -> dict[str, float]:
        weights = {gram: (1 + math.log(n)) * self._idf.get(gram, 0.0) for gram, n in count.items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {gram: weight / norm for gram, weight in weights.items() if weight}
