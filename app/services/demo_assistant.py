"""The built-in assistant: no model at all, but a few honest answers, to try everything around the chat with."""

import re
import zlib
from collections.abc import Generator, Mapping, Sequence

from app.services.token_count import longest_start

# What a question is about, and the answer in English and in Russian; the first that fits answers.
TOPICS: list[tuple[re.Pattern[str], str, str]] = [
    (
        re.compile(
            r"\b(who|what) are you\b|your name|real (ai|model|person)|\bgpt|кто ты|ты кто|"
            r"как тебя зовут|нейросет"
        ),
        "I am the **demo assistant** of this site, and I am honest about it: there is no language model behind me, "
        "only a handful of prepared answers.\n\n"
        "What is real is everything around me. Each answer is metered, its tokens are taken from your balance, and "
        "your account page shows the entry with the balance before and after. Once an administrator connects a "
        "model, it answers here in my place.",
        "Я — **демо-ассистент** этого сайта, и скажу честно: языковой модели за мной нет, только несколько "
        "заготовленных ответов.\n\n"
        "Зато всё вокруг настоящее: каждый ответ измеряется, токены списываются с баланса, а запись видна на "
        "странице счёта.",
    ),
    (
        re.compile(r"token|balance|limit|quota|allowance|cost|price|токен|баланс|лимит|квот|стоит|цен[аыу]|списыва"),
        "Here is how tokens work:\n\n"
        "1. Your **allowance** renews each period, and is used first.\n"
        "2. **Grants** stay until they are used or expire.\n"
        "3. Before I answer, the most that the answer can cost is held; afterwards only what it did cost is "
        "charged.\n\n"
        "The number in the header is what you can still spend. When it runs out, this page says when it renews and "
        "whether you can request more. (I am a demo with prepared answers, but the counting is real.)",
        "Вот как устроены токены:\n\n"
        "1. **Лимит** обновляется каждый период и тратится первым.\n2. **Гранты** остаются, пока не истекут.\n"
        "3. До ответа его предельная цена удерживается, потом списывается только то, что вышло.\n\n"
        "Я — демо с готовыми ответами, но счёт настоящий.",
    ),
    (
        re.compile(r"\bcode\b|python|function|program|script|\bкод|питон|функци|программ|скрипт"),
        "I am a demo and cannot write code for you, but I can show how code looks in an answer:\n\n"
        "```python\ndef average(numbers: list[float]) -> float:\n"
        '    """The arithmetic mean; zero for an empty list."""\n'
        "    return sum(numbers) / len(numbers) if numbers else 0.0\n```\n\n"
        "With a real model connected, this is where your own function would stand.",
        "Я — демо и писать код не умею, но покажу, как он выглядит в ответе:\n\n"
        "```python\ndef average(numbers: list[float]) -> float:\n"
        "    return sum(numbers) / len(numbers) if numbers else 0.0\n```\n\n"
        "Когда подключат настоящую модель, здесь будет ваша функция.",
    ),
    (
        re.compile(r"thank|great|awesome|спасибо|благодар|отлично|здорово"),
        "You are welcome! I am only the demo assistant, so the praise belongs to whoever connects a real model "
        "here. If you like, ask me **how tokens work**, or have a look at your account page: this very answer is "
        "already on it, with the balance before and after.",
        "Пожалуйста! Я всего лишь демо-ассистент с готовыми ответами. Спросите меня, **как устроены токены**, или "
        "загляните на страницу счёта: этот ответ там уже есть — с балансом до и после.",
    ),
    (
        re.compile(r"\bhelp|what can you|how do i|помо[гщ]|что ты умеешь|что ты можешь"),
        "Gladly, as far as a demo goes. You can try:\n\n"
        "- **“How do tokens work?”** for what an answer costs and when your allowance renews,\n"
        "- **“Show me some code”** to see how a code block looks,\n"
        "- **“Who are you?”** for the plain truth about me.\n\n"
        "I have prepared answers only; a real model would take it from here.",
        "С удовольствием — насколько это по силам демо. Попробуйте:\n\n"
        "- **«Как устроены токены?»**\n- **«Покажи код»**\n- **«Кто ты?»**\n\n"
        "У меня только заготовленные ответы; настоящая модель ответит на всё остальное.",
    ),
    (
        re.compile(r"\b(hello|hi|hey|good (morning|evening|day))\b|привет|здравствуй|добр(ый|ое|ого)"),
        "Hello, and welcome! I am the **demo assistant**: my answers are prepared, not thought up by a model. "
        "Still, everything else here is real, so each answer costs a few tokens and your balance in the header "
        "follows. Ask me how tokens work, or just keep writing and watch it fall.",
        "Здравствуйте! Я — **демо-ассистент**: мои ответы заготовлены заранее. Но всё остальное здесь настоящее: "
        "каждый ответ стоит немного токенов, и баланс наверху это показывает. Спросите, как устроены токены.",
    ),
]
# For everything else; which of them answers depends on the question alone.
OTHERWISE: list[tuple[str, str]] = [
    (
        "That deserves a better answer than I can give: I am the **demo assistant**, with prepared answers and no "
        "model behind me. Your question has been stored in this conversation, and the tokens for this answer were "
        "counted as they would be for a real one. When a model is connected, you can ask it again right here.",
        "Этот вопрос заслуживает лучшего ответа: я — **демо-ассистент** без языковой модели. Вопрос сохранён в "
        "этой беседе, и когда модель подключат, его можно будет задать снова прямо здесь.",
    ),
    (
        "Good question! A real model would now think about it; I am the **demo assistant** and can only say how "
        "things work here:\n\n"
        "- your question and this answer stay in the conversation,\n- the answer is charged by its length,\n"
        "- the account page shows the entry.\n\n"
        "Try asking me about tokens.",
        "Хороший вопрос! Модель бы над ним подумала, а я — **демо-ассистент** и знаю только, как всё устроено "
        "здесь: вопрос и ответ остаются в беседе, ответ оплачивается по длине. Спросите меня о токенах.",
    ),
]
PIECE = re.compile(r"\S+\s*|\s+")


def answer(prompt: Sequence[Mapping[str, str]], max_tokens: int) -> Generator[str]:
    """The answer to the last of the `{role, content}` messages, word by word, cut off at `max_tokens`."""
    question = prompt[-1]["content"].lower()
    topic = next((texts for pattern, *texts in TOPICS if pattern.search(question)), None)
    english, russian = topic or OTHERWISE[zlib.crc32(question.encode()) % len(OTHERWISE)]
    text = russian if _is_russian(question) else english
    yield from PIECE.findall(longest_start(text, max_tokens))


def _is_russian(text: str) -> bool:
    """Whether more letters are Cyrillic than Latin."""
    return len(re.findall(r"[а-яё]", text)) > len(re.findall(r"[a-z]", text))
