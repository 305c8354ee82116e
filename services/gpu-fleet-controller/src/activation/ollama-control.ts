export interface OllamaServer {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
}

/** Loads models into an Ollama server and out of it. Throws FlotillaError, in words fit for everyone. */
export interface OllamaControl {
  /** The models that are in memory now, by all the names they go by. */
  loaded(server: OllamaServer, signal: AbortSignal): Promise<readonly string[]>;
  /** Resolves when it is in memory, where it stays until it is unloaded or the server's own time for it is over. */
  load(server: OllamaServer, model: string, signal: AbortSignal): Promise<void>;
  /** The server lets what runs on it finish. */
  unload(server: OllamaServer, model: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
