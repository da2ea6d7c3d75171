// Reads server-sent events from the response of a POST, which the browser's own EventSource cannot.

function parse(block) {
  const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s, 2));
  const { event, data } = Object.fromEntries(fields);
  return { name: event, data: JSON.parse(data) };
}

export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) if (!block.startsWith(":")) yield parse(block);
  }
}
