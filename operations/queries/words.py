"""Numbers of operations in words."""


def age(seconds: float) -> str:
    """Rounded to what matters: “40 s”, “7 min”, “3 h”, “12 days”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def days(number: float) -> str:
    return "1 day" if round(number) == 1 else f"{number:.0f} days"


def bytes_in_words(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 or share == 0 else "less than 1%"


def of_all(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"
