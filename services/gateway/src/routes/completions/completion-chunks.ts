import type { chat, common, orchestrator } from '@flotilla/contracts';
import { collectExtra, endedEarly, failureOf, noUsage } from '../../chat/answer.ts';
import type { CompletionText } from './completion-text.ts';

/** What every object of one completion begins with. */
export interface Head {
  readonly id: string;
  readonly object: 'text_completion';
  readonly created: number;
  readonly model: string;
}

/** Turns the events of one prompt's turn into frames, and keeps what is told at the end of all prompts. */
export class CompletionChunks {
  usage: common.Usage | undefined;
  readonly extras = { conversationId: '', citations: [] as chat.Citation[], notices: [] as chat.Notice[] };
  #systemFingerprint: string | null = null;

  constructor(
    private readonly head: Head,
    private readonly text: CompletionText,
    private readonly includeUsage: boolean,
  ) {}

  /** What to send now. Throws when the event says that the answer failed. */
  take({ event }: orchestrator.ChatEvent): string {
    switch (event?.$case) {
      case 'choices':
        return event.value.choices.map((choice) => this.#frame(choice)).join('');
      case 'finished':
        this.usage = event.value.usage ?? noUsage;
        return '';
      case 'waiting':
        return ': keep-alive\n\n';
      case 'answerer':
        this.#systemFingerprint = event.value.systemFingerprint || null;
        return '';
      case 'failure':
        throw failureOf(event.value);
      default:
        collectExtra(event, this.extras);
        return '';
    }
  }

  /** Throws when the events ended without an end. */
  end(): void {
    if (!this.usage) throw endedEarly();
  }

  #frame(choice: chat.Choice): string {
    const { content, refusal, logprobsJson, finishReason, extraJson } = choice;
    // A piece that only names the role, or what the model thinks, has no place in this shape.
    if (content + refusal + logprobsJson + finishReason + extraJson === '') return '';
    return frame({
      ...{ ...this.head, system_fingerprint: this.#systemFingerprint, choices: [this.text.piece(choice)] },
      ...(this.includeUsage && { usage: null }),
    });
  }
}

export function frame(object: object): string {
  return `data: ${JSON.stringify(object)}\n\n`;
}
