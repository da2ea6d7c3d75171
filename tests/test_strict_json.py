"""What the API takes for JSON."""

import pytest

from app import strict_json
from app.models.domain_error import InvalidJson


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, "\xc3\xa9", true, null]}\n', {"a": [1, 2.5, "é", True, None]}),
        (b'"\\ud83d\\ude42"', "🙂"),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        (b'{"$ne": "{{ 7 * 7 }}"}', {"$ne": "{{ 7 * 7 }}"}),
        (b"1e308", 1e308),
    ],
)
def test_json_is_read(body, value):
    assert strict_json.parse(body) == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON: see line 1, column 1"),
        (b" ", "not JSON"),
        (b"{", "not JSON: see line 1, column 2"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"{} {}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": "b\nc"}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'"\xe9"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e400", "number in the body is too large"),
        (b'{"a": [-1e400]}', "number in the body is too large"),
        (b"9" * 5_000, "number in the body is too large"),
        (b'{"a": 1, "a": 1}', "The name 'a' stands twice"),
        (b'[{"x": {"b": 1, "c": 2, "b": 3}}]', "The name 'b' stands twice"),
        (b'{"\\u0061": 1, "a": 2}', "The name 'a' stands twice"),
        (b'"\\ud800"', "half a surrogate pair"),
        (b'["\\udc00\\ud800"]', "half a surrogate pair"),
        (b'{"\\ud800": 1}', "half a surrogate pair"),
        (b'"a\\u0000b"', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (nested(21), "deeper than 20"),
        (nested(21, b'{"a":', b"}").replace(b":}", b":1}"), "deeper than 20"),
        (b"[" * 65_536, "deeper than 20"),
    ],
)
def test_what_leaves_room_for_two_meanings_is_refused(body, said):
    with pytest.raises(InvalidJson, match=said) as refusal:
        strict_json.parse(body)
    assert len(str(refusal.value)) < 200


def test_twenty_levels_are_read():
    assert strict_json.parse(nested(20)[:20] + b'"a"' + nested(20)[20:])
    assert strict_json.parse(b'{"a":' * 20 + b"1" + b"}" * 20)


def test_a_long_name_is_not_repeated_whole():
    name = "x" * 30_000
    with pytest.raises(InvalidJson) as refusal:
        strict_json.parse(f'{{"{name}": 1, "{name}": 2}}'.encode())
    assert len(str(refusal.value)) < 120
