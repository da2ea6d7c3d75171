"""What a browser says of itself, in the words that people know it by."""

# In this order: each also says the names of those that come after it.
BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("YaBrowser", "Yandex Browser"), ("SamsungBrowser", "Samsung Internet")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)
SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows")),
    *(("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux")),
)


def described(user_agent: str | None) -> tuple[str, str]:
    """The browser's name and its system's, each empty where it is none that many people use."""
    said = user_agent or ""
    browser = next((name for mark, name in BROWSERS if mark in said), "")
    return browser, next((name for mark, name in SYSTEMS if mark in said), "")
