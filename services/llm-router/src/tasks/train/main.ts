// Trains the task classifier: node services/llm-router/src/tasks/train/main.ts [folder of prompts]
// Writes weights.generated.ts, and prints how the model does on the third of the prompts that it did not see.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Classifier } from '../classifier.ts';
import { readCorpus } from './corpus.ts';
import { evaluate, tableOf } from './evaluate.ts';
import { train } from './train.ts';
import { weightsFile } from './weights-file.ts';

const folder = process.argv[2] ?? path.join(import.meta.dirname, 'data');
for (const turn of [1, 2]) {
  const { training, heldOut } = readCorpus(folder, turn);
  const { accuracy } = evaluate(new Classifier(train(training)), heldOut);
  console.log(`another third held out (${heldOut.length} prompts): ${(accuracy * 100).toFixed(1)} % right`);
}
const { training, heldOut } = readCorpus(folder);
const weights = train(training);
console.log(tableOf(evaluate(new Classifier(weights), heldOut)));
writeFileSync(path.join(import.meta.dirname, '../weights.generated.ts'), weightsFile(weights));
