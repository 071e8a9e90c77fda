"""Twelve months of history as a CRM would export it: files for the import, made from the simulated world."""

import datetime
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reps.models import Rep
from routing.engine.worlds import (
    COMPETITORS,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    SOURCES,
    URGENCIES,
    History,
    Leads,
    World,
)
from routing.services.demo.cast import PLACES, RATES, Cast, email_of

SIZE_RANGE = ((5, 49), (50, 199), (200, 999), (1000, 4999), (5000, 60_000))
KNOWN_ACCOUNT_SHARE = 0.4  # how often a lead comes from an account that is known already
CURRENT_TOOLS = ("Spreadsheets", "In-house", "Legacy CRM", "")


@dataclass(frozen=True)
class AccountDraft:
    name: str
    industry: int
    size: int
    region: int
    employees: int
    state: str
    city: str


def draw_accounts(leads: Leads, cast: Cast) -> list[AccountDraft]:
    """The account of each lead: some come back, from the same industry, size and region."""
    rng = cast.rng
    known: dict[tuple[int, int, int], list[AccountDraft]] = {}
    found = []
    for i in range(len(leads)):
        key = (int(leads.industry[i]), int(leads.size[i]), int(leads.region[i]))
        before = known.setdefault(key, [])
        if before and rng.random() < KNOWN_ACCOUNT_SHARE:
            found.append(before[int(rng.integers(len(before)))])
            continue
        place = PLACES[key[2]]
        state, city = place.states[int(rng.integers(len(place.states)))]
        low, high = SIZE_RANGE[key[1]]
        name = cast.company(INDUSTRIES[key[0]])
        draft = AccountDraft(name, *key, int(rng.integers(low, high + 1)), state, city)
        before.append(draft)
        found.append(draft)
    return found


def lead_rows(
    leads: Leads, accounts: list[AccountDraft], cast: Cast, start: datetime.datetime, first: int
) -> pd.DataFrame:
    """The facts of each lead as import columns; `first` numbers the external ids."""
    rng = cast.rng
    rows = []
    for i in range(len(leads)):
        account, place = accounts[i], PLACES[int(leads.region[i])]
        rate = 1 / float(RATES.get(place.currency, "1"))
        contact = cast.person(place.locale)
        rows.append(
            {
                "external_id": f"L-{first + i:06d}",
                "name": account.name,
                "kind": "deal" if leads.value[i] > 20_000 else "lead",
                "account": account.name,
                "contact_name": contact,
                "contact_email": email_of(contact, f"{''.join(account.name.casefold().split())}.example"),
                "product": PRODUCTS[leads.product[i]],
                "source": SOURCES[leads.source[i]],
                "industry": INDUSTRIES[leads.industry[i]],
                "employees": account.employees,
                "country": place.country,
                "region": account.state,
                "city": account.city,
                "language": LANGUAGES[leads.language[i]],
                "urgency": URGENCIES[leads.urgency[i]],
                "competitors": "" if leads.competitor[i] < 0 else COMPETITORS[leads.competitor[i]],
                "complexity": int(leads.complexity[i]),
                "lead_score": int(np.clip(50 + 18 * leads.base[i] + 15 * leads.seen_quality[i] + 18, 1, 100)),
                "value": round(float(leads.value[i]) * rate, -2),
                "currency": place.currency,
                "current_tool": CURRENT_TOOLS[int(rng.integers(len(CURRENT_TOOLS)))],
                "opened_at": in_working_hours(start, float(leads.day[i])),
            }
        )
    return pd.DataFrame(rows)


def in_working_hours(start: datetime.datetime, day: float) -> datetime.datetime:
    """The simulated moment, moved into the day between 8 and 19 h."""
    whole = np.floor(day)
    return start + datetime.timedelta(days=float(whole), hours=8 + 11 * float(day - whole))


def history_files(
    world: World,
    leads: Leads,
    history: History,
    reps: list[Rep],
    cast: Cast,
    start: datetime.datetime,
    now: datetime.datetime,
) -> list[tuple[str, bytes]]:
    """accounts.csv, opportunities.csv and activities.csv, ready for the import."""
    accounts = draw_accounts(leads, cast)
    frame = lead_rows(leads, accounts, cast, start, 1)
    opened = pd.to_datetime(frame["opened_at"])
    delay = pd.to_timedelta(cast.rng.exponential(1.5, len(leads)), unit="h")
    assigned = opened + delay
    touched = assigned + pd.to_timedelta(history.touch_hours, unit="h")
    ended = opened + pd.to_timedelta(history.closed_day - leads.day, unit="D")
    closed = ended.where(ended > touched, touched)
    is_closed = closed < now
    stage = np.select([history.outcome == 1, history.outcome == 0], ["won", "lost"], "disqualified")
    frame["stage"] = np.where(is_closed, stage, "open")
    frame["owner"] = [reps[i].external_id for i in history.rep]
    frame["assigned_at"] = assigned.where(assigned < now, opened)
    frame["first_touch_at"] = touched.where(touched < now)
    frame["closed_at"] = closed.where(is_closed)
    activities = _activities(frame, cast)
    return [
        ("accounts.csv", _csv(_account_rows(accounts))),
        ("opportunities.csv", _csv(frame)),
        ("activities.csv", _csv(activities)),
    ]


def _account_rows(accounts: list[AccountDraft]) -> pd.DataFrame:
    unique = {account.name: account for account in accounts}
    return pd.DataFrame(
        {
            "external_id": f"A-{number:05d}",
            "name": account.name,
            "domain": f"{''.join(account.name.casefold().split())}.example",
            "industry": INDUSTRIES[account.industry],
            "employees": account.employees,
            "country": PLACES[account.region].country,
            "region": account.state,
            "city": account.city,
        }
        for number, account in enumerate(unique.values(), 1)
    )


def _activities(frame: pd.DataFrame, cast: Cast) -> pd.DataFrame:
    """The first touch of each, and a later call or meeting of some."""
    rng = cast.rng
    touched = frame[frame["first_touch_at"].notna()]
    first = pd.DataFrame(
        {
            "external_id": "T-" + touched["external_id"],
            "opportunity": touched["external_id"],
            "rep": touched["owner"],
            "kind": rng.choice(["call", "email", "meeting"], len(touched), p=[0.55, 0.4, 0.05]),
            "happened_at": touched["first_touch_at"],
        }
    )
    later = touched[touched["closed_at"].notna() & (rng.random(len(touched)) < 0.5)]
    share = rng.uniform(0.2, 0.9, len(later))
    second = pd.DataFrame(
        {
            "external_id": "M-" + later["external_id"],
            "opportunity": later["external_id"],
            "rep": later["owner"],
            "kind": rng.choice(["call", "meeting"], len(later)),
            "happened_at": later["first_touch_at"] + (later["closed_at"] - later["first_touch_at"]) * share,
        }
    )
    return pd.concat([first, second], ignore_index=True)


def _csv(frame: pd.DataFrame) -> bytes:
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, date_format="%Y-%m-%dT%H:%M:%S%z")
    return buffer.getvalue().encode()
