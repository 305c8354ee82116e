import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { credentials, loadPackageDefinition, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { services } from '@flotilla/mesh';
import { describeWith, requireTool } from '@flotilla/testkit';
import { Shape } from './shape.ts';

type ServiceName = (typeof services)[number];

const contracts: Record<ServiceName, readonly string[]> = {
  gateway: [],
  'rate-limiter': ['flotilla.limits.v1.Limits'],
  orchestrator: ['flotilla.orchestrator.v1.Orchestrator'],
  rag: ['flotilla.rag.v1.Rag'],
  safety: ['flotilla.safety.v1.Safety'],
  'llm-router': ['flotilla.router.v1.Registry', 'flotilla.router.v1.Router'],
  'gpu-fleet-controller': ['flotilla.fleet.v1.Activation', 'flotilla.fleet.v1.Fleet'],
};
const caller = { org_id: 'org-grpc', key_id: 'key', tier: 'dev' };
const model = { name: 'flotilla-sim', ready: true };
const hello = [{ role: 'user', content: 'Hello, fleet.' }];

/** What loadPackageDefinition makes of the Router, as far as it is called here. */
interface RouterClient extends Client {
  ListModels(request: object, options: object, done: (error: ServiceError | null, answer?: ModelList) => void): void;
  Generate(request: object, options: object): AsyncIterable<GenerateEvent>;
}
interface ModelList {
  models: { name: string; ready: boolean }[];
}
interface GenerateEvent {
  event: string;
  choices?: { choices: { content: string; finish_reason: string }[] };
  finished?: { usage: { completion_tokens: number } };
}

describeWith(['grpcurl', 'redis-server', 'nats-server', 'postgres'], 'the services to programs that know gRPC', () => {
  let shape: Shape;
  const open: Client[] = [];
  beforeAll(async () => void (shape = await Shape.start('mesh')), 120_000);
  afterAll(async () => {
    for (const client of open) client.close();
    await shape?.stop();
  }, 60_000);

  /** Runs grpcurl against a service as an operator would; what it writes. */
  async function grpcurl(service: ServiceName, words: readonly string[], request?: object): Promise<string> {
    const body = request === undefined ? [] : ['-d', JSON.stringify(request)];
    const args = ['-plaintext', '-max-time', '10', ...body, shape.mesh!.rpc[service], ...words];
    return (await promisify(execFile)(requireTool('grpcurl'), args, { timeout: 15_000 })).stdout;
  }

  it.each(services)('%s lists and describes what it serves, and says that it is healthy', async (service) => {
    const listed = (await grpcurl(service, ['list'])).trim().split('\n');
    const own = contracts[service];
    const reflection = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
    expect(listed).toEqual(expect.arrayContaining(['grpc.health.v1.Health', ...reflection]));
    const flotilla = listed.filter((name) => name.startsWith('flotilla.'));
    expect(flotilla).toEqual(own);

    for (const name of own)
      expect(await grpcurl(service, ['describe', name])).toContain(`service ${name.split('.').at(-1)} {`);
    for (const name of ['', ...own]) {
      const answer = await grpcurl(service, ['grpc.health.v1.Health/Check'], { service: name });
      expect(JSON.parse(answer)).toEqual({ status: 'SERVING' });
    }
  });

  it('grpcurl gets answers to real calls, and errors by their gRPC code', async () => {
    const messages = [{ role: 'user', content: 'My card is 4111 1111 1111 1111.' }];
    const checked = await grpcurl('safety', ['flotilla.safety.v1.Safety/Check'], { caller, messages });
    expect(JSON.parse(checked)).toMatchObject({ findings: [{ rule: 'pii.card', category: 'pii' }] });

    const models = JSON.parse(await grpcurl('llm-router', ['flotilla.router.v1.Router/ListModels'], { caller }));
    expect(models).toMatchObject({ models: expect.arrayContaining([expect.objectContaining(model)]) });

    const engines = JSON.parse(await grpcurl('gpu-fleet-controller', ['flotilla.fleet.v1.Fleet/ListEngines'], {}));
    expect(engines).toMatchObject({ engines: [{ provider: 'sim', state: 'ENGINE_STATE_READY' }] });

    const request = { caller, conversation_id: 'nowhere' };
    const refused = grpcurl('orchestrator', ['flotilla.orchestrator.v1.Orchestrator/GetConversation'], request);
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('Code: NotFound') });
  });

  it('a plain gRPC client made from the published proto makes a unary call and a streamed one', async () => {
    const includeDirs = [path.resolve(import.meta.dirname, '../../proto')];
    const packages = loadSync('flotilla/router/v1/router.proto', { includeDirs, keepCase: true, oneofs: true });
    const { flotilla } = loadPackageDefinition(packages) as unknown as {
      flotilla: {
        router: {
          v1: { Router: new (address: string, secure: ReturnType<typeof credentials.createInsecure>) => RouterClient };
        };
      };
    };
    const client = new flotilla.router.v1.Router(shape.mesh!.rpc['llm-router'], credentials.createInsecure());
    open.push(client);
    const options = () => ({ deadline: Date.now() + 10_000 });

    const list = await new Promise<ModelList>((resolve, reject) =>
      client.ListModels({ caller }, options(), (error, answer) => (error ? reject(error) : resolve(answer!))),
    );
    expect(list.models).toContainEqual(expect.objectContaining(model));

    const request = { caller: { ...caller, request_id: 'grpc-1' }, model: 'flotilla-sim', messages: hello };
    const events: GenerateEvent[] = [];
    for await (const event of client.Generate({ ...request, max_tokens: 5, stream: true }, options()))
      events.push(event);
    const kinds = events.map(({ event }) => event);
    expect(kinds).toContain('answerer');
    expect(kinds.at(-1)).toBe('finished');
    const choices = events.flatMap((event) => event.choices?.choices ?? []);
    expect(choices.map(({ content }) => content).join('')).not.toBe('');
    expect(choices.at(-1)!.finish_reason).toBe('length');
    expect(events.at(-1)!.finished!.usage.completion_tokens).toBe(5);
  });
});
