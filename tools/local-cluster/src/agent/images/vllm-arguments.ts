/** Flags of vLLM by those of the simulator, with how their value is written there. */
const flags: Readonly<Record<string, readonly [option: string, write?: (value: string) => string]>> = {
  model: ['model'],
  port: ['port'],
  'api-key': ['api-key'],
  'max-num-seqs': ['max-num-seqs'],
  'max-model-len': ['max-model-len', tokens],
  'max-loras': ['max-loras'],
  'block-size': ['block-size'],
  'num-gpu-blocks-override': ['num-gpu-blocks'],
  'shutdown-timeout': ['shutdown-timeout-ms', (seconds) => String(Math.round(Number(seconds) * 1_000))],
};

/**
 * The simulator's arguments for those of `vllm serve`. What says how weights are computed has no meaning for it and is left
 * out; it listens on the pod's address whatever `--host` says.
 */
export function simulatorArguments(given: readonly string[], address: string): string[] {
  const options = new Map<string, string>([
    ['host', address],
    ['port', '8000'],
  ]);
  const words = given[0] === 'serve' ? given.slice(1) : [...given];
  if (words[0] !== undefined && !words[0].startsWith('-')) options.set('model', words[0]);
  for (const { name, values } of read(words)) {
    const [option, write = String] = flags[name] ?? [];
    if (option !== undefined && values[0] !== undefined) options.set(option, write(values[0]));
    if (name === 'lora-modules') options.set('lora-modules', values.map(adapter).join(','));
    if (name === 'no-enable-prefix-caching') options.set('prefix-caching', 'false');
  }
  // vLLM names a model as it is served, wherever on the command line that stands.
  const served = read(words).find(({ name }) => name === 'served-model-name')?.values[0];
  if (served !== undefined) options.set('model', served);
  return [...options].map(([option, value]) => `--${option}=${value}`);
}

/** `--flag value value`, `--flag=value` and `--flag_name`, in order. */
function read(words: readonly string[]): { name: string; values: string[] }[] {
  const found: { name: string; values: string[] }[] = [];
  for (const word of words) {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) found.push({ name: name.replaceAll('_', '-'), values: value === undefined ? [] : [value] });
    else found.at(-1)?.values.push(word);
  }
  return found;
}

/** `32k`, `1M` and `32768`, as vLLM takes them: small letters are decimal. */
function tokens(value: string): string {
  const [, digits, unit] = /^([\d.]+)([kKmM]?)$/.exec(value) ?? [];
  const factor = { k: 1e3, K: 1024, m: 1e6, M: 1024 ** 2 }[unit ?? ''] ?? 1;
  return String(Math.round(Number(digits ?? value) * factor));
}

/** `name=path`, or the same as JSON. */
function adapter(value: string): string {
  if (!value.startsWith('{')) return value;
  const { name, path } = JSON.parse(value) as { name: string; path: string };
  return `${name}=${path}`;
}
