import { router } from '@flotilla/contracts';
import { heldOutScore, taskRouterOf } from '@flotilla/llm-router/task-training';
import { atMost, type BenchRow } from './row.ts';

const decisions = 1_000;
const models = Array.from({ length: 50 }, (_, at) => `model-${at}-${(at % 9) + 1}b`);
const passage = 'The gulls followed her up the path as if they had been waiting for the lamp. ';
/** 8,000 characters each, with the instruction at one end. */
const prompts = [
  `Summarise the following text in three points:\n\n${passage.repeat(110)}`.slice(0, 8_000),
  `${passage.repeat(110).slice(0, 7_900)}\n\nTranslate this into German, please, and keep the tone of the original.`,
  `Find the race in this code:\n\n${'func worker(jobs <-chan int) { for j := range jobs { out <- j * 2 } }\n'.repeat(120)}`,
];

/** What a decision of the task router costs, and how often it is right. */
export async function taskRows(): Promise<BenchRow[]> {
  const tasks = taskRouterOf(models);
  const requests = prompts.map((content) =>
    router.GenerateRequest.fromPartial({ model: 'auto', messages: [{ role: 'user', content }], stream: true }),
  );
  const run = (times: number) => {
    const waits: number[] = [];
    for (let at = 0; at < times; at += 1) {
      const began = performance.now();
      tasks.route(requests[at % requests.length]!);
      waits.push(performance.now() - began);
    }
    return waits.sort((a, b) => a - b);
  };
  run(decisions / 5);
  const before = process.cpuUsage();
  const waits = run(decisions);
  const { user, system } = process.cpuUsage(before);
  const { accuracy, difficultyAccuracy, prompts: count } = heldOutScore();
  const tail = `p50 ${waits[decisions / 2]!.toFixed(2)} ms, p99 ${waits[decisions * 0.99]!.toFixed(2)} ms of wall clock`;
  return [
    atMost(
      'task router: CPU of a decision, 8,000 characters, 50 models',
      (user + system) / 1_000 / decisions,
      2,
      'ms',
      tail,
    ),
    {
      name: 'task router: right on its held-out third',
      measured: accuracy * 100,
      ...{ unit: '%', target: '≥ 90', ok: accuracy >= 0.9 },
      note: `${count} prompts; easy from hard ${(difficultyAccuracy * 100).toFixed(1)} %`,
    },
  ];
}
