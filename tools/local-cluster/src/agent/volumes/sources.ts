import type { Followed, KubeObject } from '@flotilla/kubernetes';

/** A ConfigMap or Secret as far as pods read it: bytes by key. */
export interface Source {
  readonly data: Readonly<Record<string, Buffer>>;
}

type SourceKind = 'ConfigMap' | 'Secret';

/** What a container or volume asks for is not there. The message is kubelet's. */
export class MissingSource extends Error {}

export function sourceOfConfigMap(object: KubeObject): Source {
  const { data = {}, binaryData = {} } = object as {
    data?: Record<string, string>;
    binaryData?: Record<string, string>;
  };
  return { data: { ...decode(data, 'utf8'), ...decode(binaryData, 'base64') } };
}

export function sourceOfSecret(object: KubeObject): Source {
  const { data = {} } = object as { data?: Record<string, string> };
  return { data: decode(data, 'base64') };
}

/** The ConfigMaps and Secrets of the cluster, as they are now. */
export class Sources {
  readonly #followed: Readonly<Record<SourceKind, Followed<Source>>>;

  constructor(configMaps: Followed<Source>, secrets: Followed<Source>) {
    this.#followed = { ConfigMap: configMaps, Secret: secrets };
  }

  /** Undefined: there is none and it is optional. */
  find(kind: SourceKind, namespace: string, name: string, optional = false): Source | undefined {
    const source = this.#followed[kind].items.get(`${namespace}/${name}`);
    if (source || optional) return source;
    throw new MissingSource(`${kind.toLowerCase()} "${name}" not found`);
  }

  key(kind: SourceKind, namespace: string, ref: { name: string; key: string; optional?: boolean }): string | undefined {
    const value = this.find(kind, namespace, ref.name, ref.optional)?.data[ref.key];
    if (value !== undefined || ref.optional) return value?.toString();
    throw new MissingSource(`couldn't find key ${ref.key} in ${kind} ${namespace}/${ref.name}`);
  }

  /** Told of the namespace of each that came, changed or went. */
  onChange(listener: (namespace: string) => void): () => void {
    const stops = Object.values(this.#followed).map((followed) =>
      followed.onChange((key) => listener(key.slice(0, key.indexOf('/')))),
    );
    return () => stops.forEach((stop) => stop());
  }

  /** Resolves at the next change in the namespace, or when the signal aborts. */
  changed(namespace: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.onChange((changed) => changed === namespace && done());
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function decode(data: Readonly<Record<string, string>>, encoding: BufferEncoding): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]));
}
