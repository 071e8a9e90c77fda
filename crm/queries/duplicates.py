"""Which open opportunities a new one may repeat, what one repeats now, and what its page says of that."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from crm.engine.matching.duplicates import OpenOpportunity
from crm.models import DuplicateLink, Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.models import User
from reps.queries.prepared import ask, ask_all

MOST_CANDIDATES = 200  # of one new opportunity, the oldest: a mailbox for everybody has no end of them
LONGEST_CHAIN = 20
SHOWN_REPEATS = 20

# As the index contact_by_phone_tail has it (crm.models.accounts.PHONE_TAIL).
TAIL = "right(regexp_replace(regexp_replace(lower(c.phone), '(x|ext|#).*$', '', ''), '[^0-9]', '', 'g'), 7)"

# By the person (the contact itself, others with the same address, others whose number ends alike) or by account and
# product; every branch has an index. Of several new ones each looks at those before it only.
CANDIDATES = f"""
WITH fresh AS (
    SELECT o.id, o.contact_id, o.account_id, o.product_id, o.opened_at, lower(c.email) AS email, {TAIL} AS tail
    FROM crm_opportunity o LEFT JOIN crm_contact c ON c.id = o.contact_id WHERE o.id = ANY(%(ids)s)
), people AS (
    SELECT id, contact_id FROM fresh WHERE contact_id IS NOT NULL
    UNION SELECT f.id, c.id FROM fresh f JOIN crm_contact c ON lower(c.email) = f.email AND c.email <> ''
    UNION SELECT f.id, c.id FROM fresh f JOIN crm_contact c ON {TAIL} = f.tail AND c.phone <> ''
    WHERE length(f.tail) = 7
), found AS (
    SELECT p.id, o.id AS other FROM people p
    JOIN crm_opportunity o ON o.contact_id = p.contact_id AND o.stage = 'open'
    UNION SELECT f.id, o.id FROM fresh f
    JOIN crm_opportunity o ON o.account_id = f.account_id AND o.product_id = f.product_id AND o.stage = 'open'
        AND o.opened_at BETWEEN f.opened_at - make_interval(days => %(days)s)
            AND f.opened_at + make_interval(days => %(days)s)
), told AS (
    SELECT id, other, row_number() OVER (PARTITION BY id ORDER BY other) AS place FROM found
    WHERE other <> id AND (other < id OR NOT other = ANY(%(ids)s))
)
SELECT t.id, o.id, o.opened_at, coalesce(c.email, ''), coalesce(c.phone, ''), o.country, o.account_id, o.product_id
FROM (SELECT id, other FROM told WHERE place <= %(most)s UNION ALL SELECT id, id FROM fresh) t
JOIN crm_opportunity o ON o.id = t.other LEFT JOIN crm_contact c ON c.id = o.contact_id
ORDER BY t.id, o.id
"""
# The same for one, whose person and company are at hand: simple enough to be planned once.
CANDIDATES_OF_ONE = f"""
WITH people AS (
    SELECT %(contact)s::bigint AS id
    UNION SELECT c.id FROM crm_contact c WHERE lower(c.email) = lower(%(email)s) AND c.email <> ''
    UNION SELECT c.id FROM crm_contact c WHERE {TAIL} = {TAIL.replace("c.phone", "%(phone)s::text")} AND c.phone <> ''
        AND length({TAIL.replace("c.phone", "%(phone)s::text")}) = 7
), found AS (
    SELECT o.id FROM people p JOIN crm_opportunity o ON o.contact_id = p.id AND o.stage = 'open'
    UNION SELECT o.id FROM crm_opportunity o
    WHERE o.account_id = %(account)s AND o.product_id = %(product)s AND o.stage = 'open'
        AND o.opened_at BETWEEN %(opened)s::timestamptz - make_interval(days => %(days)s)
            AND %(opened)s::timestamptz + make_interval(days => %(days)s)
)
SELECT o.id, o.opened_at, coalesce(c.email, ''), coalesce(c.phone, ''), o.country, o.account_id, o.product_id
FROM (SELECT id FROM found WHERE NOT id = ANY(%(new)s::bigint[]) ORDER BY id LIMIT %(most)s) f
JOIN crm_opportunity o ON o.id = f.id LEFT JOIN crm_contact c ON c.id = o.contact_id
ORDER BY o.id
"""
# From each opportunity up what it repeats, through links that hold; the farthest one that is open counts.
STANDING = """
WITH RECURSIVE up(start, id, depth) AS (
    SELECT s, s, 0 FROM unnest(%(ids)s::bigint[]) s
    UNION ALL
    SELECT up.start, l.original_id, up.depth + 1 FROM up
    JOIN crm_duplicatelink l ON l.opportunity_id = up.id AND l.state IN ('linked', 'confirmed')
    WHERE up.depth < %(longest)s
)
SELECT DISTINCT ON (up.start) up.start, o.id, o.owner_id
FROM up JOIN crm_opportunity o ON o.id = up.id
WHERE o.stage = 'open' AND up.depth >= %(least)s AND (up.depth = 0 OR o.owner_id IS NOT NULL OR o.routing <> 'none')
ORDER BY up.start, up.depth DESC
"""


def load_candidates(
    opportunity_ids: Collection[int], *, within_days: int
) -> list[tuple[OpenOpportunity, list[OpenOpportunity]]]:
    """Each of the opportunities with the open ones that it could repeat; one query."""
    found: dict[int, list[OpenOpportunity]] = {}
    fresh: dict[int, OpenOpportunity] = {}
    asked = {"ids": list(opportunity_ids), "days": within_days, "most": MOST_CANDIDATES}
    for new_id, *values in ask(CANDIDATES, asked):
        other = OpenOpportunity(*values)
        if other.id == new_id:
            fresh[new_id] = other
        else:
            found.setdefault(new_id, []).append(other)
    return [(fresh[new_id], others) for new_id, others in found.items()]


def candidates_of_each(
    opportunities: Sequence[Opportunity], *, within_days: int, after: tuple[str, Any]
) -> list[tuple[OpenOpportunity, list[OpenOpportunity]]]:
    """The same for a few with their contacts at hand, stored or not (0 is the id then), those of one another left out:
    a statement for each that is planned once, all sent together after the one that waits for its turn."""
    ids = [one.pk or 0 for one in opportunities]
    _, *answers = ask_all(
        after, *((CANDIDATES_OF_ONE, _asked_of(one, ids, within_days)) for one in opportunities)
    )
    found = []
    for one, rows in zip(opportunities, answers, strict=True):
        email, phone = (one.contact.email, one.contact.phone) if one.contact else ("", "")
        new = OpenOpportunity(
            one.pk or 0, one.opened_at, email, phone, one.country, one.account_id, one.product_id
        )
        if rows:
            found.append((new, [OpenOpportunity(*row) for row in rows]))
    return found


def _asked_of(opportunity: Opportunity, ids: list[int], within_days: int) -> dict[str, object]:
    contact = opportunity.contact
    return {
        "new": ids, "contact": opportunity.contact_id, "email": contact.email if contact else "",
        "phone": contact.phone.lower() if contact else "", "account": opportunity.account_id,
        "product": opportunity.product_id, "opened": opportunity.opened_at, "days": within_days,
        "most": MOST_CANDIDATES,
    }  # fmt: skip


def first_open(opportunity_ids: Collection[int]) -> dict[int, int]:
    """For each open opportunity the first of its chain that is still open: itself, where it repeats nothing open."""
    return {start: found for start, found, _ in _standing(opportunity_ids, least=0)}


def standing_original(opportunity_id: int) -> tuple[int, int | None] | None:
    """What an opportunity repeats now, with its owner: the first of the chain that is open, and owned or still routed
    here. None where it repeats nothing that anybody works on or will."""
    return standing_originals([opportunity_id]).get(opportunity_id)


def standing_originals(opportunity_ids: Collection[int]) -> dict[int, tuple[int, int | None]]:
    """The same for many, those that repeat something."""
    if not opportunity_ids:
        return {}
    return {pk: (original, owner) for pk, original, owner in _standing(opportunity_ids, least=1)}


def _standing(opportunity_ids: Collection[int], *, least: int) -> list[tuple[int, int, int | None]]:
    return ask(STANDING, {"ids": list(opportunity_ids), "longest": LONGEST_CHAIN, "least": least})


def originals_above(opportunity_id: int) -> set[int]:
    """Every opportunity that this one repeats, directly or through others, open or not."""
    above: set[int] = set()
    while len(above) < LONGEST_CHAIN:
        link = holding(DuplicateLink.objects.filter(opportunity=opportunity_id)).first()
        if link is None or link.original_id in above:
            break
        above.add(link.original_id)
        opportunity_id = link.original_id
    return above


def holding(links: QuerySet[DuplicateLink]) -> QuerySet[DuplicateLink]:
    """Those that routing follows."""
    return links.filter(state__in=DuplicateLink.HOLDS)


def links_that_hold(opportunities: Iterable[Opportunity]) -> dict[int, DuplicateLink]:
    """What each repeats, by its id; one query."""
    found = holding(DuplicateLink.objects.filter(opportunity__in=[one.pk for one in opportunities]))
    return {link.opportunity_id: link for link in found.select_related("original")}


# --- as a page tells it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Duplicates:
    """What an opportunity repeats (`link`) or may repeat (`offers`), and what repeats it. `visible`: the ids of those
    opportunities that the user may open; `unseen` repeats are only counted."""

    link: DuplicateLink | None
    offers: tuple[DuplicateLink, ...]
    repeats: tuple[DuplicateLink, ...]
    unseen: int
    visible: frozenset[int]


def duplicates_of(opportunity: Opportunity, user: User) -> Duplicates:
    """Three queries at most."""
    above = list(
        DuplicateLink.objects.filter(opportunity=opportunity)
        .exclude(state=DuplicateLink.State.DECLINED)
        .select_related("original__owner", "confirmed_by")
        .order_by("-confidence", "pk")
    )
    below = list(
        holding(DuplicateLink.objects.filter(original=opportunity)).select_related("opportunity__owner")[
            :SHOWN_REPEATS
        ]
    )
    ids = [link.original_id for link in above] + [link.opportunity_id for link in below]
    seen = opportunities_visible_to(user).filter(pk__in=ids).values_list("pk", flat=True) if ids else ()
    visible = frozenset(seen)
    link = next((one for one in above if one.state in DuplicateLink.HOLDS), None)
    return Duplicates(
        link=link,
        offers=() if link else tuple(above),
        repeats=tuple(one for one in below if one.opportunity_id in visible),
        unseen=sum(one.opportunity_id not in visible for one in below),
        visible=visible,
    )


def originals_offered(opportunity: Opportunity, user: User) -> QuerySet[Opportunity]:
    """The open ones of the same account or contact, which a person may say that this one repeats."""
    same = Q()
    if opportunity.account_id:
        same |= Q(account=opportunity.account_id)
    if opportunity.contact_id:
        same |= Q(contact=opportunity.contact_id)
    if not same:
        return Opportunity.objects.none()
    open_ones = opportunities_visible_to(user).filter(same, stage=Opportunity.Stage.OPEN)
    return open_ones.exclude(pk=opportunity.pk).order_by("opened_at", "pk")


def duplicate_history(opportunity: Opportunity) -> Sequence[DuplicateLink]:
    """Every link of an opportunity, declined ones too."""
    found = DuplicateLink.objects.filter(opportunity=opportunity)
    return list(found.select_related("original", "confirmed_by", "declined_by"))
