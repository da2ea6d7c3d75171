"""Answers as they are written: server-sent events over the response of one POST."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, current_app, request, stream_with_context

MIMETYPE = "text/event-stream"
# A comment, which readers pass over.
STILL_HERE = ":\n\n"


def is_wanted() -> bool:
    """Whether the caller asks for events, rather than for JSON."""
    return request.accept_mimetypes.best_match(["application/json", MIMETYPE]) == MIMETYPE


def event(name: str, data: dict[str, Any]) -> str:
    """One event; JSON has no line breaks of its own, so its data is one line."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def response(events: Iterator[str], close: Callable[[], None]) -> Response:
    """Sends `events` as they come; `close` is called when the last one was sent or the reader has gone."""
    streamed = Response(stream_with_context(events), mimetype=MIMETYPE)
    # Proxies would otherwise collect the events until there are enough of them.
    streamed.headers["X-Accel-Buffering"] = "no"
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    # Not left to the generator of the events: one that was never begun would not notice that its reader has gone.
    @streamed.call_on_close
    def end() -> None:
        # The request is over by then.
        with app.app_context():
            close()

    return streamed
