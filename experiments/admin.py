"""Admin pages of the records of experiments. All of them read only: experiments have pages of their own."""

from django.contrib import admin

from experiments.models import (
    Enrolment,
    Experiment,
    ExperimentChange,
    Exposure,
    Look,
    SatisfactionScore,
    Stage,
)
from reps.admin import ReadOnlyAdmin


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "outcome", "design", "split", "starts_at", "ended_at")


@admin.register(Stage)
class StageAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "number", "split", "starts_at", "ends_at")
    list_select_related = ("experiment",)


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyAdmin):
    list_display = ("unit", "experiment", "arm", "stage", "enrolled_at")
    list_select_related = ("experiment",)


@admin.register(Exposure)
class ExposureAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "experiment", "arm", "rep", "score", "apart", "exposed_at")
    list_select_related = ("opportunity", "experiment", "rep")


@admin.register(Look)
class LookAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "day", "estimate", "se", "bound", "crossed")
    list_select_related = ("experiment",)


@admin.register(ExperimentChange)
class ExperimentChangeAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "what", "changed_by", "changed_at")
    list_select_related = ("experiment", "changed_by")


@admin.register(SatisfactionScore)
class SatisfactionScoreAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "score", "given_at", "source")
    list_select_related = ("opportunity",)
