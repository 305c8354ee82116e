import type { chat, common } from '@flotilla/contracts';
import type { FastifyInstance } from 'fastify';
import { answerHeaders } from '../../chat/answer-headers.ts';
import { collectAnswer, noUsage } from '../../chat/answer.ts';
import { extension, usageObject } from '../../chat/chunks.ts';
import type { Turn } from '../../chat/turns.ts';
import { runSideBySide } from '../../chat/side-by-side.ts';
import { AnswerStream } from '../../http/answer-stream.ts';
import type { Edge } from '../../http/edge.ts';
import { errorBody } from '../../http/error-shape.ts';
import type { Exchange } from '../../http/exchange.ts';
import { handler } from '../../http/route.ts';
import { sendJson } from '../../http/send.ts';
import { CompletionChunks, frame, type Head } from './completion-chunks.ts';
import { CompletionText } from './completion-text.ts';
import { readCompletionsBody, type CompletionsBody } from './completions-body.ts';

/** POST /v1/completions: OpenAI's older shape. */
export function completions(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/completions',
    handler(edge, (request, exchange) => {
      const body = readCompletionsBody(request.body);
      return body.chats[0]!.stream ? sendChunks(body, exchange, edge) : sendCompletion(body, exchange, edge);
    }),
  );
}

async function sendCompletion(body: CompletionsBody, exchange: Exchange, edge: Edge): Promise<void> {
  let headers: string[] = [];
  const answers = await runSideBySide(edge.turns, exchange, body.chats, async (turn, index) => {
    const answer = await collectAnswer(turn);
    headers = answerHeaders(turn);
    return { answer, text: textOf(body, index) };
  });
  const [{ answer: first }] = answers as [(typeof answers)[number]];
  const object = {
    ...{ ...headOf(body, exchange, edge), model: first.model, system_fingerprint: first.systemFingerprint || null },
    choices: answers.flatMap(({ answer, text }) =>
      answer.choices.map((choice) => text.piece({ ...choice, finishReason: choice.finishReason || 'stop' })),
    ),
    usage: usageObject(sum(answers.map(({ answer }) => answer.usage))),
    ...told(answers.flatMap(({ answer }) => answer.extras.notices)),
  };
  sendJson(exchange, edge.clock, 200, JSON.stringify(object), headers);
}

/** The prompts' pieces come as they come, told apart by their index. After the first byte an error is a frame, and no [DONE]. */
async function sendChunks(body: CompletionsBody, exchange: Exchange, edge: Edge): Promise<void> {
  const head = headOf(body, exchange, edge);
  const { includeUsage } = body.chats[0]!;
  let latest: Turn | undefined;
  const stream = new AnswerStream(exchange, edge, () => (latest ? answerHeaders(latest) : []));
  let ended: CompletionChunks[];
  try {
    ended = await runSideBySide(edge.turns, exchange, body.chats, async (turn, index) => {
      latest = turn;
      const chunks = new CompletionChunks(head, textOf(body, index), includeUsage);
      for await (const event of turn.events) {
        const drained = stream.write(chunks.take(event));
        if (drained) await drained;
      }
      chunks.end();
      return chunks;
    });
  } catch (thrown) {
    return stream.fail(thrown, (error) => frame({ error: errorBody(error) }));
  }
  const extra = told(ended.flatMap(({ extras }) => extras.notices));
  const usage = includeUsage && { usage: usageObject(sum(ended.map(({ usage }) => usage ?? noUsage))) };
  if (usage || extra) await stream.write(frame({ ...head, choices: [], ...usage, ...extra }));
  stream.end('data: [DONE]\n\n');
}

function headOf({ chats }: CompletionsBody, exchange: Exchange, { clock }: Edge): Head {
  const id = `cmpl-${exchange.id.slice(exchange.id.indexOf('_') + 1)}`;
  return { id, object: 'text_completion', created: Math.floor(clock.now() / 1_000), model: chats[0]!.model };
}

function textOf({ chats, prompts, echo }: CompletionsBody, index: number): CompletionText {
  return new CompletionText(echo ? prompts[index]! : '', index * chats[index]!.choices);
}

function told(notices: chat.Notice[]): { flotilla: object } | undefined {
  const extra = extension({ conversationId: '', citations: [], notices });
  return extra && { flotilla: extra };
}

function sum(usages: readonly common.Usage[]): common.Usage {
  return usages.reduce((all, one) => ({
    promptTokens: all.promptTokens + one.promptTokens,
    completionTokens: all.completionTokens + one.completionTokens,
    cachedTokens: all.cachedTokens + one.cachedTokens,
    estimated: all.estimated || one.estimated,
  }));
}
