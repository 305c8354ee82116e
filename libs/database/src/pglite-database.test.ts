import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startChild } from '@flotilla/testkit';
import { databaseContract } from './database.contract.fixture.ts';
import { openDatabase } from './index.ts';

describe('PGlite', () => {
  databaseContract(() => openDatabase('pglite://memory'));

  describe('in a folder', () => {
    let dir: string;

    beforeEach(() => {
      dir = mkdtempSync(path.join(tmpdir(), 'flotilla-pglite-'));
    });
    afterEach(() => rmSync(dir, { recursive: true }));

    it('keeps its data', async () => {
      const first = await openDatabase(`pglite://${dir}/data`);
      await first.query('create table kept (id int); insert into kept values (1)');
      await first.close();
      const second = await openDatabase(`pglite://${dir}/data`);
      expect(await second.query('select id from kept')).toEqual([{ id: 1 }]);
      await second.close();
    });

    it('belongs to one opener at a time, and the second is told what to do', async () => {
      const first = await openDatabase(`pglite://${dir}`);
      await expect(openDatabase(`pglite://${dir}`)).rejects.toThrow(/in use by another process: stop that one/);
      await first.close();
      await (await openDatabase(`pglite://${dir}`)).close();
    });

    it('is free again after its process was killed, and is not half made', async () => {
      const source = `
        import { lockDataDir } from ${JSON.stringify(path.join(import.meta.dirname, 'data-dir-lock.ts'))};
        lockDataDir(${JSON.stringify(dir)});
        console.log('locked');
        setInterval(() => {}, 1000);`;
      const holder = await startChild({
        command: process.execPath,
        args: ['--input-type=module', '-e', source],
        ready: { line: /^locked$/ },
      });
      await expect(openDatabase(`pglite://${dir}`)).rejects.toThrow(/in use by another process/);
      await holder.kill();

      mkdirSync(path.join(dir, 'cluster'));
      writeFileSync(path.join(dir, 'cluster/PG_VERSION'), '18\n');
      writeFileSync(path.join(dir, 'creating'), '');
      const database = await openDatabase(`pglite://${dir}`);
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
      await database.close();
    });
  });

  it.each(['pglite://', 'pglite://relative/folder', 'pglite:///', 'mysql://localhost/x'])(
    'is not opened by %s',
    async (url) => {
      await expect(openDatabase(url)).rejects.toMatchObject({ code: 'invalid_request' });
    },
  );
});
