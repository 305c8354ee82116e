import { redactText } from '@flotilla/telemetry';
import { z } from 'zod';
import type { EngineAnswer } from '../engine-http.ts';
import { readEngineMetrics } from '../metrics-text.ts';
import { readOpenaiModels } from '../model-lists.ts';
import { modelsOf } from '../probe.http.ts';
import { ProbeFailure } from '../probe.ts';
import { createPodHttp } from './pod-http.ts';
import { AdapterRefused, type Look, type VllmControl } from './vllm-control.ts';

/** Characters shown of what an engine says of an adapter. */
const maxSaid = 200;

const sleeping = z.object({ is_sleeping: z.boolean() });
const refusal = z.object({
  error: z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)]),
});

/** Over HTTP. */
export function createVllmControl(): VllmControl {
  const pods = createPodHttp();
  const get = (url: string, signal: AbortSignal) => pods.ask(url, {}, signal);
  const post = (url: string, signal: AbortSignal, body?: object) => {
    const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return pods.ask(url, { method: 'POST', ...json }, signal);
  };
  const order = async (address: string, path: string, signal: AbortSignal, body?: object) => {
    const { status } = await post(`${address}${path}`, signal, body);
    if (status < 300) return;
    const [route] = path.split('?');
    throw new ProbeFailure(
      status === 404
        ? `it has no ${route}: that takes VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode`
        : `${route} answers ${status}`,
    );
  };
  const assertSleeping = async (address: string, wanted: boolean, signal: AbortSignal) => {
    const { text } = await get(`${address}/is_sleeping`, signal);
    const told = readJson(text, sleeping);
    if (told?.is_sleeping !== wanted)
      throw new ProbeFailure(wanted ? 'it does not fall asleep' : 'it does not wake up');
  };
  return {
    async look(address, whole, signal) {
      if (!whole) return readLook(answered(await get(`${address}/metrics`, signal), '/metrics'), undefined);
      // By itself first: most that are asked for all have yet to start.
      answered(await get(`${address}/health`, signal), '/health');
      const [metrics, models] = await Promise.all([
        get(`${address}/metrics`, signal),
        get(`${address}/v1/models`, signal),
      ]);
      return readLook(metrics, models);
    },
    async sleep(address, level, signal) {
      await order(address, `/sleep?level=${level}`, signal);
      await assertSleeping(address, true, signal);
    },
    async wake(address, level, signal) {
      if (level === 1) await order(address, '/wake_up', signal);
      else {
        // In this order, or it answers noise, or runs out of memory: docs.vllm.ai/en/latest/features/sleep_mode.
        await order(address, '/wake_up?tags=weights', signal);
        await order(address, '/collective_rpc', signal, { method: 'reload_weights' });
        await order(address, '/wake_up?tags=kv_cache', signal);
      }
      await assertSleeping(address, false, signal);
    },
    async loadAdapter(address, { name, path }, signal) {
      const answer = await post(`${address}/v1/load_lora_adapter`, signal, { lora_name: name, lora_path: path });
      assertLoaded(answer, path);
    },
    async unloadAdapter(address, name, signal) {
      const { status } = await post(`${address}/v1/unload_lora_adapter`, signal, { lora_name: name });
      if (status >= 300 && status !== 404) throw new ProbeFailure(`its engine answers ${status}`);
    },
    async close() {
      pods.close();
    },
  };
}

function answered(answer: EngineAnswer, path: string): EngineAnswer {
  if (answer.status >= 300) throw new ProbeFailure(`${path} answers ${answer.status}`);
  return answer;
}

function readLook(metrics: EngineAnswer, models: EngineAnswer | undefined): Look {
  const { asleep: _told, ...told } = readEngineMetrics(metrics.status === 200 ? metrics.text : '');
  return { models: models && modelsOf(models, readOpenaiModels), ...told };
}

function assertLoaded({ status, text }: EngineAnswer, path: string): void {
  if (status < 300) return;
  const said = readJson(text, refusal)?.error ?? '';
  if (said.includes('already been loaded')) return;
  if (status === 404 && said.includes('No adapter found')) throw new AdapterRefused(`there is no adapter at ${path}`);
  if (status === 404)
    throw new AdapterRefused('its engine takes no adapters: VLLM_ALLOW_RUNTIME_LORA_UPDATING is not set');
  const words = redactText(said).slice(0, maxSaid);
  if (status === 400) throw new AdapterRefused(`its engine refuses it${words && `: ${words}`}`);
  throw new ProbeFailure(`its engine answers ${status}`);
}

function readJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
