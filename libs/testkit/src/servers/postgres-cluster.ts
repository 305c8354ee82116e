import { chownSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

/** Who the server runs as. Empty: this process's own user. */
export interface ServerUser {
  uid?: number;
  gid?: number;
}

/** PostgreSQL refuses to run as root: then it is `postgres`, or `nobody` where there is none. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody to run it as');
}

/** A fresh cluster at `dir`/cluster, copied from one that is made once a machine: initdb takes seconds, a copy does not. */
export function createCluster(postgres: string, dir: string, user: ServerUser): void {
  const cluster = path.join(dir, 'cluster');
  if (user.uid !== undefined) giveFolder(dir, user);
  if (existsSync(cluster)) return;
  // By another user's hands, so that each file is that user's.
  as(user, 'cp', ['-a', '--', templateCluster(postgres, user), cluster]);
}

function templateCluster(postgres: string, user: ServerUser): string {
  const build = Math.trunc(statSync(postgres).mtimeMs).toString(36);
  const owner = user.uid ?? process.getuid?.() ?? 0;
  const template = path.join(tmpdir(), `flotilla-postgres-template-${owner}-${build}`);
  if (existsSync(template)) return template;

  const scratch = mkdtempSync(path.join(tmpdir(), 'flotilla-initdb-'));
  try {
    if (user.uid !== undefined) giveFolder(scratch, user);
    const cluster = path.join(scratch, 'cluster');
    const settings = ['--username=flotilla', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
    as(user, path.join(path.dirname(postgres), 'initdb'), [...settings, '-D', cluster]);
    as(user, postgres, ['--single', '-D', cluster, 'postgres'], 'create database flotilla\n');
    try {
      renameSync(cluster, template);
    } catch (error) {
      // Another process was quicker; its template is as good.
      if (!existsSync(template)) throw error;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return template;
}

function giveFolder(dir: string, { uid, gid }: ServerUser): void {
  chownSync(dir, uid!, gid!);
  const entered = spawnSync('test', ['-w', dir], { uid, gid, cwd: '/' });
  if (entered.status !== 0) {
    throw new Error(`PostgreSQL does not run as root, and its user may not enter ${dir}: choose another folder`);
  }
}

/** Runs a command to its end as the user; throws with what it wrote. */
function as(user: ServerUser, command: string, args: string[], input?: string): void {
  const result = spawnSync(command, args, {
    ...user,
    input,
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C', HOME: '/' },
    timeout: 60_000,
  });
  if (result.status === 0) return;
  throw new Error(`${command} failed: ${String(result.stderr).trim().slice(-1_000)}`, { cause: result.error });
}
