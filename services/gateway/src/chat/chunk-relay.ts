import type { chat, orchestrator } from '@flotilla/contracts';
import { ChunkWriter, extension, usageObject, type Frame } from './chunks.ts';
import { collectExtra, endedEarly, failureOf, newExtras, noUsage, type GrowingExtras } from './answer.ts';
import type { Turn } from './turns.ts';

/** Turns the events of one streamed answer into the text that goes to the client. */
export class ChunkRelay {
  #writer: ChunkWriter | undefined;
  #answerer: chat.Answerer | undefined;
  #extras: GrowingExtras;
  #finished = false;

  constructor(
    private readonly turn: Turn,
    private readonly frame: Frame,
  ) {
    this.#extras = newExtras(turn.body.conversationId);
  }

  /**
   * What to send now; empty when the event only adds to what comes later. Nothing is sent before the first choice or
   * the first wait: until then a failure can still be an honest HTTP status. Throws when the event says that the answer failed.
   */
  take({ event }: orchestrator.ChatEvent): string {
    switch (event?.$case) {
      case 'choices': {
        const writer = this.#write();
        const { choices } = event.value;
        if (choices.length === 1) return writer.choice(choices[0]!);
        let text = '';
        for (const choice of choices) text += writer.choice(choice);
        return text;
      }
      case 'finished': {
        this.#finished = true;
        if (!this.turn.body.includeUsage) return this.#writer?.attached ? this.#writer.last(undefined) : '';
        return this.#write().last(usageObject(event.value.usage ?? noUsage));
      }
      case 'waiting':
        return this.frame.keepAlive;
      case 'answerer':
        this.#answerer = event.value;
        return '';
      case 'failure':
        throw failureOf(event.value);
      default:
        // What was told once is not told again: a notice that comes late travels alone.
        if (this.#writer && !this.#writer.attached) this.#extras = newExtras('');
        collectExtra(event, this.#extras);
        this.#writer?.attach(extension(this.#extras));
        return '';
    }
  }

  /** Throws when the events ended without an end: a stream cut short is never closed as a whole one. */
  end(): void {
    if (!this.#finished) throw endedEarly();
  }

  #write(): ChunkWriter {
    if (this.#writer) return this.#writer;
    const { id, created, body } = this.turn;
    const model = this.#answerer?.model || body.model;
    const systemFingerprint = this.#answerer?.systemFingerprint ?? '';
    const head = { id, created, model, systemFingerprint, includeUsage: body.includeUsage };
    this.#writer = new ChunkWriter(head, this.frame);
    this.#writer.attach(extension(this.#extras));
    return this.#writer;
  }
}
