import ts from 'typescript';

import { importsOf } from './imports.js';
import { parse, place, walk, withoutStrings, type Source } from './sources.js';

/** The longest a file may be, in lines of any kind. */
export const MAX_LINES = 260;

/** Members of globals that read a clock or make a timer that no test clock drives, or that leak. */
const BANNED_MEMBERS = new Set([
  'AbortSignal.any',
  'AbortSignal.timeout',
  'Date.now',
  'performance.now',
  'process.hrtime',
]);
const BANNED_GLOBALS = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const BANNED_MODULES = new Set(['timers', 'timers/promises', 'perf_hooks'].flatMap((name) => [name, `node:${name}`]));

/** Who may all the same, and why. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  // The one place where the computer's clock is read: everything else is given a `Clock`.
  'src/timing/system-clock.ts': ['Date.now', 'performance.now', 'setTimeout'],
  // It waits for nothing: a timer that never fires is how a process is kept up.
  'src/timing/keep-alive.ts': ['setInterval'],
  // How long the event loop was kept from others is a matter of the real loop, also under a test's clock.
  'src/batch/breather.ts': ['performance.now'],
  // The examples are applications: the clock inside the package is not theirs.
  'src/examples/present-time.ts': ['Date.now'],
};

/** Rule 7: every time and every timer goes through the clock port. */
export function clockViolations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const modules = importsOf(source)
      .filter(({ specifier }) => specifier !== undefined && BANNED_MODULES.has(specifier))
      .map(({ at, specifier }) => `${at} imports ${String(specifier)}`);
    return [...modules, ...clockUses(source)];
  });
}

function clockUses(source: Source): string[] {
  const found: string[] = [];
  eachClockUse(source, (use, node) => {
    if (EXCEPTIONS[source.path]?.includes(use)) return;
    // It is no timer, and a clock cannot drive it: a turn of the event loop is sometimes just what is meant.
    if (use === 'setImmediate' && hasReason(source, node)) return;
    found.push(`${place(source, node)} uses ${use}`);
  });
  return found;
}

/** Exceptions that nothing makes use of any more. */
export function needlessExceptions(sources: readonly Source[]): string[] {
  const used = new Set<string>();
  for (const source of sources) eachClockUse(source, (use) => used.add(`${source.path} for ${use}`));
  return Object.entries(EXCEPTIONS)
    .flatMap(([path, uses]) => uses.map((use) => `${path} for ${use}`))
    .filter((exception) => !used.has(exception));
}

function eachClockUse(source: Source, visit: (use: string, node: ts.Node) => void): void {
  walk(source, (node) => {
    const use = clockUse(node);
    if (use !== undefined) visit(use, node);
  });
}

function clockUse(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    const name = `${node.expression.getText().replace(/^globalThis\./, '')}.${memberName(node)}`;
    if (BANNED_MEMBERS.has(name)) return name;
    return name.startsWith('globalThis.') && BANNED_GLOBALS.has(memberName(node)) ? memberName(node) : undefined;
  }
  if (ts.isIdentifier(node)) return BANNED_GLOBALS.has(node.text) && isUse(node) ? node.text : undefined;
  const makesDate = ts.isNewExpression(node) || ts.isCallExpression(node);
  if (!makesDate || node.expression.getText() !== 'Date') return undefined;
  // A call without `new` gives the present time whatever it is given.
  return ts.isCallExpression(node) || !node.arguments?.length ? 'the time of new Date()' : undefined;
}

function memberName(node: ts.PropertyAccessExpression | ts.ElementAccessExpression): string {
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  return ts.isStringLiteralLike(node.argumentExpression) ? node.argumentExpression.text : '';
}

/** Whether the name stands for the global, and not for a member, a declaration or a type. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isTypeQueryNode(parent)) return false;
  return !('name' in parent && parent.name === node) && !('propertyName' in parent && parent.propertyName === node);
}

/** Whether a comment stands beside the node, or on the line before. */
function hasReason(source: Source, node: ts.Node): boolean {
  const tree = parse(source);
  const line = tree.getLineAndCharacterOfPosition(node.getStart()).line;
  const lines = withoutStrings(source).split('\n');
  return /\/\/ *\w|\*\//.test(lines[line] ?? '') || /^\s*\/\/ *\w|\*\/\s*$/.test(lines[line - 1] ?? '');
}

/** What the language allows and we do not: `any`, `!`, enums, default exports, `private` where `#` would do. */
export function languageViolations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const found: string[] = [];
    walk(source, (node) => {
      const what = bannedSyntax(node);
      if (what !== undefined) found.push(`${place(source, node)} has ${what}`);
    });
    return found;
  });
}

function bannedSyntax(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any';
  if (ts.isNonNullExpression(node)) return 'a forced "not null" (!)';
  if ('exclamationToken' in node && node.exclamationToken !== undefined) return 'a forced "assigned" (!)';
  if (ts.isEnumDeclaration(node)) return 'an enum';
  if (ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword) return defaultExport(node);
  if (node.kind === ts.SyntaxKind.PrivateKeyword && !ts.isConstructorDeclaration(node.parent)) return 'a soft private';
  return undefined;
}

/** `default` is also a word of `switch`, but there it is no modifier. */
function defaultExport(node: ts.Node): string | undefined {
  return ts.isExportAssignment(node) || ts.isModifier(node) ? 'a default export' : undefined;
}

/** Every check that is switched off has its reason: after `--`, or in a comment on the line before. */
export function switchViolations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const { path } = source;
    const lines = withoutStrings(source).split('\n');
    return lines.flatMap((line, index) => {
      const before = lines[index - 1] ?? '';
      if (/(\/\/|\/\*)\s*@ts-(ignore|nocheck)/.test(line)) return [`${path}:${index + 1} switches the compiler off`];
      if (!/(\/\/|\/\*)\s*(eslint-disable|@ts-expect-error|prettier-ignore)/.test(line)) return [];
      const reasoned = / -- *\w/.test(line) || (/^\s*(\/\/|\*)/.test(before) && !/eslint-disable|@ts-/.test(before));
      return reasoned ? [] : [`${path}:${index + 1} switches a check off and does not say why`];
    });
  });
}

/** Files that are too long to be read in one go. */
export function lengthViolations(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines; ${MAX_LINES} are the most`);
}
