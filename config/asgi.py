import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

from config.garbage import collect_seldom  # noqa: E402
from config.stopping import stop_gracefully  # noqa: E402
from crm.queries.matching import prepare_in_background  # noqa: E402  # once Django is set up
from operations.services.beats import Heart  # noqa: E402
from routing.live import hub  # noqa: E402
from telemetry.traces import flush_traces  # noqa: E402

heart = Heart("web")


def before_stop() -> None:
    """Event streams would hold the stop up; their browsers connect again, to whoever serves then."""
    hub.end()
    heart.stop()
    flush_traces()


prepare_in_background(then=collect_seldom)
heart.start()
stop_gracefully(before=before_stop)
