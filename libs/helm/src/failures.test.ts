import { describe, expect, it } from '@jest/globals';
import { failureOf } from './failures.ts';
import type { HelmErrorKind } from './helm.ts';

/** Last words of helm 3, as it writes them. */
const words: readonly (readonly [HelmErrorKind, string])[] = [
  ['invalid_values', "Error: values don't meet the specifications of the schema(s) in the following chart(s):"],
  [
    'unreachable',
    'Error: INSTALLATION FAILED: Kubernetes cluster unreachable: Get "https://127.0.0.1:1/version": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  ['unreachable', 'Error: UPGRADE FAILED: Get "https://x:6443/api": dial tcp: lookup x: no such host'],
  ['unreachable', 'Error: Kubernetes cluster unreachable: Get "https://10.0.0.1/version": context deadline exceeded'],
  ['busy', 'Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress'],
  ['exists', 'Error: INSTALLATION FAILED: cannot re-use a name that is still in use'],
  ['not_found', 'Error: release: not found'],
  ['not_found', 'Error: UPGRADE FAILED: "web" has no deployed releases'],
  ['not_found', 'Error: uninstall: Release not loaded: web: release: not found'],
  ['not_found', 'Error: release has no 7 version'],
  ['refused', 'Error: INSTALLATION FAILED: configmaps is forbidden: User "bob" cannot create resource "configmaps"'],
  ['refused', 'Error: INSTALLATION FAILED: Deployment.apps "web" is invalid: spec.selector: Required value'],
  ['refused', 'Error: UPGRADE FAILED: admission webhook "policy.example.com" denied the request: no'],
  [
    'refused',
    'Error: INSTALLATION FAILED: unable to build kubernetes objects from release manifest: resource mapping not found for name: "x" namespace: "" from "": no matches for kind "Model"',
  ],
  [
    'refused',
    'Error: INSTALLATION FAILED: Unable to continue with install: ServiceAccount "web" exists and cannot be imported into the current release: invalid ownership metadata',
  ],
  ['refused', 'Error: INSTALLATION FAILED: create: failed to create: namespaces "none" not found'],
  [
    'render',
    'Error: execution error at (web/templates/checks.yaml:5:4): source: name exactly one of hub, pvc, s3, image',
  ],
  [
    'render',
    'Error: template: web/templates/a.yaml:3:12: executing "a" at <.Values.a.b>: nil pointer evaluating interface {}.b',
  ],
  ['render', 'Error: YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: line 3'],
  ['render', 'Error: chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.20.0'],
  ['not_ready', 'Error: INSTALLATION FAILED: timed out waiting for the condition'],
  [
    'not_ready',
    'Error: UPGRADE FAILED: release web failed, and has been rolled back due to atomic being set: context deadline exceeded',
  ],
  [
    'not_ready',
    'Error: INSTALLATION FAILED: failed pre-install: 1 error occurred: job migrate failed: BackoffLimitExceeded',
  ],
  ['failed', 'Error: something that nobody has seen yet'],
];

describe('what a failure of helm means', () => {
  it.each(words)('is %s when it says: %s', (kind, line) => {
    expect(failureOf([line]).kind).toBe(kind);
  });

  it('is told in its last words, without warnings before them and stacks after them', () => {
    const { message, output } = failureOf([
      'WARNING: Kubernetes configuration file is group-readable.',
      'wait.go:50: 2026-01-01 00:00:00 [debug] beginning wait for 1 resources',
      'Error: INSTALLATION FAILED: Deployment.apps "web" is invalid:',
      'spec.selector: Required value',
      'helm.go:92: 2026-01-01 00:00:01 [debug] Deployment.apps "web" is invalid',
      'helm.sh/helm/v3/cmd/helm/install.go:158',
    ]);
    expect(message).toBe('INSTALLATION FAILED: Deployment.apps "web" is invalid:\nspec.selector: Required value');
    expect(output).toHaveLength(6);
  });

  it('keeps the last 40 lines and a message of bounded length', () => {
    const { message, output } = failureOf([
      ...Array.from({ length: 99 }, (_, i) => `line ${i}`),
      `Error: ${'x'.repeat(9_999)}`,
    ]);
    expect(output).toHaveLength(40);
    expect(message).toHaveLength(2_000);
  });

  it('says so when helm said nothing', () => {
    expect(failureOf([])).toMatchObject({ kind: 'failed', message: 'helm failed and said nothing' });
  });
});
