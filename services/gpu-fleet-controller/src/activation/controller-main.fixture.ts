import { liveValue, parsePlatformFile, systemClock, type ProviderConfig } from '@flotilla/kernel';
import { fleetDefaults } from '../config.ts';
import { Fleet } from '../fleet.ts';
import { createHttpProbe } from '../probe.http.ts';
import { createProcessHost } from '../process-host.node.ts';
import { createOllamaControl } from './ollama-control.http.ts';

interface Asked {
  stateDir: string;
  provider: ProviderConfig;
  model: string;
}

const { stateDir, provider, model } = JSON.parse(process.argv[2]!) as Asked;
const fleet = new Fleet(
  { ...fleetDefaults, stateDir, probeIntervalMs: 30 },
  {
    ...{ clock: systemClock, env: process.env, publish: () => Promise.resolve() },
    ...{
      http: createHttpProbe(),
      ollama: createOllamaControl(),
      processes: createProcessHost(process.env, systemClock),
    },
    file: liveValue({ ...parsePlatformFile(''), providers: [provider] }),
  },
);
setInterval(() => undefined, 1_000);
await fleet.start();
await fleet.activate(provider.name, model, new AbortController().signal);
