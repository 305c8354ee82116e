import { sendJson, type Script, type Seen } from '../../fake-engine.fixture.ts';

export interface ToolCall {
  name: string;
  /** JSON of an object. */
  input: string;
}
export type Reason = 'stop' | 'length' | 'tool_calls';

/** How engines of one kind say the same things. Texts are pieces of a stream's body. */
export interface Words {
  begin: string;
  text(word: string): string;
  thought(word: string): string;
  /** `cut` takes the arguments' text apart. */
  calls(calls: readonly ToolCall[], cut: (text: string) => string[]): string;
  /** 7 tokens of a prompt, 3 of them cached where the kind tells, and 2 of an answer. */
  end(reason: Reason): string;
  error(message: string, status: number): string;
  whole(answer: { text: string; thought?: string; calls?: readonly ToolCall[]; reason: Reason }): object;
  refusal(message: string, status: number): object;
}

export interface Dialect {
  name: string;
  /** Of the provider's entry in the file. */
  provider: object;
  /** Behind the engine's address. */
  suffix: string;
  words: Words;
  generatePath: string;
  /** Undefined: it embeds nothing. */
  embedPath?: string;
  embeddings?(vectors: number[][]): object;
  listPath: string;
  list: object;
  keyHeader: string;
  keyPrefix: string;
  /** What the engine is to answer to, of the first request. */
  asked(seen: Seen): any;
  maxTokens(body: any): unknown;
  /** What was said of an image, a call and its result, and the system. */
  told(body: any): { image: string; call: { name: string; input: unknown }; result: string; system: string };
  /** Cached tokens that it tells of. */
  cached: number;
  /** Answers with these pieces; `holds`: and then says nothing more. */
  streams(pieces: readonly string[], holds?: boolean): Script;
  answers(body: object): Script;
  /** What the engine is told, or sees, when the client left. */
  left(seen: readonly Seen[]): boolean;
}

/** How an answer comes over one connection. */
export const overHttp: Pick<Dialect, 'streams' | 'answers' | 'left' | 'asked'> = {
  streams:
    (pieces, holds = false) =>
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of pieces) response.write(piece);
      if (!holds) response.end();
    },
  answers: (body) => (response) => sendJson(response, body),
  left: (seen) => seen[0]!.aborted,
  asked: (seen) => seen.body,
};
