from reps.queries.people import organisation, reps_visible_to, teams_visible_to, users

__all__ = ["organisation", "reps_visible_to", "teams_visible_to", "users"]
