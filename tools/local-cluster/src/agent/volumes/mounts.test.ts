import { describe, expect, it } from '@jest/globals';
import { createPathRewriter } from './mounts.ts';

const rewrite = createPathRewriter([
  { path: '/data', real: '/pods/1/data' },
  { path: '/data/cache/', real: '/claims/cache' },
  { path: '/etc/app', real: '/tmp/app' },
  { path: '/tmp', real: '/pods/1/tmp' },
]);

describe('the paths of a container', () => {
  it.each([
    ['/data', '/pods/1/data'],
    ['/data/x.yaml', '/pods/1/data/x.yaml'],
    ['/data/cache/hub', '/claims/cache/hub'],
    ['--config=/etc/app/x', '--config=/tmp/app/x'],
    ['cp /etc/app/a "/data"; ls /tmp', 'cp /tmp/app/a "/pods/1/data"; ls /pods/1/tmp'],
    ['file:/data,/tmp', 'file:/pods/1/data,/pods/1/tmp'],
  ])('are those of its volumes: %s', (given, wanted) => {
    expect(rewrite(given)).toBe(wanted);
  });

  it.each(['/database', '/data-2', '/var/data', 'http://host/data', 'http://127.1.0.4:80/data', 'data', './tmp'])(
    'are left alone elsewhere: %s',
    (given) => {
      expect(rewrite(given)).toBe(given);
    },
  );
});
