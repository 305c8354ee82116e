// Stands for the program `vllm` in a container: the simulator in this process, under vLLM's command line.
import path from 'node:path';
import { simulatorArguments } from './vllm-arguments.ts';

const extension = path.extname(import.meta.filename);
const folder = extension === '.ts' ? 'src' : 'dist';
const simulator = path.resolve(import.meta.dirname, `../../../../engine-sim/${folder}/main${extension}`);

const [node, , ...given] = process.argv;
process.argv = [node!, simulator, ...simulatorArguments(given, process.env['FLOTILLA_POD_ADDRESS']!)];
process.env['ENGINE_SIM_API_KEY'] ??= process.env['VLLM_API_KEY'] ?? '';
// A vLLM serves one model; the simulator's second is for those who start it alone.
process.env['ENGINE_SIM_EMBEDDING_MODEL'] ??= '';
await import(simulator);
