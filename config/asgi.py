import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django = get_asgi_application()

from config.garbage import CollectingBetweenAnswers, leave_out, look_seldom  # noqa: E402
from config.lifespan import live  # noqa: E402
from crm.queries.matching import prepare_in_background  # noqa: E402  # once Django is set up

look_seldom()
answers = CollectingBetweenAnswers(django)
prepare_in_background(then=leave_out)


async def application(scope, receive, send):  # type: ignore[no-untyped-def]  # ASGI's own three, passed on
    await (live(receive, send) if scope["type"] == "lifespan" else answers(scope, receive, send))
