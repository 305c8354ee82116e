/** One request, as tests want to see it. */
export interface SeenRequest {
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: Record<string, unknown>;
  outcome: 'running' | 'served' | 'aborted' | 'failed';
}

/** The last requests that are kept. */
const maxKept = 50;
/** Bodies longer than this, in characters of JSON, are not kept. */
const maxKeptBody = 64 * 1024;
/** Headers that hold secrets. */
const hidden = ['authorization', 'cookie', 'api-key', 'x-api-key'];

export interface StatsView {
  served: number;
  aborted: number;
  failed: number;
  running: number;
  waiting: number;
  peakRunning: number;
  requests: readonly SeenRequest[];
}

/** What was asked and what became of it, for tests; `/sim/stats` shows it. */
export class Stats {
  served = 0;
  aborted = 0;
  failed = 0;
  peakRunning = 0;
  private underWay = 0;
  private requests: SeenRequest[] = [];

  /** Counts a generation or embedding request; call the result once with what became of it. */
  begin(
    path: string,
    headers: SeenRequest['headers'],
    body: Record<string, unknown>,
    bodyLength: number,
  ): (outcome: 'served' | 'aborted' | 'failed') => void {
    const shown = { ...headers };
    for (const name of hidden) if (name in shown) shown[name] = '(hidden)';
    const seen: SeenRequest = { path, headers: shown, body: bodyLength > maxKeptBody ? {} : body, outcome: 'running' };
    this.requests.push(seen);
    if (this.requests.length > maxKept) this.requests.shift();
    this.underWay += 1;
    this.peakRunning = Math.max(this.peakRunning, this.underWay);
    return (outcome) => {
      if (seen.outcome !== 'running') return;
      seen.outcome = outcome;
      this[outcome] += 1;
      this.underWay -= 1;
    };
  }

  /** Requests under way, whatever they wait for. */
  get load(): number {
    return this.underWay;
  }

  /** `waiting` is the scheduler's queue. */
  view(waiting: number): StatsView {
    const { served, aborted, failed, peakRunning, underWay, requests } = this;
    return { served, aborted, failed, running: underWay, waiting, peakRunning, requests: [...requests] };
  }

  reset(): void {
    Object.assign(this, { served: 0, aborted: 0, failed: 0, peakRunning: this.underWay, requests: [] });
  }
}
