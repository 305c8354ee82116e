/** The head of an answer; headers flat as names and values. */
export interface Head {
  readonly status: number;
  readonly headers: readonly string[];
}

/** A whole answer, as it left. */
export interface Answer extends Head {
  readonly body: Uint8Array;
}

/** Each request has its own. */
const ofOneRequest = new Set(['x-request-id', 'openai-processing-ms']);
/** How a limit stood when the answer left says nothing about now. */
const ofOneMoment = /^(?:x-ratelimit-|ratelimit|anthropic-ratelimit-|retry-after|x-should-retry)/i;

/** The headers of a head that hold for whoever gets the answer. `replayed`: it is not the one who asked for it. */
export function lastingHeaders({ headers }: Head, replayed: boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index]!;
    if (ofOneRequest.has(name.toLowerCase()) || (replayed && ofOneMoment.test(name))) continue;
    kept.push(name, headers[index + 1]!);
  }
  return kept;
}
