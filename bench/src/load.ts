// Drives an OpenAI-compatible chat endpoint from a process of its own and prints what came back as one JSON line:
// node load.js '{"url":…,"requests":…,"concurrency":…,"stream":…,"key":…}'
import http from 'node:http';

export interface LoadPlan {
  url: string;
  requests: number;
  concurrency: number;
  stream: boolean;
  key: string;
  /** Requests before the measured ones. */
  warmUp?: number;
  /** Milliseconds over which the concurrent requests begin, one after another. Absent: all at once. */
  rampMs?: number;
}

/** Milliseconds throughout. */
export interface LoadResult {
  seconds: number;
  p50: number;
  p99: number;
  ttft50: number;
  /** Gaps between the pieces of one stream. */
  gap99: number;
  gapMax: number;
  stalls: number;
  tokens: number;
  bad: number;
  firstBad: string;
}

const prompt =
  'Explain the rate limiter of the mesh in one paragraph, please, with numbers and with an example of a request that is refused by the limiter because its budget is spent.';

const body = (plan: LoadPlan, i: number) =>
  JSON.stringify({
    model: 'm',
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content: `${prompt} (${i})` },
    ],
    max_tokens: 256,
    ...(plan.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });

const percentile = (values: number[], share: number) => {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
};

class Load {
  readonly latencies: number[] = [];
  readonly firsts: number[] = [];
  readonly gaps: number[] = [];
  tokens = 0;
  bad = 0;
  firstBad = '';
  private readonly plan: LoadPlan;
  private readonly agent: http.Agent;

  constructor(plan: LoadPlan, agent: http.Agent) {
    this.plan = plan;
    this.agent = agent;
  }

  one(i: number): Promise<void> {
    const { hostname, port, pathname } = new URL(this.plan.url);
    const started = performance.now();
    let last = 0;
    let text = '';
    return new Promise((done) => {
      const fail = (why: string) => {
        this.bad += 1;
        this.firstBad ||= why;
        done();
      };
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${this.plan.key}` };
      const request = http.request(
        { hostname, port, path: pathname, method: 'POST', headers, agent: this.agent },
        (response) => {
          response.setEncoding('utf8');
          response.on('data', (data: string) => {
            text += data;
            if (!this.plan.stream || !/"content":"[^"]/.test(data)) return;
            const now = performance.now();
            if (last === 0) this.firsts.push(now - started);
            else this.gaps.push(now - last);
            last = now;
          });
          response.on('end', () => {
            this.latencies.push(performance.now() - started);
            // Pieces may carry several tokens: the usage says how many there were.
            if (this.plan.stream) this.tokens += Number(/"completion_tokens":(\d+)/.exec(text)?.[1] ?? 0);
            const complete = response.statusCode === 200 && (!this.plan.stream || text.includes('[DONE]'));
            if (!complete) return fail(`${response.statusCode} ${text.slice(0, 200)}`);
            done();
          });
          response.on('error', (error) => fail(error.message));
        },
      );
      request.on('error', (error) => fail(error.message));
      request.end(body(this.plan, i));
    });
  }

  async run(requests: number): Promise<void> {
    let next = 0;
    const { concurrency, rampMs = 0 } = this.plan;
    const lane = async (_: unknown, i: number) => {
      if (rampMs > 0) await new Promise((resolve) => setTimeout(resolve, (i * rampMs) / concurrency));
      while (next < requests) await this.one(next++);
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  }
}

async function main(plan: LoadPlan): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: plan.concurrency });
  await new Load(plan, agent).run(plan.warmUp ?? Math.min(200, plan.requests));
  // The parent reads its CPU counters between these two lines.
  console.log('warm');
  await new Promise<void>((resolve) => process.stdin.once('data', () => resolve()));
  const load = new Load(plan, agent);
  const started = performance.now();
  await load.run(plan.requests);
  const result: LoadResult = {
    seconds: (performance.now() - started) / 1_000,
    p50: percentile(load.latencies, 0.5),
    p99: percentile(load.latencies, 0.99),
    ttft50: percentile(load.firsts, 0.5),
    gap99: percentile(load.gaps, 0.99),
    gapMax: percentile(load.gaps, 1),
    stalls: load.gaps.filter((gap) => gap > 250).length,
    tokens: load.tokens,
    bad: load.bad,
    firstBad: load.firstBad,
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}

if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] ?? '{}') as LoadPlan);
