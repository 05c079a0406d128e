import type { Result, Spread } from './result.js';
import type { Row } from './row.js';

const HEAD = ['row', 'ours', 'peer', 'ratio (min–max)', 'target', 'met'];

/** All results as one table of plain text. */
export function table(results: readonly Result[]): string {
  const lines = [HEAD, ...results.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const show = (line: readonly string[]) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [show(HEAD), show(widths.map((width) => '-'.repeat(width))), ...lines.slice(1).map(show)].join('\n');
}

function cells({ row, own, peer, ratio, met }: Result): string[] {
  return [
    row.title,
    `${short(own.median)} ${row.unit}`,
    peer === undefined ? '' : `${short(peer)} ${row.unit}`,
    ratio === undefined
      ? `   ${range(own, short)}`
      : `${ratio.median.toFixed(2)} ${range(ratio, (value) => value.toFixed(2))}`,
    targetOf(row),
    met === undefined ? '' : met ? 'yes' : 'NO',
  ];
}

function range({ min, max }: Spread, show: (value: number) => string): string {
  return min === max ? '' : `(${show(min)}–${show(max)})`;
}

function targetOf({ target, unit }: Row): string {
  if (target === undefined) return 'to compare';
  const bound = target.most === undefined ? `≥ ${target.least ?? ''}` : `≤ ${target.most}`;
  return target.of === 'ratio' ? `${bound} ×` : `${bound} ${unit}`;
}

function short(value: number): string {
  if (Number.isInteger(value) && value < 100) return String(value);
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
