import { openDatabase } from './open.ts';

// A step of the build: opening in memory makes the image where there is none.
await (await openDatabase('pglite://memory')).close();
