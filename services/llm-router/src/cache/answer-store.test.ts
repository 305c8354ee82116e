import { afterAll, beforeAll } from '@jest/globals';
import { openDatabase } from '@flotilla/database';
import { describeWith, startPostgres, type TestServer } from '@flotilla/testkit';
import { answerStoreContract } from './answer-store.contract.fixture.ts';

answerStoreContract('answers in PGlite', () => openDatabase('pglite://memory'));

describeWith(['postgres'], 'answers', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());
  answerStoreContract('in PostgreSQL', () => openDatabase(server.url));
});
