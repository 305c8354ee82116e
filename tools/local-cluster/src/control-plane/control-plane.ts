import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import path from 'node:path';
import { freePort, requireTool, startChild, type Child } from '@flotilla/testkit';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
  schedulerArguments,
  type Ports,
} from './arguments.ts';
import { createCredentials, type Credentials, type Identity } from './credentials.ts';

export interface ControlPlaneOptions {
  /** A folder that is there and empty: keys, data, logs. */
  stateDir: string;
  /** Where Services get their addresses from: `127.2.0.0/16`. */
  serviceNetwork: string;
}

/** etcd, API server, controllers and scheduler as processes of this machine. */
export interface ControlPlane {
  readonly apiUrl: string;
  readonly apiPort: number;
  /** The certificate authority of the API server. */
  readonly caFile: string;
  /** The key of the API server's certificate, by which it is known where it asks. */
  readonly keyFile: string;
  /** The kubeconfig file of who may do everything under that name. */
  kubeconfig(identity: Identity): string;
  /** The bearer token of the same. */
  token(identity: Identity): string;
  readonly pids: readonly number[];
  /** As after a crash: every watch breaks, and what watches knew of the past is gone. */
  restartApiServer(): Promise<void>;
  /** Ends all of them. Idempotent. */
  stop(): Promise<void>;
}

/** Milliseconds until a part must serve: a few seconds on an idle machine, much more on a crowded one. */
const readyTimeoutMs = 90_000;

/** Starts a control plane; throws with what a part wrote when it does not come up. None outlives this process. */
export async function startControlPlane({ stateDir, serviceNetwork }: ControlPlaneOptions): Promise<ControlPlane> {
  const program = requireTool('control-plane');
  const etcd = requireTool('etcd');
  const ports = await pickPorts();
  const apiUrl = `https://127.0.0.1:${ports.api}`;
  const credentials = createCredentials(path.join(stateDir, 'credentials'), apiUrl);
  const running = new Map<string, Child>();

  const launch = async (name: string, command: string, args: string[], check: () => Promise<boolean>) => {
    const logFile = path.join(stateDir, `${name}.log`);
    running.set(name, await startChild({ command, args, logFile, readyTimeoutMs, ready: { check } }));
  };
  const serves = (urlPath: string) => () => answers(apiUrl + urlPath, credentials);
  const startEtcd = () =>
    launch('etcd', etcd, etcdArguments(path.join(stateDir, 'etcd'), ports), async () => {
      const response = await fetch(`http://127.0.0.1:${ports.etcd}/health`, { signal: AbortSignal.timeout(1_000) });
      return response.ok;
    });
  const startApiServer = () =>
    launch('api-server', program, apiServerArguments(ports, credentials, serviceNetwork), serves('/readyz'));
  const stop = async () => {
    // Not politely: nothing they hold is kept, and a polite API server waits for its watches.
    await Promise.all([...running.values()].map((child) => child.kill()));
  };

  try {
    await startEtcd();
    await startApiServer();
    const defaultAccount = serves('/api/v1/namespaces/default/serviceaccounts/default');
    await Promise.all([
      launch('controller-manager', program, controllerManagerArguments(ports, credentials), defaultAccount),
      launch('scheduler', program, schedulerArguments(ports, credentials), () =>
        answers(`https://127.0.0.1:${ports.scheduler}/readyz`),
      ),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    apiUrl,
    apiPort: ports.api,
    caFile: credentials.caFile,
    keyFile: credentials.apiServerKey,
    kubeconfig: (identity) => credentials.kubeconfig(identity),
    token: (identity) => credentials.token(identity),
    get pids() {
      return [...running.values()].map(({ pid }) => pid);
    },
    async restartApiServer() {
      await running.get('api-server')?.kill();
      await startApiServer();
    },
    stop,
  };
}

async function pickPorts(): Promise<Ports> {
  return {
    etcd: await freePort(),
    etcdPeers: await freePort(),
    api: await freePort(),
    controllerManager: await freePort(),
    scheduler: await freePort(),
  };
}

/** Whether the URL answers 200. Without credentials the certificate is not looked at: it is one of our own. */
function answers(url: string, credentials?: Credentials): Promise<boolean> {
  const trust = credentials
    ? { ca: readFileSync(credentials.caFile), headers: { authorization: `Bearer ${credentials.token('admin')}` } }
    : { rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const request = get(url, { ...trust, agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer`)));
    request.on('error', reject);
  });
}
