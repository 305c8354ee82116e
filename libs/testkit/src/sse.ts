export interface SseAnswer {
  /** The parsed data of each event, without [DONE]. */
  events: {
    error?: { code: string; message: string };
    choices?: { delta: { content?: string }; finish_reason: string | null }[];
  }[];
  /** Whether the stream said that it is complete. */
  done: boolean;
}

/** Reads a streamed answer to its end, also one that ends early. */
export async function readEvents(response: Response): Promise<SseAnswer> {
  let text = '';
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  for (;;) {
    const piece = await reader.read().catch(() => ({ done: true as const, value: undefined }));
    if (piece.done) break;
    text += decoder.decode(piece.value, { stream: true });
  }
  const data = text
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length));
  return {
    events: data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each) as SseAnswer['events'][number]),
    done: data.at(-1) === '[DONE]',
  };
}
