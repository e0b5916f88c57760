"""The strictest Content-Security-Policy that a host is likely to send."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest, HttpResponse

STRICT = "default-src 'self'"


class ContentSecurityPolicy:
    """Send BROWSER_TEST_POLICY, or the strict policy, with each answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The tests empty all tables between them, and content types come back with other keys.
        ContentType.objects.clear_cache()
        response = self.get_response(request)
        response["Content-Security-Policy"] = getattr(settings, "BROWSER_TEST_POLICY", STRICT)
        return response
