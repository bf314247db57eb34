"""Whether more of a feature's values are bad than the reference lets expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from barograph_processor.signals import observed, significance
from barograph_processor.signals.api import StreamId, StreamKind
from barograph_processor.signals.counts import CategoryCounts
from barograph_processor.signals.quality import observations
from barograph_processor.signals.special_functions import special

if TYPE_CHECKING:
    from barograph_processor.signals.api import View

PRACTICAL_SHARE = 0.01
BAD = (observed.MISSING, observed.INVALID, observed.SENTINEL, observed.UNSEEN)


class Excess(NamedTuple):
    """More bad values than in the reference, beyond the practical size and chance.

    Attributes:
        feature: Name of the feature.
        state: What was observed of the values (``ml.feature.state``).
    """

    feature: str
    state: str


def excesses(view: View) -> list[Excess]:
    """Features whose missing, invalid, sentinel or unseen share is significantly too high.

    Each share is tested against the reference's plus one percentage point (`p_value`), after
    Benjamini-Hochberg across all features and kinds. Shares that fall are no fault. A reference without
    the feature's states counts as one without bad values.
    """
    if view.reference is None:
        return []
    tested: list[Excess] = []
    chances: list[float] = []
    for name, states in observations(view.states).items():
        stream = StreamId(StreamKind.FEATURE_STATES, name, basis=view.reference.id)
        before = view.reference.state(stream)
        rows = observed.rows(states)
        if not rows or view.reference.feature(name) is None:
            continue
        phi = view.reference.phi(stream, view.length_s, rows)
        for state in BAD:
            share = 0.0
            if isinstance(before, CategoryCounts) and (total := observed.rows(before)):
                share = before.counts.get(state, 0) / total
            tested.append(Excess(name, state))
            chances.append(p_value(states.counts.get(state, 0), rows, share, phi))
    rejected = significance.benjamini_hochberg(chances)
    return [one for one, far in zip(tested, rejected.tolist(), strict=True) if far]


def p_value(bad: int, rows: int, share: float, phi: float = 1.0, practical: float = PRACTICAL_SHARE) -> float:
    """Probability of so many bad rows or more, if their true share were `share` + `practical`.

    The binomial tail as an incomplete beta function, with `bad` and `rows` divided by the
    overdispersion: rows / φ is the number of independent rows that would vary as much.

    Args:
        bad: Bad rows of the window.
        rows: All rows of the window, above 0.
        share: The reference's share; its own error is left out, references being far larger than `practical`
            needs.
        phi: Overdispersion of the window.
        practical: Rise of the share that is still no matter.

    Source: Rao and Scott, "A simple method for the analysis of clustered binary data", Biometrics 48(2),
        1992: the effective sample size.

    >>> round(p_value(3, 100, 0.0), 3), p_value(0, 100, 0.0), p_value(30, 100, 0.2) < 0.05
    (0.079, 1.0, True)
    """
    allowed = share + practical
    if not bad or allowed >= 1.0:
        return 1.0
    return float(special().betainc(bad / phi, (rows - bad) / phi + 1.0, allowed))
