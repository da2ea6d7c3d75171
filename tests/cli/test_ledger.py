"""`flask ledger`, as an operator types it."""

import json
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask

from app import clock
from app.models.ledger_entry import LedgerEntry
from app.models.token_account import TokenAccount
from app.services import account_commit, ledger_export, token_accounts
from tests.factories import OPERATOR, make_user


@pytest.fixture
def flask(app: Flask):
    """Runs `flask ledger …`."""

    def run(*words: str) -> Result:
        result = app.test_cli_runner().invoke(args=["ledger", *words])
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def ada():
    """She has spent three times; what began her account is in the ledger already."""
    user = make_user("ada@example.com")
    token_accounts.spend(user.id, 10, by=OPERATOR, description="First")
    account_commit.drain(user.id)
    token_accounts.spend(user.id, 20, by=OPERATOR, description="Second", key="k-2")
    token_accounts.spend(user.id, 30, by=OPERATOR, description="Third")
    return user


class TestHistory:
    @pytest.mark.parametrize("by", ["email", "id"])
    def test_it_shows_the_newest_first_with_before_and_after(self, flask, ada, by):
        head, *rows = flask("history", str(ada[by])).stdout.splitlines()
        assert head.split()[:6] == ["SEQ", "AT", "TYPE", "AMOUNT", "BEFORE", "AFTER"]
        assert [row.split()[0] for row in rows] == ["5", "4", "3", "2", "1"]
        assert rows[0].split()[4:8] == ["usage", "-30", "149970", "149940"]

    def test_json_pages_go_on_where_the_last_one_ended(self, flask, ada):
        first = json.loads(flask("history", "ada@example.com", "--limit", "3", "--json").stdout)
        second = json.loads(flask("history", "ada@example.com", "--before", str(first[-1]["seq"]), "--json").stdout)
        entries = (first + second)[::-1]
        assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5]
        assert [entry["amount"] for entry in entries] == [100_000, 50_000, -10, -20, -30]
        for entry in entries:
            assert entry["after"] == entry["before"] + entry["amount"]
        assert [entry["key"] for entry in entries] == [None, "initial", None, "k-2", None]

    def test_holds_are_left_out_unless_asked_for(self, flask, ada):
        token_accounts.hold(ada.id, 5, by=OPERATOR)
        types = [entry["type"] for entry in json.loads(flask("history", "ada@example.com", "--json").stdout)]
        assert "hold" not in types
        assert json.loads(flask("history", "ada@example.com", "--with-holds", "--json").stdout)[0]["type"] == "hold"

    def test_types_are_a_filter(self, flask, ada):
        def seqs(*words):
            return [entry["seq"] for entry in json.loads(flask("history", "ada@example.com", "--json", *words).stdout)]

        assert seqs("--type", "usage") == [5, 4, 3]
        assert seqs("--type", "grant", "--type", "renewal") == [2, 1]
        assert seqs("--type", "usage", "--limit", "1", "--before", "5") == [4]
        assert flask("history", "ada@example.com", "--type", "analysis").exit_code == 2

    def test_nothing_yet_is_said(self, flask):
        make_user("bob@example.com")
        result = flask("history", "bob@example.com", "--type", "usage")
        assert (result.exit_code, "No such entries" in result.stdout) == (0, True)

    def test_what_an_account_will_begin_with_is_shown(self, flask):
        make_user("bob@example.com")
        shown = json.loads(flask("history", "bob@example.com", "--json").stdout)
        assert [(entry["seq"], entry["type"]) for entry in shown] == [(2, "grant"), (1, "renewal")]

    @pytest.mark.parametrize("user", ["nobody@example.com", "6b00df86a4db0f8dc5f432e2", "x", ""])
    def test_nobody_is_an_error(self, flask, user):
        for words in (["history", user], ["export", user], ["verify", "--user", user or "x"]):
            result = flask(*words)
            assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")

    @pytest.mark.parametrize("words", [[], ["--limit", "0"], ["--limit", "x"], ["--before", "0"]])
    def test_called_wrongly_it_is_a_usage_error(self, flask, words):
        assert flask("history", *words, *(["ada@example.com"] if words else [])).exit_code == 2


