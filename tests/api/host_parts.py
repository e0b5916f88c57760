"""What hosts have of their own: renderers, parsers and errors unlike ours."""

from __future__ import annotations

import json

from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response


class CamelCase(JSONRenderer):
    """Renames what it can reach."""

    def render(self, data, accepted_media_type=None, renderer_context=None):
        renamed = {"".join(part.title() for part in name.split("_")): data[name] for name in data}
        return json.dumps(renamed, default=str).encode()


class NoParser(BaseParser):
    """Reads nothing."""

    media_type = "*/*"

    def parse(self, stream, media_type=None, parser_context=None):
        raise ValueError("the host's parser")


def errors_in_a_list(error, context):
    return Response({"errors": [{"detail": str(error)}]}, status=418)
