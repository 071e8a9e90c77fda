"""Money in words, the same on every page and in every sentence."""

from decimal import Decimal

NBSP = "\N{NO-BREAK SPACE}"
SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CAD": "CA$", "AUD": "A$", "BRL": "R$", "MXN": "MX$",
}  # fmt: skip
WITHOUT_MINOR_UNIT = {"JPY", "KRW", "CLP", "VND", "ISK"}


def money(amount: Decimal | float | int | None, currency: str = "") -> str:
    """`$180,000`, `€42.50`, `CHF 9,000`: minor units only where there are some."""
    if amount is None or amount == "":
        return "–"
    value = Decimal(str(amount))
    whole = value == value.to_integral_value() or currency in WITHOUT_MINOR_UNIT
    number = f"{abs(value):,.0f}" if whole else f"{abs(value):,.2f}"
    return f"{'−' if value < 0 else ''}{_symbol(currency)}{number}"


def short_money(amount: Decimal | float | int | None, currency: str = "") -> str:
    """`$1.2M`, `$50K`: for places where the magnitude is enough."""
    if amount is None or amount == "":
        return "–"
    value = float(amount)
    for bound, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= bound:
            return f"{_symbol(currency)}{value / bound:.3g}{unit}"
    return f"{_symbol(currency)}{value:,.0f}"


def _symbol(currency: str) -> str:
    return SYMBOLS.get(currency) or (f"{currency}{NBSP}" if currency else "")
