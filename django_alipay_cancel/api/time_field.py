"""Times as the documents say them, whatever the project's formats are."""

from __future__ import annotations

from typing import Any

from django.db import models
from rest_framework import ISO_8601, serializers


class Time(serializers.DateTimeField):
    """ISO 8601, whatever the project's DATETIME_FORMAT is: programs read it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format=ISO_8601, **kwargs)


# The fields of every serializer of a model.
FIELDS = {**serializers.ModelSerializer.serializer_field_mapping, models.DateTimeField: Time}
