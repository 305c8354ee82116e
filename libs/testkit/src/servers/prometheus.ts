import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireTool } from './binaries.ts';
import { startServer, type ServerOptions, type TestServer } from './server.ts';

export interface PrometheusOptions extends ServerOptions {
  /** Its configuration file, as YAML or JSON. What it names by a relative path lies in `dir`. */
  configuration: string;
}

/** A Prometheus that scrapes and evaluates what its configuration says. */
export function startPrometheus({ configuration, ...options }: PrometheusOptions): Promise<TestServer> {
  const command = requireTool('prometheus');
  return startServer(
    {
      name: 'prometheus',
      url: (port) => `http://127.0.0.1:${port}`,
      prepare: async (dir) => writeFileSync(path.join(dir, 'prometheus.yaml'), configuration),
      launch: (dir, port) => ({
        command,
        args: [
          `--config.file=${path.join(dir, 'prometheus.yaml')}`,
          `--storage.tsdb.path=${path.join(dir, 'data')}`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        ready: { url: `http://127.0.0.1:${port}/-/ready` },
      }),
    },
    options,
  );
}
