"""One cell's text → one value, or the reason why not. Ranges are those of the columns that the values go to.

How dates and decimals are written is a matter of the whole column: `date_order` and `decimal_mark` read it from the
values that can mean only one thing, and say "ask" where none does. A cell is never evaluated: `=1+1` is text.
"""

import datetime
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from crm.engine.imports.fields import Field
from crm.engine.words import SIZE_BANDS, currency_code, size_band

ASK = "ask"
EMPTY = {"n/a", "#n/a", "null", "nan", "(blank)", "(null)"}  # not "NA", which is Namibia, and not "None"
NO_NUMBER = EMPTY | {"na", "none", "nat", "-", "–", "—", "<na>"}
MAX_MONEY = Decimal(10) ** 14
MAX_COUNT = 2_147_483_647
MAX_CUSTOM = 2_000
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]+")
_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ufeff]+")
_NUMERIC_DATE = re.compile(r"^(\d{1,2})([./\-])(\d{1,2})\2(\d{4}|\d{2})(?:[T ,]+(.+))?$")
_YEAR_FIRST = re.compile(r"^(\d{4})([./\-]?)(\d{1,2})\2(\d{1,2})(?:[T ]+(.+))?$")
_TIME = re.compile(
    r"^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y", "%Y %b %d")
_EMAIL = re.compile(r"^[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]{2,}$")
_AMOUNT = re.compile(r"^[+-]?(\d[\d.,]*|[.,]\d+)(e[+-]?\d{1,3})?$", re.IGNORECASE)
_SYMBOLS = "$€£¥₹₽₩₺₪฿"
_CURRENCY = re.compile(
    rf"^(?:[A-Za-z]{{2,3}}\$|[A-Za-z]{{3}}|[{_SYMBOLS}])+(?=[\d.,\-])|(?:[A-Za-z]{{3}}|[{_SYMBOLS}])$"
)


class Wrong(Exception):
    """The cell cannot be read; the message says why, and follows the value in a sentence."""


@dataclass(frozen=True)
class Manner:
    """How a column is to be read. `order`: dmy, mdy or "" (year first or names); `decimal`: "." or ","."""

    zone: datetime.tzinfo
    order: str = ""
    decimal: str = "."


def tidy(text: str) -> str:
    """Without control characters, doubled spaces, and the apostrophe with which we shield formulas ourselves."""
    if not text.isascii() or not text.isprintable():
        text = _CONTROL.sub(" ", text).replace("\u00a0", " ")
    text = " ".join(text.split())
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


# --- numbers -------------------------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    """An amount without currency, spaces and apostrophes; (1) is −1."""
    text = re.sub(r"[\s\u00a0\u202f'’_]", "", text).replace("−", "-")
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1]
    sign = "-" if text.startswith("-") else ""
    text = text[1:] if text[:1] in ("+", "-") else text
    text = _CURRENCY.sub("", text)
    if text.endswith("-"):
        sign, text = "-", text[:-1]
    return sign + text


def currency_in(text: str) -> str:
    """The ISO code of the currency that an amount names, "" where it names none: `€ 1.200`, `1200 CHF`."""
    symbol = re.search(rf"[{_SYMBOLS}]|[A-Za-z]{{3}}", text)
    if symbol is None or text.casefold() in NO_NUMBER:
        return ""
    known = {"₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₪": "ILS", "฿": "THB"}.get(symbol[0])
    return known or currency_code(symbol[0])


def decimal_mark(texts: Iterable[str], *, delimiter: str) -> str:
    """The point or the comma; ASK where every value could be read both ways (`1.500` among semicolons)."""
    amounts = [_bare(text) for text in texts]
    separated = [amount for amount in amounts if "," in amount or "." in amount]
    votes = {mark for amount in separated if (mark := _mark(amount))}
    if len(votes) == 1:
        return votes.pop()
    if separated and not votes and delimiter == ";":
        return ASK
    return "."


def _mark(amount: str) -> str:
    """The decimal mark that one amount proves, "" where it proves none."""
    comma, dot = amount.rfind(","), amount.rfind(".")
    if comma >= 0 and dot >= 0:
        return "," if comma > dot else "."
    last, other = (",", ".") if comma >= 0 else (".", ",")
    if amount.count(last) > 1:
        return other
    whole, fraction = amount.lstrip("+-").split(last)
    return "" if len(fraction) == 3 and whole.isdigit() and 1 <= len(whole) <= 3 and whole[0] != "0" else last


