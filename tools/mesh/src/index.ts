export * from './mesh.ts';
