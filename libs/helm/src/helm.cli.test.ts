import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fakeHelm, type FakeHelm } from './fake-helm.fixture.ts';
import { createHelm } from './helm.cli.ts';

const spec = { release: 'web', namespace: 'apps', chart: '/charts/web' };
const deployed = JSON.stringify({
  ...{ name: 'web', namespace: 'apps', version: 3, config: { password: 'hunter2' }, manifest: 'kind: Secret' },
  info: { status: 'deployed', description: 'Upgrade complete', notes: 'Have fun' },
});

describe('the helm command', () => {
  let fake: FakeHelm | undefined;
  const helmThat = (...lines: string[]) => createHelm({ binary: (fake = fakeHelm(...lines)).binary });
  const left = (name: string) => readFileSync(path.join(fake!.folder, name), 'utf8');
  afterEach(() => fake?.remove());

  it('gets values in a file for this user alone, which is gone afterwards', async () => {
    const helm = helmThat(
      'echo "$@" > $FOLDER/arguments',
      'while [ "$1" != --values ]; do shift; done',
      'cp "$2" $FOLDER/values; stat -c %a "$2" > $FOLDER/mode; echo "$2" > $FOLDER/place',
    );
    await helm.template({ ...spec, values: { password: 'hunter2' } });
    expect(JSON.parse(left('values'))).toEqual({ password: 'hunter2' });
    expect(left('mode').trim()).toBe('600');
    expect(left('arguments')).not.toContain('hunter2');
    expect(existsSync(path.dirname(left('place').trim()))).toBe(false);
  });

  it('leaves no file behind when it fails', async () => {
    const helm = helmThat('while [ "$1" != --values ]; do shift; done', 'echo "$2" > $FOLDER/place', 'exit 1');
    await expect(helm.install({ ...spec, values: { a: 1 } })).rejects.toThrow('said nothing');
    expect(existsSync(path.dirname(left('place').trim()))).toBe(false);
  });

  it('sees folders of its own for plugins and repositories, and nothing of HELM_* around it', async () => {
    process.env.HELM_DRIVER = 'sql';
    try {
      await helmThat('env > $FOLDER/env').template(spec);
    } finally {
      delete process.env.HELM_DRIVER;
    }
    expect(left('env')).not.toContain('HELM_DRIVER');
    expect(left('env')).toMatch(/HELM_CONFIG_HOME=.*flotilla-helm-/);
    expect(left('env')).toContain('PATH=');
  });

  it('cannot be given a flag as a name', async () => {
    await helmThat('echo "$@" > $FOLDER/arguments').template({ ...spec, release: '--debug' });
    expect(left('arguments')).toMatch(/ -- --debug \/charts\/web$/m);
  });

  it('is ended at its deadline', async () => {
    await expect(helmThat('exec sleep 60').template(spec, { timeoutMs: 200 })).rejects.toMatchObject({
      kind: 'timeout',
      message: 'helm template took longer than 200 ms',
    });
  });

  it('is ended when its caller has gone', async () => {
    const caller = new AbortController();
    const helm = helmThat('echo begun >&2', 'exec sleep 60');
    const call = helm.install(spec, { signal: caller.signal, onLine: () => caller.abort() });
    await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('is not even begun for a caller that has gone already', async () => {
    const call = helmThat('touch $FOLDER/begun').version({ signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
    expect(existsSync(path.join(fake!.folder, 'begun'))).toBe(false);
  });

  it('tells its lines while it works, and what it waits for', async () => {
    const lines: string[] = [];
    const helm = helmThat('echo "$@" > $FOLDER/arguments', 'echo one >&2', 'echo two >&2', `echo '${deployed}'`);
    await helm.upgrade(spec, { wait: true, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['one', 'two']);
    expect(left('arguments')).toContain('--debug');
  });

  it('gives up by itself before it would be ended, with time left to undo', async () => {
    const helm = helmThat('echo "$@" > $FOLDER/arguments', `echo '${deployed}'`);
    await helm.install(spec, { timeoutMs: 100_000 });
    expect(left('arguments')).toContain('--timeout 80s');
    await helm.install(spec, { timeoutMs: 100_000, atomic: true });
    expect(left('arguments')).toContain('--timeout 40s --atomic');
  });

  it('answers with the release, without its values and manifests', async () => {
    expect(await helmThat(`echo '${deployed}'`).upgrade(spec)).toEqual({
      ...{ release: 'web', namespace: 'apps', revision: 3 },
      ...{ status: 'deployed', description: 'Upgrade complete', notes: 'Have fun' },
    });
  });

  it.each([
    ['nothing', 'true'],
    ['no JSON', 'echo done'],
    ['other JSON', "echo '{}'"],
  ])('is not believed when it answers with %s', async (_what, line) => {
    await expect(helmThat(line).status(spec)).rejects.toMatchObject({ kind: 'failed' });
  });

  it('has the deadline that its caller names, for a look as well', async () => {
    const look = helmThat('exec sleep 60').status(spec, { timeoutMs: 200 });
    await expect(look).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('knows no status of a release that is not there', async () => {
    expect(await helmThat('echo "Error: release: not found" >&2', 'exit 1').status(spec)).toBeUndefined();
  });

  it('says that it is missing, and what to do', async () => {
    const helm = createHelm({ binary: '/nowhere/helm' });
    await expect(helm.version()).rejects.toMatchObject({
      kind: 'not_installed',
      message: expect.stringContaining('make tools'),
    });
  });
});
