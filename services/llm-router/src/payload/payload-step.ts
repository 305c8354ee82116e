import type { chat, router } from '@flotilla/contracts';
import { FlotillaError, type PlatformFile } from '@flotilla/kernel';
import type { Plan, PlanStep } from '../generation/plan.ts';
import { parseParameters } from '../providers/parameters.ts';
import { fitContext } from './fitting.ts';
import { recentImages, recentTurns, withoutThoughts } from './history.ts';
import type { Images } from './images.ts';
import { changes, refusals } from './metrics.ts';
import { meetNeeds, strippedNotices } from './needs.ts';
import { holdsImages } from './parts.ts';
import type { Templates } from './templates.ts';

export interface PayloadSettings {
  readonly visionKeepLastNTurns: number;
  readonly reasoningTruncateHistory: boolean;
  readonly reasoningKeepLastNTurns: number;
  readonly requireTemplate: boolean;
}

export interface PayloadParts {
  readonly settings: PayloadSettings;
  /** As it is now. */
  readonly file: () => PlatformFile;
  readonly images: Images;
  /** Undefined: there is no folder of templates. */
  readonly templates: Templates | undefined;
}

interface Draft {
  readonly request: router.GenerateRequest;
  readonly notices: readonly chat.Notice[];
}

/** Gives a request the shape that its model takes: what it cannot do, how much of the history, how large the images, which template. */
export class PayloadStep implements PlanStep {
  readonly #parts: PayloadParts;

  constructor(parts: PayloadParts) {
    this.#parts = parts;
  }

  prepare(plan: Plan, signal: AbortSignal): Plan | Promise<Plan> {
    try {
      const shaped = this.#shape(plan);
      const template = this.#template(plan);
      const images = shaped.request.messages.some(holdsImages);
      if (!images && !(template instanceof Promise)) return finish(plan, shaped, template);
      return this.#wait(plan, shaped, template, signal).catch((error: unknown) => refused(error));
    } catch (error) {
      return refused(error);
    }
  }

  #shape(plan: Plan): Draft {
    const { entry, contextFallbacks = [] } = plan.resolution;
    const file = this.#parts.file();
    const met = meetNeeds(plan.request, entry, file);
    const draft = this.#history(plan, { request: met.request, notices: strippedNotices(met, plan.resolution.name) });
    if (entry?.context_window === undefined || contextFallbacks.length > 0) return draft;
    const org = file.payload.orgs[draft.request.caller?.orgId ?? ''];
    const fit = org?.fit ?? entry.payload?.fit ?? file.payload.fit;
    const fitted = fitContext(draft.request, entry.context_window, fit);
    return { request: fitted.request, notices: [...draft.notices, ...fitted.notices] };
  }

  #history({ resolution }: Plan, draft: Draft): Draft {
    const { settings } = this.#parts;
    const { entry, capabilities } = resolution;
    const notices = [...draft.notices];
    let { messages }: { messages: readonly chat.Message[] } = draft.request;
    if (capabilities.includes('reasoning')) {
      messages = withoutThoughts(messages);
      const keep =
        entry?.payload?.reasoning_keep_last_n_turns ??
        (settings.reasoningTruncateHistory ? settings.reasoningKeepLastNTurns : Number.POSITIVE_INFINITY);
      const recent = recentTurns(messages, keep);
      messages = recent.messages;
      if (recent.removed > 0) notices.push(leftOut('turns_dropped', recent.removed, 'turns', keep));
    }
    if (capabilities.includes('vision') && messages.some(holdsImages)) {
      const keep = entry?.payload?.vision_keep_last_n_turns ?? settings.visionKeepLastNTurns;
      const recent = recentImages(messages, keep);
      messages = recent.messages;
      if (recent.removed > 0) notices.push(leftOut('images_dropped', recent.removed, 'images', keep));
    }
    if (messages === draft.request.messages) return draft;
    return { request: { ...draft.request, messages: [...messages] }, notices };
  }

  /** The template to send; undefined: none. Throws `err_template_required`. */
  #template({ resolution }: Plan): string | undefined | Promise<string | undefined> {
    const { templates, settings } = this.#parts;
    const { entry, name } = resolution;
    const required = entry?.payload?.require_template ?? settings.requireTemplate;
    const wanted = entry?.template;
    if (!required && (wanted === undefined || !templates)) return undefined;
    // A model that names no template may have one of its own name.
    const found = templates?.find(wanted ?? name);
    const checked = (text: string | undefined) => {
      if (text === undefined && required) throw templateMissing(name, wanted);
      return text;
    };
    return found instanceof Promise ? found.then(checked) : checked(found);
  }

  async #wait(
    plan: Plan,
    { request, notices }: Draft,
    template: string | undefined | Promise<string | undefined>,
    signal: AbortSignal,
  ): Promise<Plan> {
    const [{ messages, scaled }, text] = await Promise.all([
      this.#parts.images.check(request.messages, signal),
      template,
    ]);
    const told = scaled > 0 ? [...notices, scaledNotice(scaled)] : notices;
    return finish(plan, { request: { ...request, messages: [...messages] }, notices: told }, text);
  }
}

function finish(plan: Plan, { request, notices }: Draft, template: string | undefined): Plan {
  const asked = template !== undefined && takesTemplate(plan) ? withTemplate(request, template) : request;
  if (asked === plan.request && notices.length === 0) return plan;
  for (const { code } of notices) changes.add(1, { change: code });
  return { ...plan, request: asked, notices: [...(plan.notices ?? []), ...notices] };
}

/** Other engines refuse the field, so it is sent only where none of them can be asked. */
function takesTemplate({ resolution: { routes, fallbacks, contextFallbacks = [] } }: Plan): boolean {
  return [...routes, ...fallbacks, ...contextFallbacks].every(({ targets }) =>
    targets.every(({ endpoint }) => endpoint.facts.kind === 'vllm'),
  );
}

function withTemplate(request: router.GenerateRequest, template: string): router.GenerateRequest {
  const fields = { ...parseParameters(request.parametersJson), chat_template: template };
  return { ...request, parametersJson: JSON.stringify(fields) };
}

function refused(error: unknown): never {
  if (error instanceof FlotillaError) refusals.add(1, { code: error.code });
  throw error;
}

function templateMissing(model: string, template: string | undefined): FlotillaError {
  const what = template === undefined ? 'names none and has none of its own name' : `names ${JSON.stringify(template)}`;
  return new FlotillaError(
    'err_template_required',
    `The model ${JSON.stringify(model)} needs a chat template: it ${what}, and the folder of templates does not hold it. An operator has to add it there.`,
    { details: { param: 'model' } },
  );
}

function leftOut(code: string, count: number, what: 'turns' | 'images', kept: number): chat.Notice {
  const shown = `the model is shown those of the current turn and of ${kept} before it`;
  return { code, message: `Left out of the history: ${count} ${count === 1 ? what.slice(0, -1) : what}; ${shown}.` };
}

function scaledNotice(count: number): chat.Notice {
  return { code: 'images_scaled', message: `${count} ${count === 1 ? 'image was' : 'images were'} scaled down.` };
}
