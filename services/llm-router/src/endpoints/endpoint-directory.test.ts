import { platformFileSchema } from '@flotilla/kernel';
import { describe, expect, it } from '@jest/globals';
import { facts } from '../registry/registry.fixture.ts';
import { EndpointDirectory } from './endpoint-directory.ts';

const file = platformFileSchema.parse({});
const ids = (directory: EndpointDirectory) => directory.list(file).map(({ facts: { id } }) => id);
const pod = (id: string, scope: string) => facts(id, ['m'], { provider: 'fleet', scope });

describe('engines that are told of in parts', () => {
  it('are replaced in their part and stay in the others', () => {
    const directory = new EndpointDirectory();
    directory.update([facts('local', ['x']), pod('a1', 'a'), pod('b1', 'b')]);
    directory.updateScope('a', [pod('a2', 'a')]);
    expect(ids(directory).sort()).toEqual(['a2', 'b1', 'local']);
    directory.updateScope('', []);
    directory.updateScope('b', []);
    expect(ids(directory)).toEqual(['a2']);
  });

  it('keep what is known of them while another part changes', () => {
    const directory = new EndpointDirectory();
    directory.update([pod('a1', 'a')]);
    const before = directory.list(file)[0];
    directory.updateScope('b', [pod('b1', 'b')]);
    expect(directory.list(file)[0]).toBe(before);
  });

  it('make the registry look again when a version gets another share', () => {
    const directory = new EndpointDirectory();
    const shared = (share: number) => [{ ...pod('a1', 'a'), group: { name: 'r1', share } }];
    directory.updateScope('a', shared(0.1));
    const { version } = directory;
    directory.updateScope('a', shared(0.1));
    expect(directory.version).toBe(version);
    directory.updateScope('a', shared(0.5));
    expect(directory.version).toBe(version + 1);
  });
});
