import { z } from 'zod';

/** What a prompt may ask for. `vision`: it shows images. `tools`: small talk with tools at hand; other tasks keep their name. */
export const taskKinds = [
  'code',
  'math',
  'reasoning',
  'translation',
  'summarisation',
  'extraction',
  'creative',
  'chat',
  'vision',
  'tools',
] as const;

const taskKind = z.enum(taskKinds);
export type TaskKind = z.infer<typeof taskKind>;

/** 0 to 1. */
const share = z.number().min(0).max(1);
const tokens = z.number().int().nonnegative();

const candidate = z.strictObject({
  /** How well it does a task of middling difficulty, 0 to 1; `default` stands for tasks that are not named. Absent: guessed from its name and size. */
  quality: z.partialRecord(z.union([taskKind, z.literal('default')]), share).default({}),
  /** Stands in place of the model's own; for adapters too. USD per million tokens. */
  price: z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() }).optional(),
  /** Two-letter codes of the languages it is good at; in others it counts as worse. Absent: in all alike. */
  languages: z.array(z.string().length(2)).optional(),
});

const policy = z.strictObject({
  /** Whose it is. Absent: everybody's. */
  org: z.string().min(1).optional(),
  /** How much expected quality (0 to 1) a price of 50 USD per million tokens may cost; a tenth of the price costs a third less. */
  cost_weight: z.number().nonnegative().default(0.5),
  /** Expected quality (0 to 1) below which a model is not taken while another one reaches it. */
  quality_floor: share.default(0),
  /** Models or adapters it chooses among, by name or by a prefix that ends with `*`. Absent: all candidates. */
  models: z.array(z.string().min(1)).min(1).optional(),
  /** The model of a task, whatever the figures say, while it can do what the request needs. */
  tasks: z.partialRecord(taskKind, z.string().min(1)).default({}),
});

/** Everything that is named must hold. */
const condition = z.strictObject({
  org: z.string().min(1).optional(),
  task: z.array(taskKind).min(1).optional(),
  /** Two-letter codes; the prompt's language is guessed. */
  language: z.array(z.string().length(2)).min(1).optional(),
  /** The last message has one of these words or phrases; upper and lower case are alike. */
  contains: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  /** The last message begins with one of these. */
  starts_with: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  /** Estimated tokens of the whole prompt. */
  min_tokens: tokens.optional(),
  max_tokens: tokens.optional(),
});

const rule = z.strictObject({
  /** Shown in the reasons. Absent: its number, from 1. */
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
  when: condition,
  /** The model or adapter to take, while it can do what the request needs. */
  model: z.string().min(1).optional(),
  /** What the prompt asks for, in place of what the classifier says. Such a rule may not itself ask for the task. */
  task: taskKind.optional(),
});

const taskPrompt = z.strictObject({
  /** A system message for prompts of the task. */
  system: z.string().min(1).max(20_000).optional(),
  /** `absent`: only for requests that have no system message of their own. `always`: else after theirs. */
  system_when: z.enum(['absent', 'always']).default('absent'),
  /** Fields of the request's body that stand in for those the client did not send. */
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.number().int().positive().optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
});

/** There without being named; one of the same name in the file stands in place of it, as a whole. */
const standardPolicies = {
  cheap: { cost_weight: 1, quality_floor: 0.4 },
  balanced: { cost_weight: 0.5 },
  best: { cost_weight: 0 },
} as const;

const policyName = z.string().regex(/^[a-z0-9][\w.-]{0,63}$/i, 'a name of letters, digits, "_", "-" and "."');

/** How `auto` chooses a model by the prompt. */
export const routingSchema = z
  .strictObject({
    /** By model or adapter. Absent or empty: the models of this file; without those, what the engines serve. */
    candidates: z.record(z.string().min(1), candidate).default({}),
    policies: z
      .record(policyName, policy)
      .default({})
      .transform((policies) => ({ ...z.record(z.string(), policy).parse(standardPolicies), ...policies })),
    /** What `auto` alone means. */
    default_policy: z.string().default('balanced'),
    /** What `auto` alone means for an organisation: its id → a policy. */
    org_policies: z.record(z.string(), z.string()).default({}),
    /** The first one that holds and says a model decides; the first that says a task, the task. */
    rules: z.array(rule).max(200).default([]),
    /** Prompts and sampling by task. */
    tasks: z.partialRecord(taskKind, taskPrompt).default({}),
    /** A conversation stays with its model until another is better by this much (0 to 1): its prefix is cached there, and its tone stays. */
    stickiness: share.default(0.1),
  })
  .superRefine((routing, context) => {
    const named = [
      { path: ['default_policy'], name: routing.default_policy, org: undefined },
      ...Object.entries(routing.org_policies).map(([org, name]) => ({ path: ['org_policies', org], name, org })),
    ];
    for (const { path, name, org } of named) {
      const found = routing.policies[name];
      if (found && (found.org === undefined || found.org === org)) continue;
      const message = found ? `the policy "${name}" is another's` : `there is no policy "${name}"`;
      context.addIssue({ code: 'custom', path, message });
    }
    for (const [at, { when, task, model }] of routing.rules.entries()) {
      const message =
        task === undefined && model === undefined
          ? 'a rule says a model or a task'
          : task !== undefined && when.task !== undefined
            ? 'a rule that says the task cannot ask for it'
            : undefined;
      if (message) context.addIssue({ code: 'custom', path: ['rules', at], message });
    }
  });

export type RoutingConfig = z.infer<typeof routingSchema>;
export type RoutingPolicy = z.infer<typeof policy>;
export type RoutingRule = z.infer<typeof rule>;
export type RoutingCandidate = z.infer<typeof candidate>;
export type TaskPrompt = z.infer<typeof taskPrompt>;
