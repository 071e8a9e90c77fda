"""A row of the demo's leads as intake takes it."""

from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import Any


def intake_values(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """An import row as intake takes a lead."""
    place = {name: row[name] for name in ("country", "region", "city", "industry", "employees")}
    elsewhere = ("account", "contact_name", "contact_email", "opened_at", "current_tool")
    values = {str(key): value for key, value in row.items() if key not in elsewhere}
    competitors = [row["competitors"]] if row["competitors"] else []
    return values | {
        "company": {"name": str(row["account"]), **place},
        "person": {"name": row["contact_name"], "email": row["contact_email"]},
        "competitors": competitors,
        "value": Decimal(str(row["value"])),
        "custom": {"current_tool": row["current_tool"]} if row["current_tool"] else {},
    }
