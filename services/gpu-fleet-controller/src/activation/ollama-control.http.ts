import { FlotillaError } from '@flotilla/kernel';
import { redactText } from '@flotilla/telemetry';
import { Agent, request } from 'undici';
import { z } from 'zod';
import type { OllamaControl, OllamaServer } from './ollama-control.ts';

/** Answers above this are not read, characters. */
const maxAnswer = 1 << 20;

const loadedList = z.object({ models: z.array(z.looseObject({ name: z.string() })) });
const failure = z.object({ error: z.string() });

/** Over HTTP, on connections of its own: loading a model may take minutes. */
export function createOllamaControl(): OllamaControl {
  const agent = new Agent({ connections: 8, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

  async function ask({ baseUrl, apiKey }: OllamaServer, path: string, body: object | undefined, signal: AbortSignal) {
    const headers = { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) };
    const method = body ? 'POST' : 'GET';
    try {
      const answer = await request(`${baseUrl}${path}`, {
        ...{ dispatcher: agent, method, headers, signal },
        ...(body && { body: JSON.stringify(body) }),
      });
      let text = '';
      for await (const part of answer.body as AsyncIterable<Buffer>) {
        text += part.toString('utf8');
        if (text.length > maxAnswer) throw new FlotillaError('engine_unavailable', 'Ollama answers too much.');
      }
      return { status: answer.statusCode, value: parsed(text) };
    } catch (cause) {
      if (cause instanceof FlotillaError) throw cause;
      signal.throwIfAborted();
      throw new FlotillaError('engine_unavailable', 'Ollama does not answer at its address.', { cause });
    }
  }

  async function keep(server: OllamaServer, model: string, seconds: number, signal: AbortSignal): Promise<void> {
    const body = { model, keep_alive: seconds, stream: false };
    const { status, value } = await ask(server, '/api/generate', body, signal);
    if (status === 404) throw notInstalled(model);
    if (status === 200) return;
    const said = failure.safeParse(value).data?.error ?? `status ${status}`;
    throw new FlotillaError(
      'err_model_start_timeout',
      `Ollama cannot load "${model}": ${redactText(said).slice(0, 200)}`,
    );
  }

  return {
    async loaded(server, signal) {
      const { status, value } = await ask(server, '/api/ps', undefined, signal);
      const list = status === 200 ? loadedList.safeParse(value).data : undefined;
      if (!list) throw new FlotillaError('engine_unavailable', `Ollama's list of loaded models answers ${status}.`);
      return list.models.flatMap(({ name }) => [name, name.replace(/:latest$/, '')]);
    },
    load: (server, model, signal) => keep(server, model, -1, signal),
    unload: (server, model, signal) => keep(server, model, 0, signal),
    close: () => agent.destroy(),
  };
}

function notInstalled(model: string): FlotillaError {
  return new FlotillaError(
    'model_not_found',
    `Ollama has no model "${model}". It is not fetched by itself: run "ollama pull ${model}" once.`,
    { details: { param: 'model' } },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
