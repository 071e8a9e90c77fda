"""Where a team's expertise is thin, held against what opportunities ask for.

`able` are reps who have the skill at least solidly and whose certification has not expired: somebody who is learning
it does not close a gap.
"""

ONE_IS_FEW_FROM = 5  # opportunities from which a single rep is a risk
STRETCHED_FROM = 40  # opportunities for each able rep


def gap_words(*, asked: int, able: int) -> str:
    """In words, "" where there is no gap; `asked` counts opportunities."""
    if not asked:
        return ""
    if not able:
        return "nobody"
    if able == 1 and asked >= ONE_IS_FEW_FROM:
        return "one rep only"
    return "few for the demand" if asked / able >= STRETCHED_FROM else ""
