"""What a website's form may send, by name: an allow list of our fields, and how a flat form becomes one opportunity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Our field by its path, in the words of the settings page, and the name that a form would give it.
FIELDS: Mapping[str, tuple[str, str]] = {
    "name": ("What it is about", "subject"),
    "company.name": ("Company", "company"),
    "company.domain": ("Company’s domain", "domain"),
    "person.name": ("Name of the person", "name"),
    "person.email": ("Email address", "email"),
    "person.phone": ("Phone", "phone"),
    "person.title": ("Job title", "title"),
    "product": ("Product", "product"),
    "industry": ("Industry", "industry"),
    "employees": ("Employees", "employees"),
    "country": ("Country", "country"),
    "region": ("State or region", "region"),
    "city": ("City", "city"),
    "postal_code": ("Postal code", "postal_code"),
    "language": ("Language", "language"),
    "urgency": ("Urgency (now, quarter, year, exploring)", "urgency"),
    "source": ("Source", "source"),
}
OFFERED = ("company.name", "person.name", "person.email", "person.phone", "country")  # in a new form
LONGEST_NAME, LONGEST_VALUE = 60, 2000
Nested = dict[str, "str | dict[str, str]"]


@dataclass(frozen=True)
class Sorted:
    """`values` by our path; `unknown` names that the form has no field for; `wrong` by the form's name."""

    values: Mapping[str, str]
    unknown: Sequence[str]
    wrong: Mapping[str, str]


def sort_out(sent: Mapping[str, object], mapping: Mapping[str, str], ignored: frozenset[str]) -> Sorted:
    """The form's fields under our names. Numbers and truth values count as their text; empty ones as not sent."""
    values: dict[str, str] = {}
    unknown: list[str] = []
    wrong: dict[str, str] = {}
    for name, value in sent.items():
        if name in ignored:
            continue
        if name not in mapping:
            unknown.append(name)
            continue
        text = _text(value)
        if text is None:
            wrong[name] = f"Text of at most {LONGEST_VALUE} characters is expected."
        elif text:
            values[mapping[name]] = text
    return Sorted(values, unknown, wrong)


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = repr(value) if abs(value) < 10**15 else "too large"
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        return None
    return value.strip() if is_storable(value) else None


def is_storable(text: str) -> bool:
    """Whether the database can keep it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def nested(values: Mapping[str, str]) -> Nested:
    """`company.name` becomes {"company": {"name": …}}."""
    found: Nested = {}
    for path, value in values.items():
        part, _, name = path.partition(".")
        if name:
            inner = found.setdefault(part, {})
            assert isinstance(inner, dict)
            inner[name] = value
        else:
            found[part] = value
    company = found.get("company")
    if isinstance(company, dict) and not company.get("name"):
        company["name"] = company.get("domain", "")
    whom = values.get("person.name") or values.get("person.email")
    if whom and not company:
        found.setdefault("name", whom[:200])
    return found
