"""The floor over HTTP: a bare Flask view with the same look-ups and the same update in bare pymongo, and no checks."""

import hashlib
import os

from bson import ObjectId
from flask import Flask, jsonify, request
from pymongo import MongoClient, ReturnDocument

app = Flask(__name__)
database = MongoClient(os.environ["MONGODB_URI"], connect=False, tz_aware=True, w="majority").get_default_database()


@app.post("/api/usage")
def usage():  # type: ignore[no-untyped-def]
    """The key, the ledger under the caller's idempotency key, and an update that takes no more than there is."""
    secret = request.headers["Authorization"].removeprefix("Bearer ")
    api_key = database.api_keys.find_one({"digest": hashlib.sha256(secret.encode()).hexdigest()})
    body = request.get_json()
    user, tokens = ObjectId(body["user"]), body["tokens"]
    known = database.ledger_entries.find_one({"account": user, "key": f"api:{request.headers['Idempotency-Key']}"})
    account = database.bench_usage.find_one_and_update(
        {"_id": user, "balance": {"$gte": tokens}},
        {"$inc": {"balance": -tokens, "used": tokens}},
        return_document=ReturnDocument.AFTER,
    )
    if "revoked_at" in api_key or known is not None or account is None:
        return jsonify({"code": "refused"}), 409
    return jsonify({"remaining_tokens": account["balance"]})
