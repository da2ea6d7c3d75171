"""The README's word: two environment variables put a real model behind the chat of `flask serve`."""

import re

import pytest

from tests.serving import serving
from tests.upstream.misbehaving import DONE, HEAD, end, misbehaving, piece


@pytest.mark.long
def test_two_environment_variables_put_a_model_behind_the_chat(tmp_path):
    with misbehaving() as model:
        model.will((HEAD, piece("I am a **real** "), piece("model."), end({"total_tokens": 42}), DONE))
        with serving(tmp_path, CHAT_BASE_URL=model.url, CHAT_API_KEY="sk-ours") as server, server.browser() as browser:
            server.make_user("ann@example.com")
            server.sign_in(browser, "ann@example.com")
            form = dict(re.findall(r'name="(csrf_token|key)"[^>]*value="([^"]+)"', browser.get("/chat").text))
            sent = browser.post("/chat", data={**form, "text": "Who are you?"})
            page = browser.get(sent.headers["Location"]).text
            entries = browser.get("/account").text
    assert "I am a <strong>real</strong> model." in page
    assert re.search(r"[-−]42\b", entries)
    [call] = model.calls
    assert call.headers["authorization"] == "Bearer sk-ours"
    assert call.body["messages"][-1] == {"role": "user", "content": "Who are you?"}