class TestExport:
    def test_csv_is_written_for_spreadsheets(self, flask, ada):
        result = flask("export", "ada@example.com")
        text = result.stdout_bytes.decode("utf-8-sig")
        head, *rows = text.split("\r\n")[:-1]
        assert (result.exit_code, head.split(",")) == (0, list(ledger_export.COLUMNS))
        assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "4", "5"]
        assert rows[3].split(",")[2:8] == ["usage", "-20", "149990", "149970", "Second", "The tests"]

    def test_json_lines_are_written_for_programs(self, flask, ada):
        token_accounts.hold(ada.id, 5, by=OPERATOR)
        for words, seqs in (
            ([], [1, 2, 3, 4, 5]),
            (["--with-holds"], [1, 2, 3, 4, 5, 6]),
            (["--type", "usage"], [3, 4, 5]),
        ):
            result = flask("export", str(ada.id), "--format", "jsonl", *words)
            assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == seqs

    def test_a_file_has_the_same(self, flask, ada, tmp_path):
        path = tmp_path / "ada.csv"
        result = flask("export", "ada@example.com", "--output", str(path))
        assert (result.exit_code, result.output) == (0, "")
        assert path.read_bytes() == flask("export", "ada@example.com").stdout_bytes

    def test_a_file_that_cannot_be_written_is_an_error(self, flask, ada, tmp_path):
        result = flask("export", "ada@example.com", "--output", str(tmp_path / "no" / "ada.csv"))
        assert result.exit_code == 1
        assert "No such file or directory" in result.stderr

    @pytest.mark.parametrize("words", [["--format", "xlsx"], ["--type", "analysis"], ["--output", "."]])
    def test_called_wrongly_it_is_a_usage_error(self, flask, ada, words):
        assert flask("export", "ada@example.com", *words).exit_code == 2


def spoil_entry(user):
    LedgerEntry._get_collection().update_one({"account": user.id, "seq": 2}, {"$set": {"before": 7, "after": 50_007}})


def remove_entry(user):
    LedgerEntry._get_collection().delete_one({"account": user.id, "seq": 2})


def credit_secretly(user):
    TokenAccount._get_collection().update_one({"_id": user.id}, {"$inc": {"used": -10}})


def backdate(user):
    LedgerEntry._get_collection().update_one(
        {"account": user.id, "seq": 3}, {"$set": {"at": clock.now() - timedelta(days=400)}}
    )


def add_part(user):
    part = {"source": "allowance", "amount": 1}
    LedgerEntry._get_collection().update_one({"account": user.id, "seq": 3}, {"$push": {"parts": part}})


class TestVerify:
    def test_right_accounts_are_proved(self, flask, ada):
        token_accounts.spend(make_user().id, 10, by=OPERATOR)
        result = flask("verify")
        assert (result.exit_code, result.stdout) == (0, "2 accounts, each as its entries make it.\n")

    def test_no_accounts_are_right(self, flask):
        assert flask("verify").exit_code == 0

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (spoil_entry, "entry 2: before is 7"),
            (remove_entry, "entry 2: missing"),
            (credit_secretly, "balance is 149940"),
            (backdate, "entry 3: dated before"),
            (add_part, "entry 3: its parts"),
        ],
    )
    def test_a_wrong_one_is_named_with_its_first_wrong_entry(self, flask, ada, spoil, said):
        other = make_user("bob@example.com")
        token_accounts.spend(other.id, 10, by=OPERATOR)
        spoil(ada)
        for words, checked in (([], 2), (["--user", "ada@example.com"], 1)):
            result = flask("verify", *words)
            assert result.exit_code == 1
            assert result.stdout == ""
            (line,) = [line for line in result.stderr.splitlines() if str(ada.id) in line]
            assert f"{ada.id}: {said}" in line
            assert str(other.id) not in result.stderr
            assert f"Error: 1 of {checked} accounts are wrong." in result.stderr
        assert flask("verify", "--user", "bob@example.com").exit_code == 0