def number(text: str, manner: Manner) -> Decimal | None:
    """A finite decimal; None where the cell says that there is none. Raises Wrong."""
    if text.casefold() in NO_NUMBER:
        return None
    if text.casefold().lstrip("+-") in ("inf", "infinity"):
        raise Wrong("is not a finite number")
    amount = _bare(text)
    grouping = "." if manner.decimal == "," else ","
    if not _AMOUNT.match(amount) or _badly_grouped(amount, grouping, manner.decimal):
        raise Wrong("is not a number")
    try:
        return Decimal(amount.replace(grouping, "").replace(",", "."))
    except InvalidOperation:
        raise Wrong("is not a number") from None


def _badly_grouped(amount: str, grouping: str, decimal: str) -> bool:
    whole, *fraction = amount.lstrip("+-").split(decimal)
    first, *groups = whole.split(grouping)
    if len(fraction) > 1 or any(grouping in part for part in fraction) or (groups and not first):
        return True
    return any(len(group) not in (2, 3) for group in groups)


def amount(text: str, manner: Manner, *, below: Decimal = MAX_MONEY) -> Decimal | None:
    """Money or the like: not negative, rounded to cents."""
    found = number(text, manner)
    if found is None:
        return None
    if found < 0:
        raise Wrong("is negative")
    if found >= below:
        raise Wrong(f"is too large: at most {below - Decimal('0.01'):,.2f} fits")
    return round(found, 2)


def count(text: str, manner: Manner, *, least: int = 0, most: int = MAX_COUNT) -> int | None:
    """A whole number within bounds."""
    found = number(text, manner)
    if found is None:
        return None
    if found != found.to_integral_value():
        raise Wrong("is not a whole number")
    if found < 0 <= least:
        raise Wrong("is negative" if least == 0 else f"is not between {least} and {most:,}")
    if not least <= found <= most:
        raise Wrong("is too large" if most == MAX_COUNT else f"is not between {least} and {most:,}")
    return int(found)


def score(text: str, manner: Manner) -> int | None:
    found = number(text.removesuffix("%"), manner)
    if found is None:
        return None
    if not 0 <= found <= 100:
        raise Wrong("is not between 0 and 100")
    return math.floor(found + Decimal("0.5"))


# --- moments -------------------------------------------------------------------------------------------------------


def date_order(texts: Iterable[str]) -> str:
    """ "dmy" or "mdy" where the column tells; "" where no date needs it; ASK where 03/04/2021 could be either."""
    found = [match for text in texts if (match := _NUMERIC_DATE.match(text))]
    firsts, seconds = {int(match[1]) for match in found}, {int(match[3]) for match in found}
    if not found or max(firsts | seconds) > 31:
        return ""
    if max(firsts) > 12:
        return "dmy"
    if max(seconds) > 12:
        return "mdy"
    if all(match[2] == "." for match in found):
        return "dmy"  # nobody writes the month first with dots
    return ASK if any(match[1] != match[3] for match in found) else "dmy"


def moment(text: str, manner: Manner) -> datetime.datetime | None:
    """A moment in UTC; a date is its first moment in the zone. Raises Wrong."""
    if text.casefold() in NO_NUMBER:
        return None
    day, time = _day_and_time(text, manner)
    try:
        local = datetime.datetime(*day, tzinfo=manner.zone)
        found = (_at_time(local, time) if time else local).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise Wrong("is not a day of the calendar") from None
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise Wrong(f"is before {EARLIEST_YEAR} or after {LATEST_YEAR}")
    return found


def _day_and_time(text: str, manner: Manner) -> tuple[tuple[int, int, int], str]:
    match = _YEAR_FIRST.match(text)
    if match:
        return (int(match[1]), int(match[3]), int(match[4])), match[5] or ""
    match = _NUMERIC_DATE.match(text)
    if match:
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        year += (2000 if year < 70 else 1900) if year < 100 else 0
        return ((year, first, second) if manner.order == "mdy" else (year, second, first)), match[5] or ""
    return _named_month(text)


def _named_month(text: str) -> tuple[tuple[int, int, int], str]:
    words = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", re.sub(r"[,.\-/]", " ", text.split(":")[0]))
    parts = words.split()
    if ":" in text:  # the hour belongs to the time
        time = (parts.pop() if len(parts) > 3 else "") + text[text.index(":") :]
    else:
        time = ""
    for pattern in _NAMED_MONTHS:
        try:
            day = datetime.datetime.strptime(" ".join(parts), pattern)  # noqa: DTZ007
            return (day.year, day.month, day.day), time
        except ValueError:
            continue
    raise Wrong("is not a date; write it like 2026-03-31")


