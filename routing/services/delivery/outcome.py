"""What may become of sending, said for people."""


class NotSent(Exception):
    """It did not arrive, and may another time. The message names no secret."""

    def __init__(self, text: str, *, is_unreachable: bool = False) -> None:
        super().__init__(text)
        self.is_unreachable = is_unreachable  # nobody answered: what else goes there may wait as well


class Refused(NotSent):
    """The receiver does not want it and will not want it later: no use in trying again by itself."""
