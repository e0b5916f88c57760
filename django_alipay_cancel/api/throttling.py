"""The throttle of the routes that call Alipay or write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class CancelThrottle(SimpleRateThrottle):
    """Per person, at the project's DEFAULT_THROTTLE_RATES["alipay_cancel"]; without one, never.

    No ScopedRateThrottle: that one raises where the project has no rate for the scope, and counts
    each request twice where the project has it among its default throttles.
    """

    scope = "alipay_cancel"

    def get_rate(self) -> Any:
        # Read live: the base class keeps what the setting was when it was imported.
        rates: Any = api_settings.DEFAULT_THROTTLE_RATES or {}
        if not isinstance(rates, Mapping):
            raise ImproperlyConfigured(
                "REST_FRAMEWORK['DEFAULT_THROTTLE_RATES'] must be a dictionary."
            )
        return rates.get(self.scope)

    def parse_rate(self, rate: Any) -> tuple[int | None, int | None]:
        """Return number and seconds; raises ImproperlyConfigured, which `check` finds first."""
        try:
            number, seconds = super().parse_rate(rate)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError):
            raise ImproperlyConfigured(
                f"REST_FRAMEWORK['DEFAULT_THROTTLE_RATES'][{self.scope!r}] must be a rate such as"
                f" '120/min', not {rate!r}."
            ) from None
        return number, seconds

    def get_cache_key(self, request: Request, view: APIView) -> str:
        # Members of another table may share a number with a user, or have none. Not type(): with
        # sessions that is the lazy object around the user.
        kind = request.user.__class__.__name__
        person = f"{kind} {getattr(request.user, 'pk', request.user)}"
        return self.cache_format % {"scope": self.scope, "ident": quote(person, safe="")}
