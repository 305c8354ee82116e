import type { chat, rag } from '@flotilla/contracts';

const seconds = (ms: number) => Math.floor(ms / 1_000);

/** OpenAI's vector_store. */
export function storeObject({ id, name, createdAt, fileCount, bytes }: rag.Store): object {
  return {
    ...{ id, object: 'vector_store', created_at: seconds(createdAt), name, usage_bytes: bytes, status: 'completed' },
    file_counts: { in_progress: 0, completed: fileCount, failed: 0, cancelled: 0, total: fileCount },
    ...{ last_active_at: seconds(createdAt), expires_after: null, expires_at: null, metadata: {} },
  };
}

/** OpenAI's vector_store.file, with the number of its chunks in our own field. */
export function storeFileObject({ fileId, storeId, status, chunks, createdAt, error }: rag.StoreFile): object {
  return {
    ...{ id: fileId, object: 'vector_store.file', created_at: seconds(createdAt), vector_store_id: storeId },
    ...{ status, usage_bytes: 0, attributes: {} },
    last_error: error === '' ? null : { code: 'server_error', message: error },
    flotilla: { chunks },
  };
}

/** One result of a search. */
export function passageObject({ documentId, filename, score, text, chunk }: chat.Citation): object {
  return {
    file_id: documentId,
    filename,
    score,
    attributes: {},
    content: [{ type: 'text', text }],
    flotilla: { chunk },
  };
}
