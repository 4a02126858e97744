"""Sequential tests that may be looked at after every conversation.

Invariant: each test is an e-process: under its hypothesis the evidence is a nonnegative supermartingale that begins at
1, so the chance that it ever reaches 1/level is at most `level` (Ville's inequality), however often it is looked at.
Evidence is the mean of bets on several alternatives, each bet a product of `1 + lambda * (x - mean)` (Waudby-Smith and
Ramdas, Estimating means of bounded random variables by betting, JRSS B 86, 2024, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

_CHAMPION_RATES = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7)
_ODDS_RATIOS = (1.5, 2.5, 5.0, 20.0)
_PARSE_SHARES = (0.01, 0.3, 0.6, 0.8, 0.9, 0.97)
"""Alternatives to a parse rate m: these shares of m."""
_CERTAIN = 700.0
"""Logarithm of the evidence of what the hypothesis calls impossible; its exponential is still a number."""


def _worse(rate: float, odds_ratio: float) -> float:
    return odds_ratio * rate / (1 - rate + odds_ratio * rate)


_PAIRS = tuple((rate, _worse(rate, ratio)) for rate in _CHAMPION_RATES for ratio in _ODDS_RATIOS)
"""Alternatives to "no worse": failure rates of champion and candidate."""


class FailureTest:
    """Evidence against "the candidate fails no more often than the champion".

    The arm of a conversation is drawn before it begins, with a known share. If the candidate is no worse, a failed
    conversation is the candidate's with a chance of at most `share`, and one that did not fail with at least `share`,
    whatever the failure rate is at that hour. The bets are on the arm, given the outcome; so traffic that gets harder
    by the hour is no evidence, and the rates of both arms need not be constant. Conversations are added in the order
    in which they began.
    """

    def __init__(self, log_wealth: Sequence[float] | None = None) -> None:
        self.log_wealth = list(log_wealth or [0.0] * len(_PAIRS))

    def add(self, *, is_candidate: bool, failed: bool, share: float) -> None:
        """Add a conversation whose outcome is known; `share` is the chance with which it could be the candidate's."""
        for index, bet in enumerate(_log_bets(share, is_candidate=is_candidate, failed=failed)):
            self.log_wealth[index] += bet

    @property
    def evidence(self) -> float:
        """The evidence so far; 1 at the beginning."""
        return _mean_of_exponentials(self.log_wealth)


@lru_cache(maxsize=64)
def _log_bets(share: float, *, is_candidate: bool, failed: bool) -> tuple[float, ...]:
    """Logarithm of what each alternative says of the arm, given the outcome, against `share`."""
    bets = []
    for champion, candidate in _PAIRS:
        ours, others = (candidate, champion) if failed else (1 - candidate, 1 - champion)
        chance = share * ours / (share * ours + (1 - share) * others)
        bets.append(math.log(chance / share if is_candidate else (1 - chance) / (1 - share)))
    return tuple(bets)


class ParseRateTest:
    """Evidence against "each turn parses with a chance of at least `min_rate`"."""

    def __init__(self, min_rate: float, log_wealth: Sequence[float] | None = None) -> None:
        self._min_rate = min_rate
        self.log_wealth = list(log_wealth or [0.0] * len(_PARSE_SHARES))

    def add(self, *, parsed: bool) -> None:
        """Add a turn."""
        if self._min_rate == 0:
            return
        for index, part in enumerate(_PARSE_SHARES):
            rate = part * self._min_rate
            if parsed:
                self.log_wealth[index] += math.log(part)
            elif self._min_rate < 1:
                self.log_wealth[index] += math.log((1 - rate) / (1 - self._min_rate))
            else:
                self.log_wealth[index] = _CERTAIN

    @property
    def evidence(self) -> float:
        """The evidence so far; 1 at the beginning."""
        return _mean_of_exponentials(self.log_wealth)


def _mean_of_exponentials(logs: Sequence[float]) -> float:
    return sum(math.exp(min(each, _CERTAIN)) for each in logs) / len(logs)
