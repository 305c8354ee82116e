import { HelmError, type ReleaseStatus } from './helm.ts';

interface HelmRelease {
  name?: string;
  namespace?: string;
  version?: number;
  info?: { status?: string; description?: string; notes?: string };
}

/** What `helm --output json` says of a release; its values and manifest are dropped here. */
export function parseStatus(json: string): ReleaseStatus {
  const { name, namespace, version, info = {} } = read(json);
  if (name === undefined || namespace === undefined || version === undefined) throw strange();
  const { status = 'unknown', description = '', notes = '' } = info;
  return { release: name, namespace, revision: version, status, description, notes };
}

function read(json: string): HelmRelease {
  try {
    return JSON.parse(json) as HelmRelease;
  } catch {
    throw strange();
  }
}

function strange(): HelmError {
  return new HelmError('failed', 'helm answered with something else than a release');
}