def _at_time(day: datetime.datetime, text: str) -> datetime.datetime:
    match = _TIME.match(text.strip())
    if match is None:
        raise Wrong("is not a date and time; write it like 2026-03-31 14:30")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            raise Wrong("is not a time of the day")
        hour = hour % 12 + (12 if match[5][0] in "Pp" else 0)
    found = day.replace(
        hour=hour, minute=minute, second=second, microsecond=int((match[4] or "0").ljust(6, "0"))
    )
    zone = match[6]
    if not zone:
        return found
    if zone[0] not in "+-":
        return found.replace(tzinfo=datetime.UTC)
    offset = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return found.replace(tzinfo=datetime.timezone(offset if zone[0] == "+" else -offset))


# --- choices ---------------------------------------------------------------------------------------------------------

STAGES = {
    "open": "open new prospecting engaging qualification qualified proposal negotiation discovery working contacted "
    "nurturing inprogress active demo evaluation needsanalysis valueproposition appointmentscheduled presentation "
    "presentationscheduled decisionmakerboughtin contractsent proposalpricequote negotiationreview perceptionanalysis "
    "iddecisionmakers opennotcontacted workingcontacted pending onhold attempted engaged meeting proposalsent "
    "lead mql sql opportunity pipeline commit bestcase openopportunity",
    "won": "won closedwon closewon win customer converted success closedconverted sold signed dealwon",
    "lost": "lost closedlost closelost lose loss rejected abandoned closedabandoned failed deallost nodecision",
    "disqualified": "disqualified unqualified junk spam duplicate closednotconverted invalid badfit notafit recycled",
}  # fmt: skip
URGENCIES = {
    "now": "now urgent immediate immediately asap high withinamonth onemonth 1month thismonth 30days withinonemonth",
    "quarter": "quarter withinthreemonths within3months 3months 13months thisquarter medium 90days",
    "year": "year withinayear thisyear 12months 612months 36months 6months low within12months",
    "exploring": "exploring justexploring researching notimeline unsure browsing",
}
KINDS = {"lead": "lead leads inquiry mql prospect", "deal": "deal deals opportunity opportunities opp"}
ACTIVITY_KINDS = {
    "call": "call calls phone phonecall outboundcall inboundcall telephone called callattempt connectedcall",
    "email": "email emails mail emailsent sentemail outboundemail incomingemail outgoingemail message reply",
    "meeting": "meeting meetings demo visit appointment event onsite videocall conference webinar lunch",
}
YES, NO = {"yes", "y", "true", "1", "t", "on"}, {"no", "n", "false", "0", "f", "off"}
COMPLEXITIES = {"simple": 1, "low": 1, "medium": 3, "moderate": 3, "high": 5, "complex": 5}


def _by_synonym(choices: dict[str, str]) -> dict[str, str]:
    return {synonym: name for name, synonyms in choices.items() for synonym in synonyms.split()}


_STAGES, _URGENCIES, _KINDS, _ACTIVITIES = map(_by_synonym, (STAGES, URGENCIES, KINDS, ACTIVITY_KINDS))


def _chosen(known: dict[str, str], text: str, what: str) -> str:
    found = known.get(re.sub(r"[^a-z0-9]", "", text.casefold()))
    if found is None:
        raise Wrong(f"is not {what}")
    return found


def band(text: str, manner: Manner) -> str:
    """A company size band: its own name, or the band of a number of employees."""
    squeezed = re.sub(r"employees|people|[\s,.']", "", text.casefold()).replace("–", "-").replace("to", "-")
    names = {"1-49", "50-199", "200-999", "1000-4999", "5000+"}
    if squeezed in names or squeezed == "5000andmore":
        return squeezed if squeezed in names else "5000+"
    if squeezed.isdigit():
        return size_band(min(int(squeezed), MAX_COUNT))
    lower = re.match(r"^(\d+)-(\d+)$", squeezed)
    if lower and size_band(int(lower[1])) == size_band(int(lower[2])):
        return size_band(int(lower[1]))
    raise Wrong(
        f"is none of the company sizes (up to {SIZE_BANDS[0][0] - 1}, 50-199, 200-999, 1000-4999, 5000+)"
    )


def complexity(text: str, manner: Manner) -> int | None:
    known = COMPLEXITIES.get(text.casefold())
    return known if known is not None else count(text, manner, least=1, most=5)


