"""Over capacity: flagged once for each episode, whatever brought the load there, and over by itself."""

import datetime

from django.db import transaction
from django.db.models import Exists, FloatField, OuterRef
from django.db.models.functions import Cast, Coalesce

from reps.models import OverCapacity, Rep
from reps.queries.people import organisation


@transaction.atomic
def begin_over_capacity(*, rep: Rep, load: int, at: datetime.datetime) -> bool:
    """Notes an episode; False where one is on already. The rep's row must be locked by the caller's transaction."""
    if OverCapacity.objects.filter(rep=rep, ended_at__isnull=True).exists():
        return False
    OverCapacity.objects.create(rep=rep, began_at=at, load=load, max_open=rep.max_open)
    return True


@transaction.atomic
def watch_over_capacity(*, at: datetime.datetime) -> list[Rep]:
    """Ends the episodes that are over and begins the new ones; returns whom they begin for."""
    share = organisation().band_bounds.at_up_to / 100
    ceiling = Cast(Coalesce("own_max_open", "role_template__max_open"), FloatField()) * share
    over = Rep.objects.filter(left_at__isnull=True, load__gt=ceiling)
    open_episodes = OverCapacity.objects.filter(ended_at__isnull=True)
    ended = open_episodes.exclude(rep__in=over).select_for_update(skip_locked=True, of=("self",))
    OverCapacity.objects.filter(pk__in=[episode.pk for episode in ended]).update(ended_at=at)
    known = open_episodes.filter(rep=OuterRef("pk"))
    new = over.exclude(Exists(known)).select_related("role_template").order_by("pk")
    locked = new.select_for_update(no_key=True, of=("self",))
    return [rep for rep in locked if begin_over_capacity(rep=rep, load=rep.load, at=at)]
