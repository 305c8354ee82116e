// What a reviewer would otherwise have to watch for: who may import whom, and that the domain takes time, randomness and
// the network through ports. Types are the compiler's business (npm run typecheck). Parser: docs/adr/0003.
import parser from '@babel/eslint-parser';

const services = ['gateway', 'rate-limiter', 'orchestrator', 'rag', 'safety', 'llm-router', 'gpu-fleet-controller'];
const apps = [...services, 'standalone', 'mesh', 'local-cluster', 'tests', 'bench'];
const packages = (names) => names.flatMap((name) => [`@flotilla/${name}`, `@flotilla/${name}/*`]);

const boundary = (names, message) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        { group: packages(names), message },
        {
          regex: String.raw`^(\.\./){2,}(libs|services|tools|\w[\w-]*/src)`,
          message: 'Import other packages by name: @flotilla/<name>.',
        },
      ],
    },
  ],
});

const port = (object, property, instead) => ({ object, property, message: `Take it through a port: ${instead}.` });
const ports = {
  'no-restricted-properties': [
    'error',
    port('Date', 'now', 'clock.now() of @flotilla/kernel'),
    port('performance', 'now', 'clock.monotonic() of @flotilla/kernel'),
    port('Math', 'random', 'random.next() of @flotilla/kernel'),
  ],
  'no-restricted-globals': [
    'error',
    { name: 'setTimeout', message: 'Take time through a port: clock.after() or sleep() of @flotilla/kernel.' },
    { name: 'setInterval', message: 'Take time through a port: clock.every() of @flotilla/kernel.' },
    { name: 'fetch', message: 'Take the network through a port: an adapter named <port>.<technology>.ts.' },
  ],
};

export default [
  { ignores: ['**/node_modules', '**/dist', '**/generated', '.nx', '.cache', '.data', 'coverage'] },
  {
    files: ['**/*.ts', '**/*.mjs'],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parser,
      parserOptions: {
        requireConfigFile: false,
        babelOptions: {
          babelrc: false,
          configFile: false,
          parserOpts: { plugins: ['typescript', 'decorators-legacy'] },
        },
      },
    },
    rules: {
      eqeqeq: ['error', 'smart'],
      'no-var': 'error',
      'prefer-const': 'error',
      'no-debugger': 'error',
      'no-empty': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'max-lines': ['error', { max: 500 }],
      complexity: ['error', 25],
    },
  },
  {
    files: ['libs/**/*.ts'],
    ignores: ['libs/testkit/**', 'libs/**/*.test.ts', 'libs/**/*.fixture.ts'],
    rules: boundary([...apps, 'engine-sim', 'testkit'], 'A lib knows no service and no test tool.'),
  },
  {
    files: services.map((name) => `services/${name}/src/**/*.ts`),
    ignores: ['**/*.test.ts', '**/*.fixture.ts'],
    rules: {
      ...boundary(
        [...apps, 'engine-sim', 'testkit'],
        'A service imports libs only; it reaches other services through @flotilla/rpc and @flotilla/bus.',
      ),
      ...ports,
    },
  },
  {
    files: services.flatMap((name) => [`services/${name}/src/**/*.test.ts`, `services/${name}/src/**/*.fixture.ts`]),
    rules: boundary(
      apps,
      'A test of a service stands in for the others on a memory network; all together are tested in tests/.',
    ),
  },
];
