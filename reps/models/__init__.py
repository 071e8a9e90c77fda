"""People: users and roles, teams, reps with their skills and limits, absence; and the jobs that people start."""

from reps.models.absence import Absence
from reps.models.audit import AuditEntry, AuditRedaction, AuditSeal
from reps.models.calendars import CalendarFeed, CalendarSettings, ClosingDay
from reps.models.capacity import OverCapacity
from reps.models.jobs import Job
from reps.models.organisation import Organisation
from reps.models.people import Team, User
from reps.models.profile import CertificationDepth, ProfileChange, Rep, RoleTemplate, RosterStamp, Skill
from reps.models.reviews import ProfileProposal, ProfileReminder, ProfileReview
from reps.models.sign_in import GroupRole, Invitation, SignInRefusal, SignInSettings
from reps.models.tags import TagReview, TagReviewSettings, TagSuggestion
from reps.models.tokens import ApiToken

__all__ = [
    "Absence",
    "ApiToken",
    "AuditEntry",
    "AuditRedaction",
    "AuditSeal",
    "CalendarFeed",
    "CalendarSettings",
    "CertificationDepth",
    "ClosingDay",
    "GroupRole",
    "Invitation",
    "Job",
    "Organisation",
    "OverCapacity",
    "ProfileChange",
    "ProfileProposal",
    "ProfileReminder",
    "ProfileReview",
    "Rep",
    "RoleTemplate",
    "RosterStamp",
    "SignInRefusal",
    "SignInSettings",
    "Skill",
    "TagReview",
    "TagReviewSettings",
    "TagSuggestion",
    "Team",
    "User",
]
