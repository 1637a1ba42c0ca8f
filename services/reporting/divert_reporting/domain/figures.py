"""Figures with their uncertainty."""

from collections.abc import Iterable
from enum import StrEnum
from math import sqrt

from divert_contracts.model import Model
from divert_contracts.vocabulary import Change, Eligibility
from divert_reporting.domain.cells import Cells

Z = 1.959963984540054
"""Of the normal distribution, for 95%."""


class Pair(Model):
    """How often the rules and a person decided so."""

    automatic: Eligibility
    person: Eligibility
    """``needs_review`` when the person would have asked somebody."""
    calls: int


class Agreement(Model):
    """How often a person who decided again, without knowing it, what the rules had decided came to the same."""

    rereviewed: int
    """Calls."""
    agreed: int
    """Calls."""
    share: float | None
    """Agreed of those decided again, 0 to 1; null when there are none."""
    low: float | None
    """Lower end of the 95% interval (Wilson)."""
    high: float | None
    """Upper end."""
    pairs: tuple[Pair, ...]


def agreement(counted: Iterable[tuple[str, str, int]]) -> Agreement:
    """Return the figure from counts by what the rules and what persons decided."""
    pairs = tuple(Pair(automatic=Eligibility(a), person=Eligibility(p), calls=n) for a, p, n in counted)
    rereviewed = sum(one.calls for one in pairs)
    agreed = sum(one.calls for one in pairs if one.automatic is one.person)
    low, high = wilson(agreed, rereviewed) if rereviewed else (None, None)
    return Agreement(
        rereviewed=rereviewed,
        agreed=agreed,
        share=agreed / rereviewed if rereviewed else None,
        low=low,
        high=high,
        pairs=pairs,
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson's score, without correction for continuity).

    Args:
        hits: how many.
        of: of how many; at least 1.
    """
    share = hits / of
    centre = share + Z * Z / (2 * of)
    spread = Z * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    whole = 1 + Z * Z / of
    # Rounding may not push an end past the share itself.
    return max(0.0, min(share, (centre - spread) / whole)), min(1.0, max(share, (centre + spread) / whole))


class Of(StrEnum):
    """What "resolved without police" is a share of; the narrower, the larger it is."""

    ELIGIBLE = "eligible"
    """All diverted calls that were fit for a team."""
    ACKNOWLEDGED = "acknowledged"
    """Those that a provider took."""
    REACHED = "reached"
    """Those where a team spoke with the person."""


class WithoutPolice(Model):
    """Calls resolved without police, as a share of a denominator that was chosen; no share without its name."""

    of: Of
    calls: int
    """In the denominator."""
    resolved: int
    """Of these without police, in calls."""
    share: float | None
    """0 to 1; null when there are no calls."""
    low: float | None
    """Lower end of the 95% interval (Wilson)."""
    high: float | None
    """Upper end."""


def without_police(cells: Cells, of: Of) -> WithoutPolice:
    """Return the share over one denominator from the cells of the figure."""
    calls, resolved = cells.n(of), cells.n("resolved_without_police")
    low, high = wilson(resolved, calls) if calls else (None, None)
    share = resolved / calls if calls else None
    return WithoutPolice(of=of, calls=calls, resolved=resolved, share=share, low=low, high=high)


class Shadowed(Model):
    """Calls that a policy tried beside the one in force would have decided otherwise."""

    policy: str
    """The version that is tried."""
    change: Change
    rule: str | None
    """The rule that decided."""
    shadow_rule: str | None
    """The rule by which it would have been decided."""
    calls: int


def in_danger_order(counted: Iterable[Shadowed]) -> list[Shadowed]:
    """Return the counts by version, dangerous changes first, most calls before fewer."""
    order = {change: place for place, change in enumerate(Change)}
    return sorted(
        counted,
        key=lambda one: (one.policy, order[one.change], -one.calls, one.rule or "", one.shadow_rule or ""),
    )
