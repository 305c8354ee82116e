import { z } from 'zod';

const autostartKinds = ['vllm', 'ollama', 'command'] as const;

/** One thing that requests may start. */
export interface AutostartEntry {
  readonly kind: (typeof autostartKinds)[number];
  /** Of a service, of an Ollama model, of the provider whose process it is. */
  readonly name: string;
}

export const labelOf = ({ kind, name }: AutostartEntry): string => `${kind}:${name}`;

const form = new RegExp(`^(${autostartKinds.join('|')})[:=](\\S+)$`);

/** `vllm:qlora-prod,ollama:color-narrator`; `=` may stand for `:`. */
export const autostartMap = z.string().transform((text, context): AutostartEntry[] => {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  return parts.flatMap((part) => {
    const [, kind, name] = form.exec(part) ?? [];
    if (kind !== undefined) return [{ kind: kind as AutostartEntry['kind'], name: name! }];
    context.addIssue({
      code: 'custom',
      message: `"${part}" is not <kind>:<name> with a kind of ${autostartKinds.join(', ')}`,
    });
    return [];
  });
});
