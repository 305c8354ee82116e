const suffixes: Readonly<Record<string, number>> = {
  ...{ '': 1, n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 },
};

/** A quantity of Kubernetes (`500m`, `8Gi`, `1e3`) as a number. Throws on anything else. */
export function quantity(text: string): number {
  const [, digits, suffix] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = suffix === undefined ? undefined : suffixes[suffix];
  if (digits === undefined || factor === undefined) throw new Error(`"${text}" is no quantity`);
  return Number(digits) * factor;
}
