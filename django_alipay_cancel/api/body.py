"""The body of a request: small, UTF-8, JSON that can be read in one way only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from django_alipay_cancel.alipay.strict_json import refuse_constant, unique_names
from django_alipay_cancel.api.errors import BodyTooLarge, LengthRequired

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
        assert parser_context is not None
        # Not of the stream: a middleware may have read the body and left a copy of it.
        length = int(parser_context["request"].META["CONTENT_LENGTH"])
        if length > MAXIMUM_BODY:
            raise BodyTooLarge
        body = stream.read(length)
        if len(body) < length:
            raise ParseError(_("The body broke off."))
        try:
            return json.loads(
                body.decode("utf-8"),
                object_pairs_hook=unique_names,
                parse_constant=refuse_constant,
            )
        except (ValueError, RecursionError):
            raise ParseError(_("The body is not valid JSON.")) from None


def refuse_other_bodies(request: HttpRequest) -> None:
    """Refuse what would not be read as JSON, before anything else reads it as something else."""
    length = request.headers.get("content-length")
    # Django takes a body without a length for none: a misspelt name in it would go unnoticed.
    if "transfer-encoding" in request.headers or (not length and request.read(1)):
        raise LengthRequired
    if length not in (None, "", "0") and request.content_type != BodyParser.media_type:
        raise UnsupportedMediaType(request.content_type or "")
