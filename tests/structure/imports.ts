import { posix } from 'node:path';

import ts from 'typescript';

import { place, walk, type Source } from './sources.js';

/** One import of a source, of whichever form: static, re-export, type-only, `import()`, `require`. */
export interface Import {
  /** `path:line` of the import. */
  readonly at: string;
  /** The file it is in. */
  readonly from: string;
  readonly dynamic: boolean;
  /** What is written between the quotes; undefined where that is computed. */
  readonly specifier: string | undefined;
  /** For a relative import the path of the file it means; undefined for a package or a computed one. */
  readonly file: string | undefined;
  /** For an import of a package its name, for one of Node's modules its name with `node:`. */
  readonly package: string | undefined;
}

/** Every import of a source. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  walk(source, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return;
    const dynamic = ts.isCallExpression(node);
    const text = ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
    found.push({ at: place(source, node), from: source.path, dynamic, specifier: text, ...target(source.path, text) });
  });
  return found;
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isCallExpression(node) && loads(node.expression)) return node.arguments[0] ?? node;
  return undefined;
}

function loads(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function target(from: string, specifier: string | undefined): Pick<Import, 'file' | 'package'> {
  if (specifier === undefined) return { file: undefined, package: undefined };
  if (specifier.startsWith('.')) {
    return { file: posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts'), package: undefined };
  }
  const parts = specifier.split('/');
  return { file: undefined, package: parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') };
}

/** Every file that can be reached from `entry` by imports of any kind but those passed over, itself included. */
export function reachable(
  sources: readonly Source[],
  entry: string,
  passOver: (found: Import) => boolean = () => false,
): Source[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const seen = new Set<Source>();
  const visit = (path: string | undefined): void => {
    const source = path === undefined ? undefined : byPath.get(path);
    if (source === undefined || seen.has(source)) return;
    seen.add(source);
    for (const found of importsOf(source)) if (!passOver(found)) visit(found.file);
  };
  visit(entry);
  return [...seen];
}
