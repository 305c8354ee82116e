import { describe, expect, it } from '@jest/globals';
import { HelmError } from './helm.ts';
import { parseManifests } from './manifests.ts';

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n';

describe('rendered manifests', () => {
  it('come as objects in the order they were rendered in, without empty documents', () => {
    const text = `---\n# Source: a.yaml\n${head}---\n# nothing here\n---\n${head.replace('name: a', 'name: b')}`;
    expect(parseManifests(text).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it('are none when a chart renders nothing', () => {
    expect(parseManifests('')).toEqual([]);
    expect(parseManifests('\n---\n')).toEqual([]);
  });

  it('are read as Kubernetes reads them: its words for true, octal modes, but times and dates as text', () => {
    const [object] = parseManifests(
      `${head}data: { on: yes, mode: 0644, text: "yes", time: 12:30, day: 2026-01-01 }\n`,
    );
    expect(object!.data).toEqual({ true: true, mode: 420, text: 'yes', time: '12:30', day: '2026-01-01' });
  });

  it('keep names of digits with an e in them', () => {
    const [object] = parseManifests(
      `${head}data: { revision: 289e4586, bare: e7419650, low: -7e99999, small: 1e3, half: 0.5 }\n`,
    );
    expect(object!.data).toEqual({ revision: '289e4586', bare: 'e7419650', low: '-7e99999', small: 1_000, half: 0.5 });
  });

  it.each([
    ['broken YAML', `${head}data: { a: [1\n`, 'no YAML'],
    ['a list', '- 1\n', 'no object'],
    ['an object without a name', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n', 'no object'],
  ])('are refused when they hold %s', (_what, text, message) => {
    expect(() => parseManifests(text)).toThrow(HelmError);
    expect(() => parseManifests(text)).toThrow(message);
  });
});
