import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { gatewayConfigSchema } from '@flotilla/gateway';
import { fleetConfigSchema } from '@flotilla/gpu-fleet-controller';
import { platformFileSchema, variableName } from '@flotilla/kernel';
import { routerConfigSchema } from '@flotilla/llm-router';
import { parse } from 'yaml';

const folder = path.resolve(import.meta.dirname, '../../docs/guides');
const guides = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')] as const);

/** Blocks of YAML that begin with a section of the platform file; others show a part of one. */
function examplesOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block]) => block!);
  return blocks.filter((block) => (/^(\w+):/m.exec(block)?.[1] ?? '') in platformFileSchema.shape);
}

const examples = guides.flatMap(([name, text]) => examplesOf(text).map((block, at) => [name, at + 1, block] as const));

it.each(examples)('%s: example %i of the configuration file is one that is taken', (_name, _at, block) => {
  expect(platformFileSchema.safeParse(parse(block)).error?.issues ?? []).toEqual([]);
});

const settings = new Set(
  Object.entries({
    FLOTILLA_ROUTER: routerConfigSchema,
    FLOTILLA_FLEET: fleetConfigSchema,
    FLOTILLA_GATEWAY: gatewayConfigSchema,
  }).flatMap(([prefix, { shape }]) => Object.keys(shape).map((field) => variableName(prefix, field))),
);

it.each(guides)('%s names only settings that there are', (_name, text) => {
  const named = text.match(/\bFLOTILLA_(ROUTER|FLEET|GATEWAY)_[A-Z0-9_]*[A-Z0-9]\b/g) ?? [];
  expect(named.filter((name) => !settings.has(name.replace(/_FILE$/, '')) && !settings.has(name))).toEqual([]);
});

it.each(guides)('%s links to files that there are', (_name, text) => {
  const links = [...text.matchAll(/\]\((?!\w+:)([^)#]+)/g)].map(([, link]) => link!);
  expect(links.filter((link) => !existsSync(path.join(folder, link)))).toEqual([]);
});
