import { z } from 'zod';

const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i);
const time = z.iso.datetime({ offset: true });

const armSchema = z.strictObject({
  /** As metrics and headers show it. */
  name,
  /** The model that answers: one of the file, or `provider/model`. Absent: the one that was asked for. */
  model: z.string().min(1).optional(),
  /** Its share of the units, against those of the other arms. */
  weight: z.number().nonnegative(),
});

/** When an arm is no longer taken. */
const canarySchema = z.strictObject({
  /** The arm that is watched. */
  arm: name,
  /** The arm it is held against, and that takes its requests once it is stopped. */
  control: name,
  /** Seconds that are looked back on: at most so many, at least half. */
  window_s: z.number().positive().default(300),
  /** Requests of either arm in that time without which nothing is decided. */
  min_requests: z.number().int().positive().default(50),
  /** How much larger its share of failed requests may be, 0 to 1, beyond what chance explains. */
  error_margin: z.number().min(0).max(1).default(0.02),
  /** How many times as long its first tokens may take, at the 90th percentile. */
  first_token_ratio: z.number().min(1).default(1.5),
});

/** Requests for a model that are answered by one of several, always by the same for the same unit. */
const experimentSchema = z
  .strictObject({
    name,
    /** Models that clients ask for, by their names in the file or as engines say them. */
    models: z.array(z.string().min(1)).min(1),
    /** What stays with its arm. A request without a conversation is a unit of its own. */
    unit: z.enum(['org', 'user', 'conversation']).default('user'),
    /** Organisations that take part; absent: all. */
    orgs: z.array(z.string().min(1)).min(1).optional(),
    arms: z.array(armSchema).min(2).max(10),
    canary: canarySchema.optional(),
    /** RFC 3339; absent: it has begun. */
    from: time.optional(),
    /** RFC 3339; absent: it does not end. */
    until: time.optional(),
  })
  .superRefine(({ arms, canary, from, until }, context) => {
    const names = arms.map((arm) => arm.name);
    const mistake = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', message, path });
    if (new Set(names).size < names.length) mistake('two arms have one name', 'arms');
    if (!arms.some(({ weight }) => weight > 0)) mistake('no arm has a weight', 'arms');
    if (canary && !names.includes(canary.arm)) mistake(`there is no arm "${canary.arm}"`, 'canary', 'arm');
    if (canary && !names.includes(canary.control)) mistake(`there is no arm "${canary.control}"`, 'canary', 'control');
    if (canary && canary.arm === canary.control) mistake('an arm is not held against itself', 'canary', 'control');
    if (from && until && Date.parse(from) >= Date.parse(until)) mistake('it ends before it begins', 'until');
  });

/** Requests that are also sent to another model, whose answers nobody gets. */
const mirrorSchema = z.strictObject({
  name,
  /** Models that clients ask for. */
  models: z.array(z.string().min(1)).min(1),
  /** The model that is asked too: one of the file, or `provider/model`. */
  to: z.string().min(1),
  /** Of the requests, 0 to 1. */
  share: z.number().min(0).max(1).default(0.05),
  /** Requests under way at most; those beyond are not sent. */
  max_concurrent: z.number().int().positive().default(4),
  /** Milliseconds an answer may take. */
  timeout_ms: z.number().int().positive().default(120_000),
  /** Organisations whose prompts are never sent. */
  except_orgs: z.array(z.string().min(1)).default([]),
  from: time.optional(),
  until: time.optional(),
});

const distinct = (list: readonly { name: string }[]) => new Set(list.map((one) => one.name)).size === list.length;

export const experimentsSchema = z.array(experimentSchema).default([]).refine(distinct, 'two have one name');
export const mirrorsSchema = z.array(mirrorSchema).default([]).refine(distinct, 'two have one name');

export type ExperimentConfig = z.infer<typeof experimentSchema>;
export type MirrorConfig = z.infer<typeof mirrorSchema>;
