import type { Choice } from '../language/choice.ts';
import type { Exchange } from './exchange.ts';

export interface Usage {
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
}

/** What differs between /v1/chat/completions and /v1/completions. Strings are JSON, ready to be joined. */
export interface Shape {
  readonly object: string;
  readonly chunkObject: string;
  /** A whole choice. */
  whole(choice: Choice, index: number): string;
  /** What opens a streamed choice, each one a chunk's fields after `index`. */
  openings(choice: Choice): readonly string[];
  /** The fields of a chunk that carries one token. */
  token(choice: Choice, token: string): string;
  /** The fields of the chunk that ends a choice. */
  closing(choice: Choice): string;
}

/** Where the tokens of a request's choices go as they come out. */
export interface Reply {
  onTokens(index: number, from: number, to: number, done: boolean, usage: Usage): void;
  /** The engine gave up. */
  onAborted(): void;
}

export interface Head {
  id: string;
  model: string;
  /** Seconds since 1970. */
  created: number;
}

function usageJson({ promptTokens, cachedTokens, completionTokens }: Usage): string {
  const total = promptTokens + completionTokens;
  return `{"prompt_tokens":${promptTokens},"total_tokens":${total},"completion_tokens":${completionTokens},"prompt_tokens_details":{"cached_tokens":${cachedTokens}}}`;
}

/** vLLM's `continuous_usage_stats`: of one choice, without what the cache held. */
function soFarJson({ promptTokens }: Usage, tokens: number): string {
  return `{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + tokens},"completion_tokens":${tokens}}`;
}

/** As the request's `stream_options` have them. */
export interface UsageOptions {
  readonly include_usage?: boolean | null | undefined;
  readonly continuous_usage_stats?: boolean | null | undefined;
}

const headJson = (object: string, { id, model, created }: Head) =>
  `{"id":${JSON.stringify(id)},"object":"${object}","created":${created},"model":${JSON.stringify(model)},"choices":[`;

/** One JSON answer when all choices are done. */
export function wholeReply(exchange: Exchange, shape: Shape, head: Head, choices: readonly Choice[]): Reply {
  let left = choices.length;
  return {
    onTokens(_index, _from, _to, done, usage) {
      if (!done || (left -= 1) > 0) return;
      const all = choices.map((choice, index) => shape.whole(choice, index)).join(',');
      exchange.send(200, `${headJson(shape.object, head)}${all}],"usage":${usageJson(usage)}}`);
    },
    onAborted: () => exchange.response.destroy(),
  };
}

/** Server-sent events: what one step of the scheduler brings out is one write. */
export function streamedReply(
  exchange: Exchange,
  shape: Shape,
  head: Head,
  choices: readonly Choice[],
  { include_usage: inTheEnd, continuous_usage_stats: inEach }: UsageOptions,
): Reply {
  const { response } = exchange;
  const beginning = `data: ${headJson(shape.chunkObject, head)}`;
  let left = choices.length;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  response.flushHeaders();
  return {
    onTokens(index, from, to, done, usage) {
      const choice = choices[index]!;
      const start = `${beginning}{"index":${index},`;
      let text = '';
      const end = (tokens: number) => (inEach ? `}],"usage":${soFarJson(usage, tokens)}}\n\n` : '}]}\n\n');
      if (from === 0) for (const opening of shape.openings(choice)) text += `${start}${opening}${end(0)}`;
      for (let i = from; i < to; i += 1) text += `${start}${shape.token(choice, choice.tokens[i]!)}${end(i + 1)}`;
      if (done) text += `${start}${shape.closing(choice)}${end(to)}`;
      if (!done || (left -= 1) > 0) return void response.write(text);
      if (inTheEnd) text += `${beginning}],"usage":${usageJson(usage)}}\n\n`;
      response.end(`${text}data: [DONE]\n\n`);
    },
    onAborted: () => response.destroy(),
  };
}
