"""What is sold."""

from django.db import models
from django.db.models.functions import Lower


class Product(models.Model):
    name = models.CharField(max_length=120)
    family = models.CharField(max_length=120, blank=True)
    list_price = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(Lower("name"), name="product_once"),)

    def __str__(self) -> str:
        return self.name
