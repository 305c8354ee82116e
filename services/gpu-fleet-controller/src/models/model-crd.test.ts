import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ModelStatus } from './model.ts';
import { modelSpecSchema } from './model-spec.ts';

/** The part of JSON Schema that both sides use. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number | boolean;
  minItems?: number;
  maxItems?: number;
  maxLength?: number;
  maxProperties?: number;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface Definition {
  spec: { versions: { name: string; schema: { openAPIV3Schema: Schema } }[] };
}

const file = path.resolve(import.meta.dirname, '../../../../charts/flotilla/files/models.fleet.flotilla.dev.yaml');
const definition = parse(readFileSync(file, 'utf8')) as Definition;
const { spec, status } = definition.spec.versions[0]!.schema.openAPIV3Schema.properties!;
const ours = z.toJSONSchema(modelSpecSchema, { io: 'input' }) as Schema;

describe('the schema of the Model resource', () => {
  it('has the fields, types and defaults that the controller reads', () => {
    expect(shape(spec!)).toEqual(shape(ours));
  });

  it('allows no number that the controller refuses', () => {
    const looser = pairs(ours, spec!).filter(([, ofOurs, ofTheirs]) => lowest(ofTheirs) < lowest(ofOurs));
    expect(looser.map(([where]) => where)).toEqual([]);
    const higher = pairs(ours, spec!).filter(([, a, b]) => (b.maximum ?? Infinity) > (a.maximum ?? Infinity));
    expect(higher.map(([where]) => where)).toEqual([]);
  });

  it('explains every field and bounds every list and text of the spec, so that rules stay cheap', () => {
    const all = [...fields(spec!, 'spec'), ...fields(status!, 'status')];
    expect(all.filter(([, field]) => !field.description).map(([where]) => where)).toEqual([]);
    expect(
      fields(spec!, 'spec')
        .filter(([, field]) => !bounded(field))
        .map(([where]) => where),
    ).toEqual([]);
  });

  it('has a place for everything that the controller reports', () => {
    const everything: Required<ModelStatus> = {
      ...{ observedGeneration: 1, phase: '', replicas: 1, readyReplicas: 1, desiredReplicas: 1, sleepingReplicas: 1 },
      ...{ selector: '', revision: '', updatingTo: '', failedRevision: '' },
      canary: { weight: 1, requests: 1, verdict: '' },
      adapters: [{ name: '', ready: 1, wanted: 1, message: '' }],
      scaling: { desired: 1, mode: '', reason: '', decidedAt: '', byProfile: [{ profile: '', replicas: 1 }] },
      conditions: [
        { type: '', status: 'True', reason: '', message: '', lastTransitionTime: '', observedGeneration: 1 },
      ],
    };
    expect(missing(everything, status!, 'status')).toEqual([]);
  });
});

/** What has to be equal on both sides. A free object has no fields of its own, whatever one side says of some. */
function shape(schema: Schema): unknown {
  const { type, required = [], enum: choices, items, properties } = schema;
  const free =
    schema['x-kubernetes-preserve-unknown-fields'] === true || (type === 'object' && !properties && !ofTexts(schema));
  return {
    type,
    ...(choices && { choices }),
    ...(schema.default !== undefined && { default: schema.default }),
    ...(items && { items: shape(items) }),
    ...(free ? { free } : { required: required.toSorted(), ...(properties && { properties: shapes(properties) }) }),
  };
}

function shapes(properties: Record<string, Schema>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, shape(schema)]));
}

/** An object whose values are texts, as labels are. */
function ofTexts({ additionalProperties }: Schema): boolean {
  return typeof additionalProperties === 'object' && additionalProperties.type === 'string';
}

/** Every field of a schema, with where it is. */
function fields(schema: Schema, where: string): [string, Schema][] {
  const below = [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => fields(field, `${where}.${name}`)),
    // What a list holds is explained by the list where it is one text.
    ...(schema.items?.type === 'object' ? fields(schema.items, `${where}[]`) : []),
  ];
  return [[where, schema], ...below];
}

/** The fields that both have, side by side. */
function pairs(a: Schema, b: Schema): [string, Schema, Schema][] {
  const ofB = new Map(fields(b, ''));
  return fields(a, '').flatMap(([where, field]) => {
    const other = ofB.get(where);
    return other ? [[where, field, other] as [string, Schema, Schema]] : [];
  });
}

/** The lowest number a field takes; just above it where the bound itself is not taken. */
function lowest({ type, minimum, exclusiveMinimum }: Schema): number {
  if (type !== 'integer' && type !== 'number') return 0;
  const step = type === 'integer' ? 1 : Number.MIN_VALUE;
  if (typeof exclusiveMinimum === 'number') return exclusiveMinimum + step;
  return (minimum ?? -Infinity) + (exclusiveMinimum === true ? step : 0);
}

function bounded(field: Schema): boolean {
  if (field.type === 'array') return field.maxItems !== undefined;
  if (field.type === 'string') return field.maxLength !== undefined || field.enum !== undefined;
  return !ofTexts(field) || field.maxProperties !== undefined;
}

/** What of a value the schema has no field for. */
function missing(value: unknown, schema: Schema, where: string): string[] {
  if (Array.isArray(value)) return schema.items ? missing(value[0], schema.items, `${where}[]`) : [where];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => {
    const field = schema.properties?.[name];
    return field ? missing(part, field, `${where}.${name}`) : [`${where}.${name}`];
  });
}
