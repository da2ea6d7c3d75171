"""Asks an OpenAI-compatible API on a user's behalf: python metered_chat.py external:u-17 "What is a token?"."""

import sys
from os import environ

import httpx2
from tokendesk import Client, InsufficientTokens

user, question = sys.argv[1:]
url = f"{environ['OPENAI_BASE_URL']}/chat/completions"
headers = {"Authorization": f"Bearer {environ['OPENAI_API_KEY']}"}
body = {"model": environ["MODEL"], "messages": [{"role": "user", "content": question}], "max_tokens": 1000}

with Client(environ["TOKENDESK_URL"], environ["TOKENDESK_KEY"]) as desk:
    try:
        with desk.hold(user, len(question.encode()) + 1000) as hold:
            answer = httpx2.post(url, json=body, headers=headers, timeout=60).raise_for_status().json()
            hold.settle(answer["usage"]["total_tokens"], description=answer["model"])
        print(answer["choices"][0]["message"]["content"])
    except InsufficientTokens as stop:
        sys.exit(f"{stop} Ask for more: {stop.request_url}")
