"""The screening script: which question comes next, and when no answer can change the decision any more."""

from collections.abc import Mapping, Sequence

from divert_contracts.vocabulary import Answer, Eligibility, Question


def next_question(
    eligibility: Eligibility, missing: Sequence[Question], answers: Mapping[Question, Answer]
) -> Question | None:
    """Return what to ask next; null when it is decided, or all was asked.

    Args:
        eligibility: as the answers that were given decide.
        missing: safety questions without a yes or no, in the order of the script.
        answers: what was asked; a caller who does not know is not asked again.
    """
    if eligibility is Eligibility.INELIGIBLE:
        return None
    return next((question for question in missing if question not in answers), None)
