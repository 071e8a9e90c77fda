"""Columns that services keep under a lock, and that a form's `save()` must never write back stale."""

from typing import Any, ClassVar

from django.db import models


class KeptFieldsModel(models.Model):
    """`save()` of an existing row leaves `KEPT_BY_SERVICES` alone unless `update_fields` names them."""

    KEPT_BY_SERVICES: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not self._state.adding and kwargs.get("update_fields") is None:
            names = (field.name for field in self._meta.concrete_fields if not field.primary_key)
            kwargs["update_fields"] = [name for name in names if name not in self.KEPT_BY_SERVICES]
        super().save(*args, **kwargs)
