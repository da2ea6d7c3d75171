"""How commands print, and whom they say they are."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from bson import ObjectId

from app.cli import output


def test_a_table_has_a_column_for_each_key(capsys):
    output.print_rows([{"name": "Ada", "of": ["a", "b"], "on": True}, {"name": None, "of": [], "on": False}])
    assert capsys.readouterr().out == "NAME  OF    ON\nAda   a, b  yes\n-     -     no\n"


def test_no_text_from_a_user_drives_the_terminal(capsys):
    output.print_rows([{"name": "red\x1b[31m\nnext\u202eline"}])
    printed = capsys.readouterr().out
    assert printed == "NAME\nred [31m next line\n"


def test_an_empty_table_says_so(capsys):
    output.print_rows([], nothing="None yet.")
    assert capsys.readouterr().out == "None yet.\n"


def test_times_are_in_utc(capsys):
    moment = datetime(2026, 11, 20, 2, 30, 15, 123_000, tzinfo=timezone(timedelta(hours=3)))
    output.print_rows([{"at": moment}])
    assert "2026-11-19 23:30 UTC" in capsys.readouterr().out
    output.print_json({"at": moment, "id": ObjectId("ff" * 12), "text": "привет"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"at": "2026-11-19T23:30:15.123Z", "id": "ff" * 12, "text": "привет"}
    assert "привет" in printed


def test_json_of_anything_else_is_a_defect():
    with pytest.raises(TypeError):
        output.print_json({"x": object()})


def test_the_operator_is_the_user_of_the_machine(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ops")
    assert output.operator().stamp() == {"kind": "cli", "id": "ops", "name": "ops"}
    monkeypatch.setattr(output.getpass, "getuser", lambda: (_ for _ in ()).throw(OSError()))
    assert output.operator().name.startswith("uid ")
