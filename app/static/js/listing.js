// The form works without this. It asks what a contract address looks like, and whether its token is listed, while one types.
const address = document.querySelector("[data-hint]");
const place = document.querySelector("[data-hint-place]");

if (address && place) {
  const chain = address.form.elements.blockchain;
  const written = () => `${chain.value} ${address.value.trim()}`;
  // What the page came with is the request's own, or was answered with the page.
  const before = written();
  let waiting;
  let asked;

  const ask = async () => {
    asked?.abort();
    if (written() === before) {
      place.innerHTML = "";
      return;
    }
    asked = new AbortController();
    const query = new URLSearchParams({ blockchain: chain.value, contract_address: address.value });
    try {
      const answer = await fetch(`${address.dataset.hint}?${query}`, { signal: asked.signal });
      place.innerHTML = answer.ok ? (await answer.json()).html : "";
    } catch (error) {
      if (error.name !== "AbortError") place.innerHTML = "";
    }
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 300);
  };
  address.addEventListener("input", soon);
  chain.addEventListener("change", soon);
}
