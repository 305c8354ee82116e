import { describe, expect, it } from '@jest/globals';
import { parsePlatformFile, readEnvironment } from '@flotilla/kernel';
import { fleetConfigSchema } from '../config.ts';
import { unitsOf } from './units.ts';

const settings = (env: Record<string, string> = {}) => readEnvironment(fleetConfigSchema, 'FLOTILLA_FLEET', env);

function units(text: string, env: Record<string, string> = {}) {
  const { providers, models } = parsePlatformFile(text);
  return unitsOf(providers, models, settings(env));
}

const allowed = (list: ReturnType<typeof units>) =>
  list.filter(({ onDemand }) => onDemand?.allowed).map(({ onDemand }) => onDemand!.label);

describe('what the fleet looks after', () => {
  it('is each provider, and each service of one', () => {
    const list = units(`
providers:
  - { name: cloud, kind: openrouter }
  - { name: own, kind: vllm, process: { command: [serve] } }
  - { name: tagger, kind: openai, base_url: "http://127.0.0.1:9/v1", process: { command: [tag], autostart: false } }
  - { name: local, kind: vllm, on_demand: { idle_stop_ms: 1000 }, services: [{ name: a }, { name: b, models: [x, y] }] }
  - { name: ollama, kind: ollama, services: [{ name: color-narrator }] }
models:
  - { name: tag, targets: [{ provider: tagger }, { provider: tagger, model: tag-large }, { provider: cloud }] }
`);
    expect(list.map(({ id, onDemand }) => [id, onDemand?.label, onDemand?.models])).toEqual([
      ['cloud', undefined, undefined],
      ['own', undefined, undefined],
      ['tagger', 'command:tagger', ['tag', 'tag-large']],
      ['local/a', 'vllm:a', ['a']],
      ['local/b', 'vllm:b', ['x', 'y']],
      ['ollama', undefined, undefined],
      ['ollama/color-narrator', 'ollama:color-narrator', ['color-narrator']],
    ]);
    expect(list[3]!.onDemand).toMatchObject({ idleStopMs: 1_000, minUpMs: 15_000, shares: true });
    expect(allowed(list)).toHaveLength(4);
  });

  it('starts vLLM as the settings say where a service says nothing else', () => {
    const env = {
      FLOTILLA_FLEET_VLLM_GPU_MEMORY_UTILIZATION: '0.85',
      FLOTILLA_FLEET_VLLM_MAX_MODEL_LEN: '8000',
      FLOTILLA_FLEET_VLLM_COMMAND: 'uv run vllm serve',
    };
    const [plain, own, full] = units(
      `
providers:
  - name: local
    kind: vllm
    base_url: http://127.0.0.1:24001/v1
    services:
      - { name: qlora-prod }
      - { name: big, weights: /models/big, models: [big, huge], gpu_memory_utilization: 0.5, max_model_len: 100, args: [--enforce-eager] }
      - { name: other, command: [sh, -c, serve] }
`,
      env,
    );
    expect(plain!.provider.process!.command.join(' ')).toBe(
      'uv run vllm serve qlora-prod --served-model-name qlora-prod --host 127.0.0.1 --port 24001 --gpu-memory-utilization 0.85 --max-model-len 8000',
    );
    expect(own!.provider.process!.command.slice(3).join(' ')).toBe(
      'serve /models/big --served-model-name big huge --host 127.0.0.1 --port 24001 --gpu-memory-utilization 0.5 --max-model-len 100 --enforce-eager',
    );
    expect(full!.provider.process!.command).toEqual(['sh', '-c', 'serve']);
  });

  it('follows a map alone, without a platform file', () => {
    const list = units('', {
      FLOTILLA_FLEET_AUTOSTART_MAP: 'vllm:qlora-prod, ollama:color-narrator,vllm=org/base',
      FLOTILLA_FLEET_VLLM_PORT: '24001',
      FLOTILLA_FLEET_OLLAMA_BASE_URL: 'http://ollama.internal:11434',
    });
    expect(list.map(({ id, provider }) => [id, provider.base_url])).toEqual([
      ['vllm/qlora-prod', 'http://127.0.0.1:24001/v1'],
      ['vllm/org/base', 'http://127.0.0.1:24001/v1'],
      ['ollama', 'http://ollama.internal:11434'],
      ['ollama/color-narrator', 'http://ollama.internal:11434'],
    ]);
    expect(allowed(list)).toEqual(['vllm:qlora-prod', 'vllm:org/base', 'ollama:color-narrator']);
  });

  it('takes from a map what the file has, and leaves alone what it only probes', () => {
    const file = `
providers:
  - { name: vllm, kind: vllm }
  - { name: mine, kind: ollama, base_url: "http://127.0.0.1:9" }
  - { name: local, kind: vllm, services: [{ name: a }, { name: b }] }
`;
    const list = units(file, { FLOTILLA_FLEET_AUTOSTART_MAP: 'vllm:a,ollama:m,vllm:new' });
    expect(list.map(({ id }) => id)).toEqual(['vllm', 'mine', 'mine/m', 'local/a', 'local/b', 'autostart-vllm/new']);
    expect(allowed(list)).toEqual(['ollama:m', 'vllm:a', 'vllm:new']);
  });

  it('says which part of a map is wrong', () => {
    expect(() => settings({ FLOTILLA_FLEET_AUTOSTART_MAP: 'vllm:a,llama.cpp:b' })).toThrow(
      'FLOTILLA_FLEET_AUTOSTART_MAP: "llama.cpp:b" is not <kind>:<name>',
    );
  });

  it('offers nothing while autostart is off', () => {
    const file = 'providers: [{ name: local, kind: vllm, services: [{ name: a }] }]';
    expect(allowed(units(file, { FLOTILLA_FLEET_AUTOSTART_ENABLED: '0' }))).toEqual([]);
  });
});
