"""The body of a request: small, UTF-8, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from django_alipay_cancel.api.errors import BodyTooLarge

# Bytes. A reason of 255 characters, each sent as two escapes, is a third of it.
MAXIMUM_BODY = 10_000


class BodyParser(BaseParser):
    """Reads JSON, and no more of it than a request of ours can have."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAXIMUM_BODY + 1)
        if len(body) > MAXIMUM_BODY:
            raise BodyTooLarge
        try:
            return json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ParseError(_("The body is not valid JSON.")) from None
