import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

from config.garbage import collect_seldom  # noqa: E402
from crm.queries.matching import prepare_in_background  # noqa: E402  # once Django is set up

prepare_in_background(then=collect_seldom)
