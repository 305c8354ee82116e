// Whether programs built on the contracts of before can speak with those of the working tree: `buf breaking` against the
// last release's tag, or without one against the commit before this. Passes where there is no such commit (a shallow clone,
// a first commit, a source archive) or it has no proto/.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
/** The most that the contracts of a commit may be as a tar. */
const maxBuffer = 64 << 20;
const git = (...args) => spawnSync('git', args, { cwd: root, maxBuffer, stdio: ['ignore', 'pipe', 'ignore'] });

function earlier() {
  const tag = git('describe', '--tags', '--abbrev=0', '--match', 'v*');
  const commit = tag.status === 0 ? tag.stdout.toString().trim() : 'HEAD~1';
  return git('cat-file', '-e', `${commit}:proto/buf.yaml`).status === 0 ? commit : undefined;
}

const commit = earlier();
if (!commit) {
  console.log('proto compatibility: no earlier contracts to compare with');
  process.exit(0);
}
// A tar rather than buf's own clone of .git: it does in every kind of checkout, also in a worktree, where .git is a file.
const { status, stdout } = git('archive', '--format=tar', commit, 'proto');
if (status !== 0) throw new Error(`git archive ${commit} proto failed`);
const buf = path.join(root, 'node_modules/.bin/buf');
const compared = spawnSync(buf, ['breaking', 'proto', '--against', '-#format=tar,subdir=proto'], {
  cwd: root,
  input: stdout,
  stdio: ['pipe', 'inherit', 'inherit'],
});
if (compared.status !== 0) console.log(`proto compatibility: the contracts break with those of ${commit}`);
process.exit(compared.status ?? 1);
