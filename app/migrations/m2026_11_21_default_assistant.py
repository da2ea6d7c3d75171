"""The first assistant is no demo any more where a model stands behind the chat: its model is the one of the settings."""

from app.models.assistant import Assistant

OLD_MODEL, OLD_NAME = "demo", "Demo assistant"
OLD_PROMPT = "You are a friendly demo assistant. Answer briefly, and say that you are a demo."


def run() -> None:
    """Gives it the model `default`, and new words where nobody has changed the old ones."""
    assistants = Assistant._get_collection()
    assistants.update_many({"model": OLD_MODEL}, {"$set": {"model": "default"}})
    assistants.update_one({"_id": 1, "name": OLD_NAME}, {"$set": {"name": "Assistant"}})
    prompt = "You are a friendly assistant. Answer briefly, in the language of the question, as Markdown."
    assistants.update_one({"_id": 1, "system_prompt": OLD_PROMPT}, {"$set": {"system_prompt": prompt}})
