"""Who asked: a person of whatever class, as the rows can keep them."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.contrib.auth import get_user_model

from django_alipay_cancel.models import NAME_LENGTH


def account(person: Any) -> Any:
    """Return `person` when the foreign key can hold it: a saved user of the user model."""
    return person if isinstance(person, get_user_model()) and person.pk else None


def name_of(person: Any) -> str:
    """Return the name that stays when the account is gone, or was never one of ours."""
    if person is None:
        return ""
    name = person.get_username() if hasattr(person, "get_username") else str(person)
    return "".join(c for c in str(name) if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))[
        :NAME_LENGTH
    ]
