import type { chat, router } from '@flotilla/contracts';
import {
  assumedCapabilities,
  FlotillaError,
  type ModelConfig,
  type PlatformFile,
  type WithoutPolicy,
} from '@flotilla/kernel';
import { parseParameters } from '../providers/parameters.ts';
import { holdsImages, withoutImages } from './parts.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a model must be able to do for some field of a request, in the words of its capabilities. */
export type FieldCapability = 'tools' | 'json' | 'reasoning';

interface Need {
  /** In `without` of the platform file. */
  readonly what: 'images' | 'tools' | 'json' | 'reasoning';
  readonly capability: 'vision' | FieldCapability;
  readonly param: string;
  /** As people call it. */
  readonly name: string;
}

interface FieldNeed extends Need {
  readonly capability: FieldCapability;
  /** Whether the text of the parameters can hold it: they are parsed only then. */
  readonly hint: RegExp;
  readonly fields: readonly string[];
  asked(fields: Fields): boolean;
}

const images: Need = { what: 'images', capability: 'vision', param: 'messages', name: 'images' };

const isList = (value: unknown) => Array.isArray(value) && value.length > 0;

const fieldNeeds: readonly FieldNeed[] = [
  {
    ...{ what: 'tools', capability: 'tools', param: 'tools', name: 'tools' },
    hint: /"(?:tools|functions)"/,
    fields: ['tools', 'tool_choice', 'parallel_tool_calls', 'functions', 'function_call'],
    asked: ({ tools, functions }) => isList(tools) || isList(functions),
  },
  {
    ...{ what: 'json', capability: 'json', param: 'response_format', name: 'JSON as response_format' },
    hint: /"response_format"/,
    fields: ['response_format'],
    asked: ({ response_format: format }) =>
      typeof format === 'object' && format !== null && 'type' in format && format.type !== 'text',
  },
  {
    ...{ what: 'reasoning', capability: 'reasoning', param: 'reasoning_effort', name: 'reasoning_effort' },
    hint: /"reasoning_effort"/,
    fields: ['reasoning_effort'],
    asked: ({ reasoning_effort: effort }) => effort != null && effort !== 'none',
  },
];

/** What the fields of a request ask of a model. */
export function neededBy(fields: Fields): FieldCapability[] {
  return fieldNeeds.filter((need) => need.asked(fields)).map(({ capability }) => capability);
}

/** What was taken out of a request, for the notice. */
export interface Met {
  readonly request: router.GenerateRequest;
  readonly stripped: readonly { readonly what: Need['what']; readonly text: string }[];
}

/**
 * The request without what its model cannot do, where the configuration says to strip it. Throws `capability_mismatch`
 * where it says to refuse. A model whose configuration names no capabilities may be able to do anything.
 */
export function meetNeeds(request: router.GenerateRequest, model: ModelConfig | undefined, file: PlatformFile): Met {
  if (!model || model.capabilities === assumedCapabilities) return { request, stripped: [] };
  const lacks = ({ capability }: Need) => !model.capabilities.includes(capability);
  const policy = ({ what }: Need): WithoutPolicy =>
    model.payload?.without[what] ?? file.payload.without[what] ?? 'refuse';
  const stripped: { what: Need['what']; text: string }[] = [];
  let met = request;
  if (lacks(images) && policy(images) !== 'pass' && request.messages.some(holdsImages)) {
    if (policy(images) === 'refuse') throw mismatch(images, model, file);
    const { messages, removed } = withoutImages(request.messages, `${model.name} takes text only`);
    met = { ...met, messages };
    stripped.push({ what: 'images', text: `${removed} ${removed === 1 ? 'image was' : 'images were'} left out` });
  }
  for (const need of fieldNeeds) {
    if (!lacks(need) || policy(need) === 'pass' || !need.hint.test(met.parametersJson)) continue;
    const fields = parseParameters(met.parametersJson);
    if (!need.asked(fields)) continue;
    if (policy(need) === 'refuse') throw mismatch(need, model, file);
    for (const field of need.fields) delete fields[field];
    met = { ...met, parametersJson: JSON.stringify(fields) };
    stripped.push({ what: need.what, text: `${need.param} was left out` });
  }
  return { request: met, stripped };
}

/** Names shown of the models that could do it. */
const maxShown = 5;

function mismatch({ capability, param, name }: Need, model: ModelConfig, { models }: PlatformFile): FlotillaError {
  const able = models.filter((entry) => !entry.testing && entry.capabilities.includes(capability));
  const names = able.slice(0, maxShown).map((entry) => JSON.stringify(entry.name));
  const advice = names.length > 0 ? `Ask ${names.join(', ')}.` : `No model here has the capability "${capability}".`;
  return new FlotillaError(
    'capability_mismatch',
    `The model ${JSON.stringify(model.name)} takes no ${name}. ${advice}`,
    {
      details: { param, capability },
    },
  );
}

/** What a notice says of it. */
export function strippedNotices({ stripped }: Met, model: string): chat.Notice[] {
  return stripped.map(({ what, text }) => ({ code: `${what}_stripped`, message: `${text}: ${model} cannot do that.` }));
}
