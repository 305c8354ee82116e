import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { ContainerSpec, HandlerSpec } from '../pod-spec.ts';
import { checkGrpcHealth } from './grpc-health.ts';

/** What a probe or hook acts on. */
export interface CheckTarget {
  podIP: string;
  ports: ContainerSpec['ports'];
  /** Runs a command as the container would; resolves with its exit code and output. */
  exec(command: readonly string[], timeoutMs: number): Promise<{ code: number; output: string }>;
}

/** Does what a probe or hook says, once. Rejects with why it failed, in kubelet's words. */
export async function runHandler(handler: HandlerSpec, target: CheckTarget, timeoutMs: number): Promise<void> {
  const { exec, httpGet, tcpSocket, grpc } = handler;
  if (httpGet) return get(httpGet, target, timeoutMs);
  if (tcpSocket) return open(tcpSocket.host ?? target.podIP, portOf(tcpSocket.port, target), timeoutMs);
  if (grpc) return checkGrpcHealth(`${target.podIP}:${grpc.port}`, grpc.service ?? '', timeoutMs);
  if (!exec) return;
  const { code, output } = await target.exec(exec.command, timeoutMs);
  if (code !== 0) throw new Error(output.trim() || `command ${exec.command[0]} ended with ${code}`);
}

function portOf(port: number | string, { ports = [] }: CheckTarget): number {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (Number.isInteger(named)) return named;
  throw new Error(`the container has no port "${port}"`);
}

function get(check: NonNullable<HandlerSpec['httpGet']>, target: CheckTarget, timeoutMs: number): Promise<void> {
  const secure = check.scheme?.toUpperCase() === 'HTTPS';
  const port = portOf(check.port, target);
  const host = check.host ?? target.podIP;
  const headers = Object.fromEntries((check.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  return new Promise((resolve, reject) => {
    const call = (secure ? httpsRequest : httpRequest)(
      {
        ...{ host, port, path: check.path ?? '/', headers: { 'user-agent': 'kube-probe/1.34', ...headers } },
        ...{ agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(timeoutMs) },
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.resume();
        if (statusCode >= 200 && statusCode < 400) resolve();
        else reject(new Error(`HTTP probe failed with statuscode: ${statusCode}`));
      },
    );
    call.on('error', (error) => reject(new Error(`Get "${check.path ?? '/'}" of ${host}:${port}: ${error.message}`)));
    call.end();
  });
}

function open(host: string, port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (error?: Error) => {
      socket.destroy();
      if (error) reject(new Error(`dial tcp ${host}:${port}: ${error.message}`));
      else resolve();
    };
    socket.once('connect', () => end());
    socket.once('error', end);
    socket.once('timeout', () => end(new Error('i/o timeout')));
  });
}
