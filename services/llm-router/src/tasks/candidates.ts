import type { router } from '@flotilla/contracts';
import {
  assumedCapabilities,
  taskKinds,
  type ModelPrice,
  type RoutingCandidate,
  type TaskKind,
} from '@flotilla/kernel';
import { listModels } from '../registry/model-list.ts';
import type { Registry } from '../registry/registry.ts';
import { guessedPrice, guessedQuality } from './expectations.ts';

/** A model or an adapter that may be chosen. */
export interface Candidate {
  readonly name: string;
  readonly capabilities: ReadonlySet<string>;
  /** False: nobody told its capabilities, so it may have more. */
  readonly declared: boolean;
  /** An engine of it answers now; else one may come. */
  readonly ready: boolean;
  /** Tokens; 0: unknown. */
  readonly contextWindow: number;
  readonly price: ModelPrice;
  readonly quality: Readonly<Record<TaskKind, number>>;
  /** Undefined: all alike. */
  readonly languages: ReadonlySet<string> | undefined;
}

export interface Choices {
  /** Every model that chats, by its name: those that a rule or a policy may name. */
  readonly named: ReadonlyMap<string, Candidate>;
  /** Those that are weighed. */
  readonly open: readonly Candidate[];
}

/** What may be chosen, read anew when the registry is. */
export class Candidates {
  readonly #registry: Registry;
  #seen: readonly [unknown, unknown] = [undefined, undefined];
  #choices: Choices = { named: new Map(), open: [] };

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get choices(): Choices {
    const seen = [this.#registry.file, this.#registry.endpoints()] as const;
    if (seen[0] === this.#seen[0] && seen[1] === this.#seen[1]) return this.#choices;
    this.#seen = seen;
    this.#choices = choicesOf(this.#registry);
    return this.#choices;
  }
}

function choicesOf(registry: Registry): Choices {
  const settings = registry.file.routing.candidates;
  // A setting may list what is not there; nobody can answer with that.
  const models = listModels(registry, 0).filter((model) => model.installed && model.capabilities.includes('chat'));
  const named = new Map(models.map((model) => [model.name, candidateOf(model, registry, settings[model.name])]));
  const open = openNames(models, Object.keys(settings));
  return { named, open: open.flatMap((name) => named.get(name) ?? []) };
}

/** An adapter is for something of its own: it is weighed only where the file names it. */
function openNames(models: readonly router.Model[], listed: readonly string[]): readonly string[] {
  if (listed.length > 0) return listed;
  const adapters = new Set(models.flatMap((model) => model.adapters));
  const whole = models.filter(({ name }) => !adapters.has(name));
  const configured = whole.filter(({ source }) => source !== 'engine');
  return (configured.length > 0 ? configured : whole).map(({ name }) => name);
}

function candidateOf(model: router.Model, registry: Registry, settings: RoutingCandidate | undefined): Candidate {
  const { name, capabilities, ready, contextWindow, inputPrice, outputPrice } = model;
  const entry = registry.find(name)?.entry;
  const known = inputPrice > 0 || outputPrice > 0 ? { input: inputPrice, output: outputPrice } : undefined;
  return {
    ...{ name, ready, contextWindow, capabilities: new Set(capabilities) },
    declared: entry !== undefined && entry.capabilities !== assumedCapabilities,
    price: settings?.price ?? known ?? guessedPrice(name),
    quality: qualityOf(name, settings?.quality ?? {}),
    languages: settings?.languages && new Set(settings.languages),
  };
}

function qualityOf(name: string, told: RoutingCandidate['quality']): Record<TaskKind, number> {
  const guessed = guessedQuality(name);
  const quality = (task: TaskKind) => told[task] ?? told.default ?? guessed[task];
  return Object.fromEntries(taskKinds.map((task) => [task, quality(task)])) as Record<TaskKind, number>;
}
