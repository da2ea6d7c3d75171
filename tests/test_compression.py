"""Files leave compressed for whoever takes them so, and pages never."""

import gzip
from pathlib import Path

import pytest

CSS = "/static/css/base.css"
FILE = Path(__file__).parents[1] / "app/static/css/base.css"
GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize(
    "url", [CSS, "/static/js/forms.js", "/static/favicon.svg", "/bootstrap/static/css/bootstrap.min.css"]
)
def test_a_file_is_the_same_compressed_and_plain(client, url):
    plain, packed = client.get(url), client.get(url, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.content_length == len(packed.data) < len(plain.data)
    assert "Accept-Encoding" in plain.vary
    assert "Accept-Encoding" in packed.vary


@pytest.mark.parametrize("encodings", ["", "br", "identity", "gzip;q=0", "*;q=0"])
def test_nobody_is_sent_what_they_do_not_take(client, encodings):
    response = client.get(CSS, headers={"Accept-Encoding": encodings})
    assert "Content-Encoding" not in response.headers
    assert response.data == FILE.read_bytes()


def test_what_a_browser_has_is_not_sent_again(client):
    etag = client.get(CSS, headers=GZIP).headers["ETag"]
    assert etag.startswith("W/")
    again = client.get(CSS, headers={**GZIP, "If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_part_of_a_file_is_not_compressed(client):
    response = client.get(CSS, headers={**GZIP, "Range": "bytes=0-9"})
    assert (response.status_code, response.data) == (206, FILE.read_bytes()[:10])
    assert "Content-Encoding" not in response.headers


def test_a_page_is_not_compressed(client):
    assert "Content-Encoding" not in client.get("/sign-in", headers=GZIP).headers
