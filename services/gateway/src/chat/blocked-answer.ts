import { chat, type orchestrator } from '@flotilla/contracts';
import { noUsage } from './answer.ts';

/** The answer to what a content rule blocked, in the events of any answer, so that each API writes it in its own shape. */
export async function* blockedAnswer(model: string, message: string): AsyncGenerator<orchestrator.ChatEvent> {
  yield {
    event: {
      $case: 'answerer',
      value: { model, provider: '', endpoint: '', systemFingerprint: '', routing: undefined, price: undefined },
    },
  };
  const choice = chat.Choice.fromPartial({ role: 'assistant', content: message, finishReason: 'content_filter' });
  yield { event: { $case: 'choices', value: { choices: [choice] } } };
  yield { event: { $case: 'finished', value: { usage: noUsage } } };
}
