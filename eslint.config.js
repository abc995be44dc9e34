import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'native/build/**',
      'build/**',
      'native/*.mjs',
      'native/asan/**',
      'results/**',
      'eslint.config.js',
      'stryker.config.mjs',
      '.dependency-cruiser.cjs',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    ignores: ['harness/base/terminal.ts', '**/*.test.ts', '**/*.fixture.ts', 'harness/dev/**', 'suites/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.property.name='write'][callee.object.property.name=/^std(out|err)$/]",
          message: 'harness/base/terminal.ts escapes what is printed; use its printers',
        },
      ],
    },
  },
  {
    files: ['suites/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.name="expect"][arguments.length<2]',
          message: 'The message of the failure has no subject: name it in a second argument.',
        },
      ],
    },
  },
);
