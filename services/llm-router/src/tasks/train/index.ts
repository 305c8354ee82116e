// For benches: the task router with what it was trained on.
import { liveValue, platformFileSchema } from '@flotilla/kernel';
import path from 'node:path';
import { defaults } from '../../config.ts';
import { EndpointDirectory } from '../../endpoints/endpoint-directory.ts';
import { Registry } from '../../registry/registry.ts';
import { Classifier } from '../classifier.ts';
import { TaskRouter } from '../task-router.ts';
import { weights } from '../weights.generated.ts';
import { readCorpus } from './corpus.ts';
import { evaluate, type Evaluation } from './evaluate.ts';

export { tableOf, type Evaluation } from './evaluate.ts';

/** The prompts lie with the sources, whichever of both this runs from. */
const data = path.resolve(import.meta.dirname, '../../../src/tasks/train/data');

/** How the committed weights do on the third that they were not trained on. */
export function heldOutScore(): Evaluation & { prompts: number } {
  const { heldOut } = readCorpus(data);
  return { ...evaluate(new Classifier(weights), heldOut), prompts: heldOut.length };
}

/** A task router with models of these names. */
export function taskRouterOf(names: readonly string[]): TaskRouter {
  const file = {
    providers: [{ name: 'p', kind: 'vllm', base_url: 'http://127.0.0.1:1/v1' }],
    models: names.map((name) => ({ name, targets: [{ provider: 'p' }] })),
  };
  const live = liveValue(platformFileSchema.parse(file));
  return new TaskRouter(new Registry(live, new EndpointDirectory(), {}, defaults));
}
