import type { Node } from '@flotilla/kubernetes';

/** Taints and conditions of nodes that say their GPUs are broken, in glob patterns. */
export interface NodeFaultSigns {
  /** Keys of taints. */
  readonly taints: readonly string[];
  /** Types of conditions that say so by being True; with `!` before: by being False. */
  readonly conditions: readonly string[];
}

/** What is kept of a node. */
export interface NodeFacts {
  readonly name: string;
  /** `<region>/<zone>`; empty: unknown. */
  readonly zone: string;
  /** Why nothing is to be expected of it; undefined: it is well. */
  readonly fault?: string;
}

/** Reads nodes by these signs. */
export function nodeReader({ taints, conditions }: NodeFaultSigns): (node: Node) => NodeFacts {
  const badTaints = taints.map(glob);
  const signs = conditions.map((pattern) => ({
    type: glob(pattern.replace(/^!/, '')),
    bad: pattern.startsWith('!') ? 'False' : 'True',
  }));

  return ({ metadata, spec, status }) => {
    const fault = () => {
      for (const { key, value } of spec?.taints ?? []) {
        if (badTaints.some((taint) => taint.test(key))) return `taint ${key}${value ? `=${value}` : ''}`;
      }
      for (const { type, status: is, reason, message } of status?.conditions ?? []) {
        if (signs.some((sign) => sign.bad === is && sign.type.test(type))) {
          return [`${type} is ${is}`, reason, message].filter(Boolean).join(', ').slice(0, 300);
        }
        if (type === 'Ready' && is !== 'True') return `it is not ready${reason ? `: ${reason}` : ''}`;
      }
      return spec?.unschedulable ? 'it is cordoned' : undefined;
    };
    const { labels = {} } = metadata;
    const zone = labels['topology.kubernetes.io/zone'];
    const found = fault();
    return {
      name: metadata.name,
      zone: zone === undefined ? '' : `${labels['topology.kubernetes.io/region'] ?? ''}/${zone}`,
      ...(found !== undefined && { fault: found }),
    };
  };
}

/** `*` stands for anything. */
function glob(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`);
}
