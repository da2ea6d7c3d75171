"""What machines ask."""

from urllib.robotparser import RobotFileParser

from mongoengine.connection import get_db

from app import db, migrations


def test_the_process_answers(client):
    assert client.get("/healthz").text == "ok\n"


def test_a_prepared_database_is_ready(client):
    response = client.get("/readyz")
    assert (response.status_code, response.text) == (200, "ok\n")


def test_a_database_that_lacks_an_index_of_this_version_is_not_ready(client):
    notes = get_db()[migrations.COLLECTION]
    notes.update_one({"_id": db.STRUCTURE}, {"$pop": {"indexes": 1}})
    try:
        response = client.get("/readyz")
    finally:
        db.ensure_structure()
    assert response.status_code == 503
    assert "flask db init" in response.text


def test_crawlers_are_told_to_stay_away_from_all_but_the_catalogue(client):
    robots = RobotFileParser()
    robots.parse(client.get("/robots.txt").text.splitlines())
    fetched = {path: robots.can_fetch("a crawler", path) for path in ("/", "/requests", "/catalogue", "/catalogue/7")}
    assert fetched == {"/": False, "/requests": False, "/catalogue": True, "/catalogue/7": True}


def test_nobody_need_sign_in_for_these_and_no_host_is_refused(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://desk.example.com")
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_browsers_find_the_icon_where_no_page_names_it(client):
    response = client.get("/favicon.ico", follow_redirects=True)
    assert (response.status_code, response.mimetype) == (200, "image/svg+xml")
