"""The smallest shop: an order that points at its payment, as the documentation tells shops to."""

from django.db import models

from django_alipay_cancel.models import Payment


class Order(models.Model):
    number = models.CharField(max_length=32, primary_key=True)
    payment = models.OneToOneField(Payment, models.PROTECT, null=True)
    state = models.CharField(max_length=16, default="placed")
    needs_attention = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return self.number
