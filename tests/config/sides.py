"""The same records on two sides: of a rep in one team, and of one in another."""

from dataclasses import dataclass

from crm.models import Activity, DuplicateLink, Opportunity
from crm.services import ownership
from crm.services.opportunities import create_opportunity
from reps.models import Absence, CalendarFeed, ProfileProposal, Rep, TagSuggestion
from routing.models import QueueItem
from routing.services.decisions import route
from tests.conftest import NOW


@dataclass(frozen=True)
class Side:
    """What belongs to one rep and so to one team."""

    rep: Rep
    opportunity: Opportunity
    item: QueueItem
    absence: Absence
    calendar: CalendarFeed
    proposal: ProfileProposal
    suggestion: TagSuggestion
    activity: Activity
    link: DuplicateLink


def owned_by(rep: Rep, name: str) -> Opportunity:
    opportunity = create_opportunity(values={"name": name, "external_id": f"X-{name}"}, at=NOW, by=None)
    ownership.assign(opportunity=opportunity, rep=rep, source="person", at=NOW, by=rep.user)
    return opportunity


def side_of(rep: Rep) -> Side:
    opportunity = owned_by(rep, f"Lead of {rep.name}")
    waiting = create_opportunity(values={"name": "Waiting"}, at=NOW, by=None)
    route(opportunity_id=waiting.pk)
    item = QueueItem.objects.get(opportunity=waiting, state="pending")
    QueueItem.objects.filter(pk=item.pk).update(kind="suggestion", rep=rep, team=rep.team)
    Rep.objects.update(pending=1)  # each has one, whomever it was suggested to
    nothing: dict[str, object] = {"set": [], "remove": [], "fields": {}}
    found = {"suggested_at": NOW, "found_at": NOW, "sentence": "Won 5 of 6."}
    return Side(
        rep=rep,
        opportunity=opportunity,
        item=item,
        absence=Absence.objects.create(rep=rep, starts_at=NOW.replace(year=2030)),
        calendar=CalendarFeed.objects.create(rep=rep, kind="upload", updated_at=NOW),
        proposal=ProfileProposal.objects.create(rep=rep, proposed_at=NOW, difference=nothing, changes={}),
        suggestion=TagSuggestion.objects.create(
            rep=rep, kind="industry", name="Energy", action="add", **found
        ),
        activity=Activity.objects.create(opportunity=opportunity, rep=rep, kind="call", happened_at=NOW),
        link=DuplicateLink.objects.create(
            opportunity=opportunity,
            original=owned_by(rep, f"First of {rep.name}"),
            state="offered",
            why="The same person",
        ),
    )
