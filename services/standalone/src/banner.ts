import path from 'node:path';

export interface BannerFacts {
  url: string;
  key: string;
  dataDir: string;
  /** What was found to serve, in a sentence. */
  says: string;
}

/** What is printed when all is ready: where it is, the key, and a line to paste. */
export async function banner({ url, key, dataDir, says }: BannerFacts): Promise<string> {
  const model = await firstChatModel(url, key);
  const body = { model, stream: true, messages: [{ role: 'user', content: 'Say hello to the fleet' }] };
  return `
Flotilla is ready: ${url}/v1  (OpenAI-compatible)
Key: ${key}  (kept in ${path.join(dataDir, 'dev-key')})
${says}

Try it:

curl -N ${url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' -d '${JSON.stringify(body)}'

Ctrl-C stops it; streams under way may finish.
`;
}

/** The first model that can chat. Engines may still be starting: asks for up to 3 s, then names a placeholder. */
async function firstChatModel(url: string, key: string): Promise<string> {
  for (let tries = 0; tries < 30; tries += 1) {
    const response = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(2_000),
    }).catch(() => undefined);
    const list = response?.ok ? ((await response.json()) as { data: { id: string }[] }) : { data: [] };
    const found = list.data.find((model) => !/embed/i.test(model.id));
    if (found) return found.id;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return 'MODEL';
}
