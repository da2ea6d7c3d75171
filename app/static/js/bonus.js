// Shows under the amount what a bonus would do, in the words that the page brings; the next page says the same from the server.
// The arithmetic is that of account_rules.add_bonus.

const preview = document.querySelector("#bonus-preview");
const amount = document.querySelector("#amount");
const LARGEST = 1_000_000;
const numbers = new Intl.NumberFormat(document.documentElement.lang);

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => numbers.format(values[name]));

function show() {
  const digits = amount.value.trim();
  const tokens = /^[0-9]{1,7}$/.test(digits) ? Number(digits) : 0;
  preview.hidden = tokens < 1 || tokens > LARGEST;
  if (preview.hidden) return;
  const { lowers, grants, makes } = preview.dataset;
  const [used, balance, held] = ["used", "balance", "held"].map((name) => Number(preview.dataset[name]));
  const lowered = Math.min(used, tokens);
  const after = Math.max(0, balance + tokens - held);
  const said = [
    lowered && fill(lowers, { used, lowered, left: used - lowered }),
    tokens > lowered && fill(grants, { tokens: tokens - lowered }),
    fill(makes, { before: Math.max(0, balance - held), after }),
  ];
  preview.textContent = said.filter(Boolean).join(" ");
}

if (preview) {
  amount.addEventListener("input", show);
  show();
}
