from django.apps import AppConfig


class RepsConfig(AppConfig):
    name = "reps"

    def ready(self) -> None:
        import reps.receivers  # noqa: F401
