import { readEnvironment, runProcess } from '@flotilla/kernel';
import { banner } from './banner.ts';
import { standaloneConfigSchema } from './config.ts';
import { createStandalone } from './standalone.ts';

const config = readEnvironment(standaloneConfigSchema, 'FLOTILLA', process.env);
const standalone = await createStandalone(config, process.env);
await runProcess(standalone.group, { drainMs: config.drainMs });
const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host;
const scheme = process.env['FLOTILLA_GATEWAY_TLS_CERT_FILE'] ? 'https' : 'http';
console.log(await banner({ ...standalone, url: `${scheme}://${host}:${config.port}` }));
