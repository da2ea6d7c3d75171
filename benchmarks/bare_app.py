"""The floor over HTTP: a bare Flask view that does the same look-ups with bare pymongo, and checks nothing else."""

import hashlib
import os

from bson import ObjectId
from flask import Flask, jsonify, request
from pymongo import MongoClient

app = Flask(__name__)
database = MongoClient(os.environ["MONGODB_URI"], connect=False, tz_aware=True).get_default_database()


@app.get("/api/token-requests/can-request")
def can_request():  # type: ignore[no-untyped-def]
    """The key and its owner, the user, the user's requests and account: six look-ups."""
    secret = request.headers["Authorization"].removeprefix("Bearer ")
    api_key = database.api_keys.find_one({"digest": hashlib.sha256(secret.encode()).hexdigest()})
    database.users.find_one({"_id": api_key["owner"]})
    user = ObjectId(request.args["user"])
    database.users.find_one({"_id": user})
    open_request = database.token_requests.find_one({"open_key": f"quota:{user}"}, {"number": 1})
    keys = [f"quota:{user}:2026-01-01:{n}" for n in (1, 2, 3)]
    taken = list(database.token_requests.find({"day_key": {"$in": keys}}, {"day_key": 1}))
    account = database.token_accounts.find_one({"_id": user})
    return jsonify({"canRequest": open_request is None and account["limit"] > 0, "requestsToday": len(taken)})
