import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { variableName } from '@flotilla/kernel';
import { routerConfigSchema } from './config.ts';

const table = readFileSync(path.join(import.meta.dirname, '../../../docs/reference/chat-proxy.md'), 'utf8');

describe('the table that leads from the chat proxy’s settings to ours', () => {
  it('names no setting of the router that is not there', () => {
    const known = Object.keys(routerConfigSchema.shape).map((field) => variableName('FLOTILLA_ROUTER', field));
    const named = table.match(/FLOTILLA_ROUTER_[A-Z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(12);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each([
    ...[
      'HOST',
      'PORT',
      'LOG_PATH',
      'MAX_LOG_BYTES',
      'BACKEND_TIMEOUT_MS',
      'STREAM_IDLE_TIMEOUT_MS',
      'AUTOSTART_ENABLED',
    ],
    ...[
      'AUTOSTART_MAP',
      'REQUIRE_TEMPLATE',
      'MAX_IMAGE_BYTES',
      'LOG_PROMPTS',
      'INCLUDE_NON_INSTALLED',
      'LOOPBACK_ALIAS',
    ],
    ...['VLLM_SINGLE_PORT', 'VLLM_PORT', 'VLLM_STATE_PATH', 'VLLM_GPU_MEMORY_UTILIZATION', 'VLLM_MAX_MODEL_LEN'],
    ...['VISION_KEEP_LAST_N_TURNS', 'REASONING_TRUNCATE_HISTORY', 'REASONING_KEEP_LAST_N_TURNS', 'OLLAMA_BASE_URL'],
    ...['ENABLE_METRICS', 'SUPPRESS_DECORATIONS', 'INCLUDE_TEST_MODELS'],
  ])('has CHAT_PROXY_%s', (name) => {
    expect(table).toMatch(new RegExp(`^\\| \`${name}\` `, 'm'));
  });
});
