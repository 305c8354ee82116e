import type { chat, router } from '@flotilla/contracts';
import { FlotillaError, isAuto, toFlotillaError, type PlatformFile, type RoutingPolicy } from '@flotilla/kernel';
import { recordsSpans, span } from '@flotilla/telemetry';
import { noRouting } from '../generation/plan.ts';
import type { Registry } from '../registry/registry.ts';
import { readAsked, type Asked } from './asked.ts';
import { autoModels } from './auto-models.ts';
import { Candidates } from './candidates.ts';
import { choose } from './choice.ts';
import { Classifier } from './classifier.ts';
import { Conversations } from './conversations.ts';
import { chosen, refused } from './metrics.ts';
import { applyRules } from './rules.ts';
import { withTaskPrompt } from './task-prompt.ts';
import { weights } from './weights.generated.ts';

/** A request with the model that was chosen for it. */
export interface Routed {
  readonly request: router.GenerateRequest;
  readonly routing: chat.Routing;
}

/** Chooses a model, or a LoRA adapter, by what the prompt asks for. It waits for nothing. */
export class TaskRouter {
  readonly #registry: Registry;
  readonly #candidates: Candidates;
  readonly #classifier = new Classifier(weights);
  readonly #conversations = new Conversations();

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#candidates = new Candidates(registry);
  }

  /** Undefined: the request names a model. Throws `model_not_found` for a policy nobody has, and what `choose` throws. */
  route(request: router.GenerateRequest): Routed | undefined {
    if (!isAuto(request.model)) return undefined;
    try {
      if (!recordsSpans()) return this.#route(request);
      return span('route auto', {}, (active) => {
        const routed = this.#route(request);
        const { task, policy, reasons } = routed.routing;
        active.setAttributes({
          ...{ 'flotilla.route.task': task, 'flotilla.route.policy': policy },
          ...{ 'flotilla.route.model': routed.request.model, 'flotilla.route.reasons': reasons },
        });
        return routed;
      });
    } catch (error) {
      refused(toFlotillaError(error).code);
      throw error;
    }
  }

  /** `auto` and the policies an organisation may name, for lists of models; none while there is nothing to choose. `createdAt` as of others. */
  models(orgId: string, createdAt: number): router.Model[] {
    const { routing } = this.#registry.file;
    return autoModels(routing, this.#candidates.choices.open, orgId, createdAt);
  }

  #route(request: router.GenerateRequest): Routed {
    const { routing } = this.#registry.file;
    const { orgId = '', models: allowed = [] } = request.caller ?? {};
    const [name, policy] = policyOf(request.model, routing, orgId);
    const ruled = applyRules(routing.rules, readAsked(request, this.#classifier), orgId);
    const { asked } = ruled;
    const conversation = request.conversationId && `${orgId} ${request.conversationId} ${name}`;
    const { model, reasons } = choose(this.#candidates.choices, asked, {
      ...{ policy, allowed, stickiness: routing.stickiness, wanted: ruled.model ?? policy.tasks[asked.task] },
      current: conversation === '' ? undefined : this.#conversations.model(conversation),
    });
    if (conversation !== '') this.#conversations.keep(conversation, model);
    chosen(asked.task, name, model);
    return {
      request: { ...withTaskPrompt(request, asked.fields, routing.tasks[asked.task]), model },
      routing: {
        ...noRouting,
        ...{ task: asked.task, policy: name },
        reasons: [...ruled.by.map((rule) => `rule=${rule}`), ...reasonsOf(asked), ...reasons],
      },
    };
  }
}

function reasonsOf({ task, probability, difficulty, language, needs }: Asked): string[] {
  return [
    `task=${task}(${probability.toFixed(2)})`,
    `difficulty=${difficulty.toFixed(2)}`,
    ...(needs.length > 0 ? [`needs=${needs.join('+')}`] : []),
    ...(language === '' ? [] : [`lang=${language}`]),
  ];
}

function policyOf(
  model: string,
  { policies, default_policy: standard, org_policies: own }: PlatformFile['routing'],
  orgId: string,
): [name: string, policy: RoutingPolicy] {
  const asked = model.slice('auto:'.length);
  const name = asked === '' ? (own[orgId] ?? standard) : asked;
  const policy = policies[name];
  if (policy && (policy.org === undefined || policy.org === orgId)) return [name, policy];
  const names = Object.keys(policies).filter((key) => [undefined, orgId].includes(policies[key]!.org));
  const message = `There is no policy ${JSON.stringify(name.slice(0, 100))}. There are: ${names.map((key) => `auto:${key}`).join(', ')}.`;
  throw new FlotillaError('model_not_found', message, { details: { param: 'model' } });
}
