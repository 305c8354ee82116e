import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { services } from '@flotilla/mesh';
import { freePort, startPrometheus, type TestServer } from '@flotilla/testkit';
import { toFile } from 'openai';
import { stringify } from 'yaml';
import { startNamedEngine, type NamedEngine } from '../named-engine.fixture.ts';
import { Shape } from '../shape.ts';

export interface Rule {
  name: string;
  type: 'recording' | 'alerting';
  health: string;
  lastError?: string;
}

const simulator = path.resolve(import.meta.dirname, '../../../tools/engine-sim/src/main.ts');
const sleepers = ['sleeper-a', 'sleeper-b'];

/** The mesh with work of every kind, and a Prometheus that scrapes it as the PodMonitor of the chart would. */
export class WatchedPlatform {
  #turn = 0;
  #store = '';

  private constructor(
    private readonly shape: Shape,
    private readonly broken: NamedEngine,
    private readonly prometheus: TestServer,
  ) {}

  /** `groups`: of the chart's PrometheusRule. */
  static async start(groups: unknown): Promise<WatchedPlatform> {
    const broken = await startNamedEngine('broken', { models: ['broken'], fails: true });
    const shape = await Shape.start('mesh', { decodeTokensPerSecond: 400 }).catch(async (error: unknown) => {
      await broken.stop();
      throw error;
    });
    try {
      writeFileSync(shape.configFile, stringify(await platformFile(shape, broken)));
      const platform = new WatchedPlatform(shape, broken, await startWatching(shape, groups));
      await platform.#upload();
      return platform;
    } catch (error) {
      await Promise.all([shape.stop(), broken.stop()]);
      throw error;
    }
  }

  /** One of each kind of request; what a request comes to is not of interest here. */
  async work(): Promise<void> {
    this.#turn += 1;
    const chat = (content: string, over: object = {}) =>
      this.shape.chat({ messages: [{ role: 'user', content }], max_tokens: 20, ...over });
    const requests = [
      // Long, for guards of pieces are measured now and then.
      chat(`What is a mesh, ${this.#turn}?`, { stream: true, max_tokens: 400, ignore_eos: true }),
      chat('How many days of vacation?', { stream: true, flotilla: { rag: { store_ids: [this.#store] } } }),
      chat('How do I reset my password?', { flotilla: { cache: 'exact' } }),
      chat('My card is 4111 1111 1111 1111.'),
      chat('Anybody?', { model: 'broken' }),
      chat('Who?', { model: 'no-such-model' }),
      // The two have one port: each that is asked for has the other stopped.
      chat('Wake up.', { model: sleepers[this.#turn % 2] }),
    ];
    const answers = await Promise.allSettled(requests);
    await Promise.allSettled(answers.map((answer) => answer.status === 'fulfilled' && answer.value.text()));
  }

  /** The values of an expression now; what is not a number is left out. */
  async query(expr: string): Promise<{ labels: Record<string, string>; value: number }[]> {
    interface Answer {
      result: { metric: Record<string, string>; value: [number, string] }[];
    }
    const { result } = await this.#ask<Answer>(`query?${new URLSearchParams({ query: expr }).toString()}`);
    const samples = result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    return samples.filter(({ value }) => Number.isFinite(value));
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#ask<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    await this.prometheus.stop();
    await Promise.all([this.shape.stop(), this.broken.stop()]);
  }

  async #upload(): Promise<void> {
    const client = this.shape.openai();
    const handbook = await toFile(Buffer.from('Employees have 31 days of paid vacation.'), 'handbook.txt');
    const file = await client.files.create({ file: handbook, purpose: 'assistants' });
    const store = await client.vectorStores.create({ name: 'handbook' });
    await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id });
    this.#store = store.id;
  }

  async #ask<T>(route: string): Promise<T> {
    const response = await fetch(`${this.prometheus.url}/api/v1/${route}`, { signal: AbortSignal.timeout(10_000) });
    const answer = (await response.json()) as { data: T; error?: string };
    if (answer.error) throw new Error(`${route}: ${answer.error}`);
    return answer.data;
  }
}

async function platformFile(shape: Shape, broken: NamedEngine): Promise<object> {
  const port = await freePort();
  const served = sleepers.map((name) => ({
    name,
    command: [process.execPath, simulator, '--port', `${port}`, '--model', name, '--exit-with-parent'],
  }));
  return {
    providers: [
      { name: 'sim', kind: 'vllm', base_url: `${shape.engine.url}/v1` },
      { name: 'broken', kind: 'openai', base_url: `${broken.url}/v1` },
      {
        ...{ name: 'sleeping', kind: 'vllm', base_url: `http://127.0.0.1:${port}/v1`, services: served },
        on_demand: { min_up_ms: 0 },
      },
    ],
    models: [
      {
        name: 'flotilla-sim',
        targets: [{ provider: 'sim', model: 'flotilla-sim' }],
        price: { input: 0.1, output: 0.2 },
      },
    ],
    tiers: { dev: { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 } },
    cache: { allow: ['exact'] },
  };
}

function startWatching(shape: Shape, groups: unknown): Promise<TestServer> {
  const dir = path.join(shape.folder, 'prometheus');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'rules.yaml'), stringify({ groups }));
  const pods = services.map((component) => ({
    targets: [shape.mesh!.ops[component]],
    labels: { component, namespace: 'flotilla', pod: `flotilla-${component}-0` },
  }));
  const engines = [{ targets: [new URL(shape.engine.url).host], labels: { namespace: 'flotilla', pod: 'engine-0' } }];
  return startPrometheus({
    dir,
    configuration: stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [
        { job_name: 'flotilla/flotilla', static_configs: pods },
        { job_name: 'flotilla/engines', static_configs: engines },
      ],
    }),
  });
}
