"""How we count tokens ourselves, where no model says it, and what they cost."""

BYTES_A_TOKEN = 3
THOUSANDTHS = 1_000


def count(text: str) -> int:
    """A third of the bytes of `text` in UTF-8, rounded up: a little more than the common tokenizers count for prose."""
    return -(-len(text.encode()) // BYTES_A_TOKEN)


def longest_start(text: str, tokens: int) -> str:
    """As much of the start of `text` as `count` puts at no more than `tokens`."""
    return text.encode()[: max(0, tokens) * BYTES_A_TOKEN].decode(errors="ignore")


def cost(tokens: int, price: int) -> int:
    """What `tokens` cost at `price` thousandths each, rounded up once."""
    return -(-tokens * price // THOUSANDTHS)


def affordable(available: int, price: int) -> int:
    """How many tokens at `price` thousandths each `available` pays for."""
    return available * THOUSANDTHS // price
