from django.apps import AppConfig
from django.core.signals import request_finished


class CrmConfig(AppConfig):
    name = "crm"

    def ready(self) -> None:
        from crm.queries.matching import settle_index  # once the models are there

        request_finished.connect(settle_index, dispatch_uid="crm.settle_index")
