"""Browsers by the names that people know them by."""

from app.models.user_agent import described

KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
KNOWN = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": ("Firefox", "Linux"),
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/140.0.0.0 Safari/537.36": ("Chrome", "Windows"),
    f"Mozilla/5.0 (Windows NT 10.0) {KHTML} Chrome/140.0 Safari/537.36 Edg/140.0": ("Edge", "Windows"),
    f"Mozilla/5.0 (Windows NT 10.0) {KHTML} Chrome/140.0 YaBrowser/25.8 Safari/537.36": ("Yandex Browser", "Windows"),
    f"Mozilla/5.0 (Linux; Android 10; K) {KHTML} Chrome/140.0 Mobile Safari/537.36": ("Chrome", "Android"),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/140.0 Safari/537.36": ("Chrome", "ChromeOS"),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {KHTML} Version/19.0 Safari/604.1": ("Safari", "iPhone"),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {KHTML} CriOS/140.0 Safari/604.1": ("Chrome", "iPhone"),
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KHTML} Version/19.0 Safari/605.1.15": ("Safari", "macOS"),
    "curl/8.5.0": ("", ""),
    "": ("", ""),
}


def test_browsers_and_systems_are_named():
    assert {said: described(said) for said in KNOWN} == KNOWN
    assert described(None) == ("", "")
