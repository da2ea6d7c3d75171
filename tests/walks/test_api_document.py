"""The page that shows the API: it renders, under the strict Content-Security-Policy, and asks nobody else for anything."""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect


def test_the_document_is_shown_and_the_console_stays_clean(browser: Browser, url: str) -> None:
    context = browser.new_context(base_url=url)
    page = context.new_page()
    said: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto("/api/docs")
    submit = page.locator("#operations-tag-Token_requests ~ * .opblock-post").first
    expect(submit).to_contain_text("/api/token-requests")
    expect(submit).to_contain_text("Ask for the allowance to be reset, or for a crypto token to be listed.")
    submit.locator(".opblock-summary-control").click()
    expect(submit.get_by_role("cell", name="201", exact=True)).to_be_visible()
    expect(submit).to_contain_text("I am preparing a talk and ran out.")
    # Swagger UI would add a heading of its own.
    expect(page.get_by_role("heading", level=1)).to_have_text("The API")
    page.get_by_role("link", name="The same as OpenAPI 3.1").click()
    expect(page.locator("body")).to_contain_text('"openapi":"3.1.0"')
    context.close()
    assert said == []
    assert hosts == {urlsplit(url).netloc}
