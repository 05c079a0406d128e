import { withoutStrings, type Source } from './sources.js';

/** Marks of work that was left for later. */
const OPEN_ENDS = /\b(TODO|FIXME|XXX|HACK)\b/;

/** Paths that exist on one developer's machine only. `[/]` keeps this file from naming one itself. */
const MACHINE_PATHS = /(?<![\w.~-])[/](work|root|Users|tmp[/]brief|tmp[/]bash_jobs)[/]|\.\.[/]shared[/]/;

/** What was left for later, in places where a reader takes things as finished. */
export function openEnds(files: readonly Source[]): string[] {
  return linesWith(files, OPEN_ENDS).map((place) => `${place} leaves something open`);
}

/** What names a path of the machine that it was written on. */
export function machinePaths(files: readonly Source[]): string[] {
  return linesWith(files, MACHINE_PATHS).map((place) => `${place} names a path of somebody's machine`);
}

/** Tests that narrow a run to themselves, or replace modules behind the back of the code. */
export function narrowedTests(files: readonly Source[]): string[] {
  const code = files.map((file) => ({ path: file.path, text: withoutStrings(file) }));
  return linesWith(code, /^\s*(fit|fdescribe|(it|test|describe)\.only)\b|\bjest\.(unstable_m|m)ock(Module)?\(/).map(
    (place) => `${place} narrows the tests or mocks a module`,
  );
}

function linesWith(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}
