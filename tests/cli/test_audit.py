"""`flask audit`, as an operator types it."""

import csv
import json

import pytest
from mongoengine.connection import get_db

from app.models.audit_event import AuditEvent
from app.services import audit_anchors
from tests.sealing import enter, sealed_trail


@pytest.fixture
def flask(app):
    return lambda *words: app.test_cli_runner().invoke(args=["audit", *words])


def test_the_list_says_who_did_what_and_whether_it_is_sealed(flask):
    sealed_trail(1)
    enter(reason="\x1b[31m")
    newest, oldest = json.loads(flask("list", "--json").stdout)
    assert (newest["reason"], newest.get("seq"), oldest["seq"]) == ("\x1b[31m", None, 1)
    assert "salts" not in oldest
    head, *rows = flask("list", "--action", "request.approve").stdout.splitlines()
    assert head.split() == ["AT", "ACTION", "BY", "OBJECT", "REASON", "ID", "SEQ"]
    assert ("user Adam" in rows[0], "\x1b" in rows[0], rows[1].endswith(" 1")) == (True, False, True)
    assert len(json.loads(flask("list", "--json", "--before", newest["id"], "--limit", "1").stdout)) == 1
    assert "No such events." in flask("list", "--actor", "nobody").stdout
    assert flask("list", "--action", "dance").exit_code == 2
    assert flask("list", "--from", "tomorrow").exit_code == 2


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_the_trail_is_a_file_and_that_is_an_event(flask, tmp_path, format_):
    sealed_trail(2)
    enter(reason="=1+1")
    file = tmp_path / "trail"
    chosen = ("--action", "request.approve", "--format", format_, "--output", str(file))
    assert flask("export", *chosen).exit_code == 0
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    rows = list(csv.DictReader(lines)) if format_ == "csv" else [json.loads(line) for line in lines]
    assert rows[0]["reason"] == ("'=1+1" if format_ == "csv" else "=1+1")
    assert [str(row["seq"] or "") for row in rows] in (["", "2", "1"], ["None", "2", "1"])
    event = AuditEvent.objects(action="audit.export").get()
    assert (event.actor["kind"], event.after) == ("cli", {"action": "request.approve"})


def test_sealing_prints_an_anchor(flask):
    assert flask("seal").stdout == ""
    enter()
    result = flask("seal")
    assert (result.exit_code, result.stdout) == (0, next(audit_anchors.kept()).line() + "\n")
    assert flask("seal").stdout == result.stdout


def test_a_whole_chain_is_verified(flask, tmp_path):
    sealed_trail(3)
    anchors = tmp_path / "anchors.txt"
    anchors.write_text(flask("seal").stdout)
    enter()
    result = flask("verify", "--anchors", str(anchors))
    said = "Events, each as it was sealed: 3; anchors that agree: 1.\nNot sealed yet: 1. With erased texts: 0.\n"
    assert (result.exit_code, result.stdout) == (0, said)
    told = {"sealed": 3, "waiting": 1, "anchors": 1, "erased": 0, "problem": None}
    assert json.loads(flask("verify", "--json").stdout) == {"ok": True, **told}


def test_the_first_wrong_event_is_named(flask, tmp_path):
    sealed_trail(3)
    event = get_db().audit_events.find_one_and_update({"seq": 2}, {"$set": {"before.used": 0}})
    result = flask("verify")
    assert result.exit_code == 1
    assert f"Number 2 of the chain (event {event['_id']}): changed: the event is not what was sealed." in result.stderr
    result = flask("verify", "--json")
    assert result.exit_code == 1
    what = "changed: the event is not what was sealed"
    assert json.loads(result.stdout)["problem"] == {"seq": 2, "event": str(event["_id"]), "what": what}


def test_a_tail_that_was_cut_is_told_by_the_file_of_anchors(flask, tmp_path):
    sealed_trail(3)
    anchors = tmp_path / "anchors.txt"
    anchors.write_text(flask("seal").stdout)
    for name in ("audit_seals", "audit_events", "audit_anchors"):
        get_db()[name].delete_many({})
    assert flask("verify").exit_code == 0
    result = flask("verify", "--anchors", str(anchors))
    assert (result.exit_code, "cut off" in result.stderr) == (1, True)


def test_a_file_that_holds_no_anchors_is_refused(flask, tmp_path):
    anchors = tmp_path / "anchors.txt"
    anchors.write_bytes(b"hel\xfflo\n")
    result = flask("verify", "--anchors", str(anchors))
    assert (result.exit_code, "Line 1 is no anchor." in result.stderr) == (1, True)
    assert flask("verify", "--anchors", str(tmp_path / "none")).exit_code == 1
