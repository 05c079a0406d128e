import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

/** A file as the rules see it: they look at nothing but this, so that a test can make one up. */
export interface Source {
  /** From the top of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** The top of the repository. */
export const root = join(import.meta.dirname, '../..');

/** Every file of the repository under `folder`, committed or about to be; nothing that git ignores, nothing binary. */
export function repositoryFiles(folder = '.'): Source[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  return [...new Set(listed.split('\0'))]
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

/** The TypeScript files of `folder`. */
export function typescriptFiles(folder: string): Source[] {
  return repositoryFiles(folder).filter(({ path }) => path.endsWith('.ts'));
}

const trees = new WeakMap<Source, ts.SourceFile>();

/** The syntax tree of a source; made once. */
export function parse(source: Source): ts.SourceFile {
  const known = trees.get(source);
  if (known) return known;
  const tree = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  trees.set(source, tree);
  return tree;
}

/** Calls `visit` with every node of the source, parents before children. */
export function walk(source: Source, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(parse(source));
}

/** Where a node begins, as `path:line`. */
export function place(source: Source, node: ts.Node): string {
  return `${source.path}:${parse(source).getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}

/** The text with what stands in strings blanked out, so that a made-up source inside a test is not taken for a real one. */
export function withoutStrings(source: Source): string {
  let text = source.text;
  walk(source, (node) => {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateLiteralToken(node) && !ts.isRegularExpressionLiteral(node))
      return;
    const inside = text.slice(node.getStart(), node.end).replace(/[^\n]/g, ' ');
    text = text.slice(0, node.getStart()) + inside + text.slice(node.end);
  });
  return text;
}
