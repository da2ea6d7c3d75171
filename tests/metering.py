"""What the tests of metering share: a key that may, the contract's shapes, and amounts that are none."""

import re
from typing import Any

from tests.factories import bearer, make_admin

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OBJECT_ID = re.compile(r"[0-9a-f]{24}")
HOLD_ID = re.compile(r"[0-9a-f]{48}")
# As they stand in the body: what is no number of tokens anywhere.
BAD_AMOUNTS = {
    "negative": "-1",
    "a half": "0.5",
    "larger than any double": "1e400",
    "no number": "NaN",
    "infinite": "Infinity",
    "text": '"100"',
    "true": "true",
    "null": "null",
    "a list": "[100]",
    "an object": '{"$gt": 0}',
    "more than allowed": "1000000001",
    "2^63": "9223372036854775808",
    "5,000 digits": "9" * 5_000,
    "4,000 digits": "9" * 4_000,
    "a large double": "1e300",
}


def metering_key(**options: Any) -> dict[str, str]:
    """The headers of a call with a new key that holds `usage.write`."""
    return bearer(make_admin(), "usage.write", **options)
