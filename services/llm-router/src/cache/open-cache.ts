import type { Bus } from '@flotilla/bus';
import type { Clock } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import { embed } from '../generation/embedding.ts';
import type { Engines } from '../generation/engines.ts';
import { defaultEmbeddingModel } from '../registry/model-list.ts';
import type { Registry } from '../registry/registry.ts';
import { AnswerCache } from './answer-cache.ts';
import { PostgresAnswerStore, type DatabaseOfAnswers } from './answer-store.postgres.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { EmbedQuestion } from './nearby.ts';

export interface CacheEnvironment {
  readonly config: RouterConfig;
  readonly database: DatabaseOfAnswers;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly engines: Engines;
}

/** The cache of a router that has a database. */
export function openCache({ config, database, bus, clock, registry, engines }: CacheEnvironment): AnswerCache {
  const embedQuestion: EmbedQuestion = async ({ caller, model = defaultEmbeddingModel(registry), text }, signal) => {
    const answer = await embed(engines, registry.resolve(model), { caller, model, inputs: [text] }, signal);
    return { model: answer.model, vector: answer.embeddings[0]?.values ?? [] };
  };
  const store = new PostgresAnswerStore(database, clock);
  const maxPerOrg = () => registry.file.cache.max_entries_per_org;
  const kept = new KeptAnswers({ ...config, store, clock, maxPerOrg });
  return new AnswerCache({ ...config, kept, file: () => registry.file, embed: embedQuestion, bus, clock });
}
