"""What comes in about batches and what is answered."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from reps.api.records import BIGGEST_ID, StrictSerializer
from reps.models import Job, Rep
from routing.forms.queue import reps_to_give_to
from routing.models import Batch, BatchItem, QueueItem
from routing.queries.reasons import offered_reasons

MOST_ITEMS = 20_000


class BatchInput(StrictSerializer):
    policy = serializers.CharField(max_length=120, help_text="The name of a policy that decides in batches.")


class DecisionInput(StrictSerializer):
    items = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        required=False,
        max_length=MOST_ITEMS,
        help_text="Ids of the batch's items. Left out: all that wait.",
    )


class HoldInput(StrictSerializer):
    """Why, where that is to be remembered."""

    reason = serializers.SlugRelatedField(
        slug_field="label", queryset=offered_reasons(), required=False, allow_null=True
    )
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


@extend_schema_field(OpenApiTypes.INT)
class RepOfYours(serializers.PrimaryKeyRelatedField[Rep]):
    """A rep whom the user may give something to."""

    def get_queryset(self) -> Any:
        request: Request | None = self.context.get("request")
        return Rep.objects.none() if request is None else reps_to_give_to(request.user)  # type: ignore[arg-type]


class MoveInput(HoldInput):
    rep = RepOfYours(help_text="The id of the rep who is to get it.")


class Named(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class JobOutput(serializers.Serializer[Any]):
    """What a worker does with it, and how far it is."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(Job.State.choices)
    stage = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    error = serializers.CharField()


class Decided(serializers.Serializer[Any]):
    """How many it was done to; how many could not be within the limits; how many somebody had decided before. With 202
    a worker is at it: `job`, as the batch shows it."""

    done = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    decided_before = serializers.IntegerField()
    job = JobOutput(allow_null=True)


class BatchOutput(serializers.Serializer[Any]):
    """One run of a policy's batch. `items` and `waiting` count what you may see."""

    id = serializers.IntegerField()
    policy = serializers.CharField()
    state = serializers.ChoiceField(Batch.State.choices)
    objective = serializers.CharField()
    requested_at = serializers.DateTimeField()
    requested_by = Named(allow_null=True, help_text="Null: its schedule.")
    published_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    confirms_itself = serializers.BooleanField()
    closed_at = serializers.DateTimeField(allow_null=True)
    configuration = serializers.IntegerField(allow_null=True)
    model = serializers.IntegerField(allow_null=True)
    items = serializers.IntegerField()
    waiting = serializers.IntegerField()
    error = serializers.CharField()
    job = JobOutput(allow_null=True)


class TotalsOutput(serializers.Serializer[Any]):
    """Expected wins, and value in the organisation's currency: `low` is what to promise. Beside them what deciding one
    by one (`alone`), the best pair first (`pair`) and the next in turn (`turn`) would win with the same ones."""

    count = serializers.IntegerField()
    given = serializers.IntegerField()
    waiting = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    wins = serializers.FloatField()
    low_wins = serializers.FloatField()
    value = serializers.FloatField()
    low_value = serializers.FloatField()
    alone_wins = serializers.FloatField()
    alone_value = serializers.FloatField()
    pair_wins = serializers.FloatField()
    pair_value = serializers.FloatField()
    turn_wins = serializers.FloatField()
    turn_value = serializers.FloatField()


class NobodyOutput(serializers.Serializer[Any]):
    why = serializers.CharField()
    filter = serializers.CharField(help_text="`show` of the items.")
    count = serializers.IntegerField()


class LoadOutput(serializers.Serializer[Any]):
    rep = Named()
    before = serializers.IntegerField()
    after = serializers.IntegerField()
    max_open = serializers.IntegerField()
    status = serializers.CharField()


class PriceOutput(serializers.Serializer[Any]):
    """What one more slot of the rep adds, by the proof's price and by planning again with it."""

    rep = Named()
    price = serializers.FloatField()
    adds = serializers.FloatField()


class WallOutput(serializers.Serializer[Any]):
    """What the batch would be worth more without a wall; exactly, or at most."""

    wall = serializers.CharField()
    adds = serializers.FloatField()
    is_exact = serializers.BooleanField()
    example = serializers.CharField()


class ProofOutput(serializers.Serializer[Any]):
    """`gap` 0 and verified: no other assignment is worth more."""

    sentence = serializers.CharField()
    objective = serializers.FloatField()
    gap = serializers.FloatField(allow_null=True)
    is_verified = serializers.BooleanField()
    reps = serializers.IntegerField()
    pairs = serializers.IntegerField()
    is_chance = serializers.BooleanField(
        help_text="False: match scores stand in for the chance of winning, since no model has learned from deals."
    )


class BatchDetail(BatchOutput):
    """With what it is worth and why. Prices and walls are in the unit of the objective."""

    currency = serializers.CharField()
    totals = TotalsOutput()
    nobody = NobodyOutput(many=True)
    loads = LoadOutput(many=True)
    prices = PriceOutput(many=True)
    walls = WallOutput(many=True)
    proof = ProofOutput(allow_null=True)


class LeadOutput(Named):
    external_id = serializers.CharField(allow_null=True)


class BatchItemOutput(serializers.Serializer[Any]):
    """An opportunity in a batch. `state` and `kind` of what waits, or waited, in the Routing Queue."""

    id = serializers.IntegerField()
    position = serializers.IntegerField()
    opportunity = LeadOutput()
    rep = Named(allow_null=True)
    why_not = serializers.CharField(help_text="Why nobody has it.")
    score = serializers.FloatField(allow_null=True)
    value = serializers.FloatField()
    chance = serializers.FloatField()
    chance_low = serializers.FloatField()
    worth = serializers.FloatField(help_text="What it adds to the batch.")
    one_by_one = Named(allow_null=True, help_text="Whom real-time routing would have chosen.")
    state = serializers.ChoiceField([("assigned", "Assigned at once"), *QueueItem.State.choices])
    kind = serializers.ChoiceField(QueueItem.Kind.choices, allow_null=True)
    queue_item = serializers.IntegerField(allow_null=True)
    decision = serializers.IntegerField(allow_null=True)
    edit = serializers.ChoiceField(BatchItem.Edit.choices)
    edited_by = Named(allow_null=True)
    edited_at = serializers.DateTimeField(allow_null=True)
    conflict = serializers.CharField(help_text="Why it could not be confirmed, when somebody tried.")
