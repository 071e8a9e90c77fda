from django.apps import AppConfig


class RepsConfig(AppConfig):
    name = "reps"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        import reps.receivers  # noqa: F401
        from reps.attribution import attribute

        connection_created.connect(attribute, dispatch_uid="attribution")
