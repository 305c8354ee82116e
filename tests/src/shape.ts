import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import { openDatabase } from '@flotilla/database';
import { startMesh, type Mesh } from '@flotilla/mesh';
import { startOtlpReceiver, type OtlpReceiver } from '@flotilla/telemetry/testing';
import { freePort, startChild, type Child } from '@flotilla/testkit';
import OpenAI from 'openai';
import { stringify } from 'yaml';

export const devKey = 'sk-flotilla-end-to-end-tests';
export const shapes = ['standalone', 'mesh'] as const;
export type ShapeName = (typeof shapes)[number];

export interface Limits {
  requests_per_minute: number;
  tokens_per_minute: number;
}

const generous: Limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };

/** The platform running in one of its shapes, with a simulator behind it. */
export class Shape {
  readonly name: ShapeName;
  readonly engine: EngineSim;
  readonly traces: OtlpReceiver;
  readonly folder: string;
  url = '';
  mesh: Mesh | undefined;
  process: Child | undefined;

  readonly settings: Readonly<Record<string, string>>;

  private constructor(
    name: ShapeName,
    engine: EngineSim,
    traces: OtlpReceiver,
    settings: Readonly<Record<string, string>>,
  ) {
    this.name = name;
    this.settings = settings;
    this.engine = engine;
    this.traces = traces;
    this.folder = mkdtempSync(path.join(tmpdir(), `flotilla-${name}-`));
  }

  /** `settings`: further environment of its processes. */
  static async start(
    name: ShapeName,
    engineOptions: Parameters<typeof startEngineSim>[0] = {},
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Shape> {
    const shape = new Shape(name, await startEngineSim(engineOptions), await startOtlpReceiver(), settings);
    shape.configure();
    try {
      await shape.run();
    } catch (error) {
      // Who gets no shape has none to stop, and what listens would keep the run from its end.
      await shape.stop();
      throw error;
    }
    return shape;
  }

  /** Starts the platform's processes on the data that is there. */
  async run(): Promise<void> {
    const env = {
      FLOTILLA_CONFIG: this.configFile,
      FLOTILLA_OTLP_ENDPOINT: this.traces.endpoint,
      FLOTILLA_TRACE_SAMPLE_RATIO: '0',
      ...this.settings,
    };
    if (this.name === 'mesh') {
      this.mesh = await startMesh({ env, devKey, folder: this.folder });
      this.url = this.mesh.url;
      return;
    }
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const main = path.resolve(import.meta.dirname, '../../services/standalone/dist/main.js');
    this.process = await startChild({
      command: process.execPath,
      args: ['--enable-source-maps', main],
      env: { ...env, FLOTILLA_DEV_KEY: devKey, FLOTILLA_PORT: String(port), FLOTILLA_DATA_DIR: this.dataDir },
      ready: { line: /Flotilla is ready/ },
      stopTimeoutMs: 15_000,
    });
  }

  /** Writes the platform file; running services take it up by themselves. */
  configure(limits: Limits = generous): void {
    const provider = { name: 'sim', kind: 'vllm', base_url: `${this.engine.url}/v1` };
    writeFileSync(this.configFile, stringify({ providers: [provider], tiers: { dev: limits } }));
  }

  get configFile(): string {
    return path.join(this.folder, 'flotilla.yaml');
  }

  get dataDir(): string {
    return path.join(this.folder, 'data');
  }

  openai(key = devKey): OpenAI {
    return new OpenAI({ apiKey: key, baseURL: `${this.url}/v1`, maxRetries: 0, timeout: 30_000 });
  }

  /** A request as any HTTP client would send it. */
  fetch(route: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${devKey}`, 'content-type': 'application/json', ...init.headers };
    return fetch(this.url + route, { signal: AbortSignal.timeout(20_000), ...init, headers });
  }

  chat(body: object, init: RequestInit = {}): Promise<Response> {
    return this.fetch('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ model: 'flotilla-sim', ...body }),
      ...init,
    });
  }

  /** Makes the engine fail; see tools/engine-sim for the kinds. */
  async setFault(fault: { fault: string; count?: number }): Promise<void> {
    const response = await fetch(`${this.engine.url}/sim/faults`, { method: 'POST', body: JSON.stringify(fault) });
    if (!response.ok) throw new Error(await response.text());
  }

  async clearFaults(): Promise<void> {
    await fetch(`${this.engine.url}/sim/faults`, { method: 'DELETE' });
  }

  /** Rows of the platform's database. Standalone keeps its database to itself, so it is ended first. */
  async rows<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    if (this.name === 'standalone') await this.endProcesses();
    const url = this.mesh ? this.mesh.databaseUrl : `pglite://${path.join(this.dataDir, 'pg')}`;
    const database = await openDatabase(url);
    try {
      return await database.query<Row>(sql, parameters);
    } finally {
      await database.close();
    }
  }

  async endProcesses(): Promise<void> {
    await this.process?.stop();
    this.process = undefined;
  }

  async stop(): Promise<void> {
    await this.endProcesses();
    await this.mesh?.stop();
    await this.engine.stop();
    await this.traces.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