def email(text: str, manner: Manner) -> str:
    text = text.removeprefix("mailto:")
    named = re.search(r"<([^<>]+)>$", text)
    text = named[1] if named else text
    if not _EMAIL.match(text):
        raise Wrong("is not an email address")
    return text


def domain(text: str, manner: Manner) -> str:
    return re.sub(r"^[a-z]+://(www\.)?|^www\.", "", text.casefold()).split("/")[0].split("?")[0]


def names(text: str, manner: Manner) -> tuple[str, ...]:
    """Several names in one cell, separated by ; or |."""
    found = (tidy(name) for name in re.split(r"[;|]", text))
    return tuple(dict.fromkeys(name for name in found if name and name.casefold() not in EMPTY))


def yes_or_no(text: str, manner: Manner) -> bool | None:
    word = text.casefold()
    if word in NO_NUMBER:
        return None
    if word not in YES | NO:
        raise Wrong("is neither yes nor no")
    return word in YES


def day(text: str, manner: Manner) -> str | None:
    found = moment(text, manner)
    return found.astimezone(manner.zone).date().isoformat() if found else None


def plain_number(text: str, manner: Manner) -> int | float | None:
    """A number as JSON holds it."""
    found = number(text, manner)
    if found is None:
        return None
    if abs(found) >= Decimal(10) ** 15:
        raise Wrong("is too large")
    return int(found) if found == found.to_integral_value() else float(found)


PARSERS: dict[str, Callable[[str, Manner], Any]] = {
    "text": lambda text, manner: text,
    "note": lambda text, manner: text,
    "word": lambda text, manner: "" if text.casefold() in EMPTY else text,
    "list": names,
    "email": email,
    "domain": domain,
    "kind": lambda text, manner: _chosen(_KINDS, text, "a lead or a deal"),
    "stage": lambda text, manner: _chosen(_STAGES, text, "a stage that is known; say what it means"),
    "urgency": lambda text, manner: _chosen(_URGENCIES, text, "an urgency that is known; say what it means"),
    "activity": lambda text, manner: _chosen(_ACTIVITIES, text, "a call, an email or a meeting"),
    "size": band,
    "count": count,
    "complexity": complexity,
    "score": score,
    "year": lambda text, manner: count(text, manner, least=1000, most=2200),
    "money": amount,
    "number": lambda text, manner: amount(text, manner, below=Decimal(1000)),
    "moment": moment,
    "custom text": lambda text, manner: text,
    "custom choice": lambda text, manner: text,
    "custom number": plain_number,
    "custom boolean": yes_or_no,
    "custom date": day,
}
NUMERIC = {"count", "complexity", "score", "year", "money", "number", "custom number"}
DATED = {"moment", "custom date"}


def read(field: Field, text: str, manner: Manner) -> Any:
    """The value of a cell that is not empty. Raises Wrong."""
    value = PARSERS[field.type](text, manner)
    if isinstance(value, str) and field.max_length and len(value) > field.max_length:
        raise Wrong(f"is too long: {len(value):,} characters, at most {field.max_length:,} fit")
    if isinstance(value, tuple):
        longest = max(map(len, value), default=0)
        if longest > field.max_length:
            raise Wrong(f"names one with {longest:,} characters, at most {field.max_length:,} fit")
    return value


def infer_type(texts: Iterable[str], *, zone: datetime.tzinfo) -> str:
    """The type of a new custom field: boolean, number, date, choice (at most 12 values that recur), else text."""
    found = [text for text in texts if text and text.casefold() not in NO_NUMBER]
    distinct = set(found)
    if not distinct:
        return "text"
    if {text.casefold() for text in distinct} <= {"yes", "no", "true", "false"}:
        return "boolean"
    manner = Manner(zone, order=date_order(distinct), decimal=decimal_mark(distinct, delimiter=","))
    for kind in ("number", "date"):
        if manner.order != ASK and all(_reads(f"custom {kind}", text, manner) for text in distinct):
            return kind
    if len(distinct) <= 12 and len(found) >= 2 * len(distinct) and all(len(text) <= 80 for text in distinct):
        return "choice"
    return "text"


def _reads(kind: str, text: str, manner: Manner) -> bool:
    if kind == "custom number" and text[:1] == "0" and text.isdigit() and len(text) > 1:
        return False  # a code with leading zeros
    try:
        return PARSERS[kind](text, manner) is not None
    except Wrong:
        return False
