/**
 * Node 20 cannot read a TypeScript configuration by itself: ts-node loads this one file, without checking its types.
 * It turns it into CommonJS, which our own compiler settings do not go with: so it gets none of them.
 *
 * @jest-config-loader ts-node
 * @jest-config-loader-options {"transpileOnly":true,"skipProject":true,"compilerOptions":{"module":"CommonJS","moduleResolution":"Bundler"}}
 */
import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  // src is among them so that coverage counts the files that no test touches.
  roots: ['<rootDir>/src', '<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  // Sources import './x.js', as Node wants it; under ts-jest the file is './x.ts'.
  // The examples import the package by name, as applications do.
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^errand$': '<rootDir>/src/index.ts',
    '^errand/files$': '<rootDir>/src/backends/files/index.ts',
    '^errand/koa$': '<rootDir>/src/koa/index.ts',
    '^errand/schedule$': '<rootDir>/src/schedule/index.ts',
    '^errand/sqlite$': '<rootDir>/src/backends/sqlite/index.ts',
    '^errand/testing$': '<rootDir>/src/testing/index.ts',
  },
  transform: {
    // Types are checked by `npm run typecheck` before jest starts: ts-jest reports none in ESM mode.
    '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false }],
  },
  // v8 coverage reports branches as taken that were not.
  coverageProvider: 'babel',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/index.ts'],
  testTimeout: 60_000,
  // Many suites mostly wait, for processes and servers: one worker fewer than cores, jest's choice, takes twice as long.
  maxWorkers: 2,
  // ES modules that a suite has loaded stay in the memory of its worker.
  workerIdleMemoryLimit: '1.5GB',
};

export default config;
