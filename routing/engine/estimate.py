"""An estimated figure with its standard error and 95 % interval."""

from dataclasses import dataclass

Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """`low` and `high` bound the 95 % interval."""

    value: float
    standard_error: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, standard_error: float) -> "Estimate":
        """With the interval of the normal approximation."""
        reach = Z95 * standard_error
        return cls(value, standard_error, value - reach, value + reach)

    @classmethod
    def of_share(cls, value: float, standard_error: float) -> "Estimate":
        """The same of something that lies within 0 and 1; so does its interval."""
        reach = Z95 * standard_error
        return cls(value, standard_error, max(value - reach, 0.0), min(value + reach, 1.0))
