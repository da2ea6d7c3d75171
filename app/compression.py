"""Style sheets and scripts leave compressed: they are most of what a page loads.

Pages do not. The length of a compressed page tells a stranger on the line what is in it, bit by bit, where they can have
something of their own shown beside a secret such as the token of a form (BREACH).
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

from app.security import STATIC_ENDPOINTS

MEDIA_TYPES = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
# More than there are: each is compressed once in the life of a process.
MOST_FILES = 100


def init_app(app: Flask) -> None:
    """Compresses what is sent of files, for whoever takes it so."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint not in STATIC_ENDPOINTS or response.mimetype not in MEDIA_TYPES:
        return response
    response.vary.add("Accept-Encoding")
    # A part of a file is a part of what it is uncompressed.
    if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
        response.direct_passthrough = False
        response.set_data(_compressed(response.get_data()))
        response.content_encoding = "gzip"
        etag, _is_weak = response.get_etag()
        if etag:
            # The same file in other bytes, which is what a weak validator says.
            response.set_etag(etag, weak=True)
    return response


@lru_cache(maxsize=MOST_FILES)
def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
