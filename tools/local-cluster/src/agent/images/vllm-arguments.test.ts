import { describe, expect, it } from '@jest/globals';
import { simulatorArguments } from './vllm-arguments.ts';

const of = (line: string) => simulatorArguments(line.split(' '), '127.1.0.9').join(' ');
const base = '--host=127.1.0.9 --port=8000';

describe('a command line of vLLM', () => {
  it.each([
    ['serve org/model', `${base} --model=org/model`],
    ['--model org/model --host 0.0.0.0 --port 9000', '--host=127.1.0.9 --port=9000 --model=org/model'],
    ['serve org/model --served-model-name m other --dtype auto', `${base} --model=m`],
    ['--served_model_name=m --model=org/model', `${base} --model=m`],
    ['-m vllm.entrypoints.openai.api_server --model m', `${base} --model=m`],
    ['serve m --max-model-len 32k --max-num-seqs 8', `${base} --model=m --max-model-len=32000 --max-num-seqs=8`],
    ['serve m --shutdown-timeout 1.5', `${base} --model=m --shutdown-timeout-ms=1500`],
    ['serve m --enable-lora --max-loras 2', `${base} --model=m --max-loras=2`],
    ['serve m --lora-modules a=/a b=/b --enable-sleep-mode', `${base} --model=m --lora-modules=a=/a,b=/b`],
    ['serve m --lora-modules {"name":"a","path":"/a"}', `${base} --model=m --lora-modules=a=/a`],
    ['serve m --no-enable-prefix-caching --tensor-parallel-size 8', `${base} --model=m --prefix-caching=false`],
  ])('%s starts the simulator so', (given, wanted) => {
    expect(of(given)).toBe(wanted);
  });
});
