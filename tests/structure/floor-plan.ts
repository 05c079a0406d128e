import { posix } from 'node:path';

import ts from 'typescript';

import { importsOf, type Import } from './imports.js';
import { place, walk, type Source } from './sources.js';

/** The rooms of `src/`, and the floor that each is on. A room that is not here may not be built. */
export const FLOORS: Readonly<Record<string, number>> = {
  task: 1,
  timing: 2,
  ports: 2,
  'http-api': 2,
  batch: 3,
  backends: 3,
  executors: 3,
  schedule: 3,
  manager: 4,
  imports: 5,
  workflow: 5,
  metrics: 5,
  client: 5,
  'index.ts': 6,
  koa: 6,
  testing: 6,
  cli: 7,
  examples: 7,
};

/** The only imports between rooms of one floor. */
const NEIGHBOURS: readonly { readonly from: string; readonly to: string; readonly dynamicOnly: boolean }[] = [
  // The contracts are made of nothing but words: what implements or serves them may name them.
  { from: 'timing', to: 'ports', dynamicOnly: false },
  { from: 'http-api', to: 'ports', dynamicOnly: false },
  // `errand serve --examples` serves ours. The package has no examples, so the command must start without them.
  { from: 'cli', to: 'examples', dynamicOnly: true },
];

/** Rule 1: imports go down a floor or stay in the room, and every room is on the plan. */
export function floorViolations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    if (FLOORS[roomOf(source.path)] === undefined) return [`${source.path} is in no room of the floor plan`];
    return importsOf(source)
      .map((found) => ({ found, wrong: wrongWith(found) }))
      .filter(({ wrong }) => wrong !== undefined)
      .map(({ found, wrong }) => `${found.at} ${String(wrong)}`);
  });
}

/** `src/koa/routes.ts` is in `koa`; `src/index.ts` is a room of its own. */
function roomOf(path: string): string {
  return path.startsWith('src/') ? (path.split('/')[1] ?? '') : '';
}

function wrongWith(found: Import): string | undefined {
  const from = roomOf(found.from);
  if (found.specifier === undefined) {
    // `--tasks ./tasks.js` names a module of the user's, and so does `threadModule(url)`.
    return from === 'cli' || from === 'executors' ? undefined : 'imports what nobody can read from the source';
  }
  if (found.file === undefined) return undefined;
  const to = roomOf(found.file);
  if (FLOORS[to] === undefined) return `imports ${found.file}, which is not on the floor plan`;
  if (to === from || floor(to) < floor(from)) return undefined;
  const door = NEIGHBOURS.find((pair) => pair.from === from && pair.to === to);
  if (door !== undefined && (found.dynamic || !door.dynamicOnly)) return undefined;
  return `imports ${found.file}: from ${from} (floor ${floor(from)}) to ${to} (floor ${floor(to)})`;
}

function floor(room: string): number {
  return FLOORS[room] ?? Infinity;
}

/** Rule 1: no circles between files, whatever the kind of import. Each knot is told once, its files in order. */
export function circles(sources: readonly Source[]): string[] {
  const targets = new Map(sources.map((source) => [source.path, importsOf(source).map(({ file }) => file)]));
  const reached = new Map([...targets.keys()].map((path) => [path, reachedFrom(path, targets)]));
  const knots = [...targets.keys()]
    .filter((path) => reached.get(path)?.has(path))
    .map((path) => [...targets.keys()].filter((other) => together(reached, path, other)).sort());
  return [...new Set(knots.map((knot) => `in a circle: ${knot.join(', ')}`))];
}

/** What is reached by one import or more: the file itself only where it is in a circle. */
function reachedFrom(start: string, targets: ReadonlyMap<string, readonly (string | undefined)[]>): Set<string> {
  const seen = new Set<string>();
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const next of targets.get(path) ?? []) {
      if (next === undefined || seen.has(next)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return seen;
}

function together(reached: ReadonlyMap<string, ReadonlySet<string>>, one: string, other: string): boolean {
  return reached.get(one)?.has(other) === true && reached.get(other)?.has(one) === true;
}

/** Rule 2: `task/` imports nothing that runs, `ports/` holds contracts only. */
export function groundViolations(sources: readonly Source[]): string[] {
  const ground = sources.filter(({ path }) => ['task', 'ports'].includes(roomOf(path)));
  const imports = ground
    .flatMap(importsOf)
    .filter((found) => found.package !== undefined)
    .map((found) => `${found.at} imports ${String(found.package)}`);
  return [...imports, ...ground.filter(({ path }) => roomOf(path) === 'ports').flatMap(behaviourOf)];
}

/** Functions with a body. An error class is part of a contract, and may have a constructor. */
function behaviourOf(source: Source): string[] {
  const found: string[] = [];
  walk(source, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const owner = node.parent;
    if (ts.isConstructorDeclaration(node) && ts.isClassLike(owner) && isErrorClass(owner)) return;
    found.push(`${place(source, node)} does something; contracts do not`);
  });
  return found;
}

function isErrorClass(node: ts.ClassLikeDeclaration): boolean {
  const parent = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)?.types[0];
  return parent !== undefined && parent.expression.getText().endsWith('Error');
}

/** Rule 5: no barrel is imported from inside. */
export function barrelViolations(sources: readonly Source[]): string[] {
  return sources
    .flatMap(importsOf)
    .filter(({ file }) => file !== undefined && (file.endsWith('/index.ts') || !/\.\w+$/.test(file)))
    .map(({ at, file }) => `${at} imports the barrel ${String(file)}`);
}

const VAGUE = new Set(['util', 'utils', 'common', 'helper', 'helpers', 'types', 'misc', 'shared', 'lib']);

/** Rule 5: no file and no folder whose name says nothing; names are in kebab-case. */
export function nameViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path }) => {
    const names = path.split('/').map((part) => part.replace(/(\.test|\.d)?\.ts$/, ''));
    const vague = names.some((name) => VAGUE.has(name)) ? [`${path} has a name that says nothing`] : [];
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(posix.basename(path)) ? [] : [`${path} is not kebab-case`];
    return [...vague, ...kebab];
  });
}
