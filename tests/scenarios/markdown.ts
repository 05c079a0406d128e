/** A fenced block of a Markdown file. */
export interface Block {
  /** `sh`, `text`, `ts` … */
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a text, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks = markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].map(([, language = '', text = '']) => ({ language, text }));
}

/** What is between two comments: `<!-- name… -->` and `<!-- /name -->`. */
export function between(markdown: string, name: string): string {
  const found = new RegExp(`<!-- ${name}\\b.*?-->(.*?)<!-- /${name} -->`, 's').exec(markdown)?.[1];
  if (found === undefined) throw new Error(`there is no part called ${name}`);
  return found;
}

/** Where links lead, without those to other sites. */
export function linksOf(markdown: string): readonly string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^\w+:/.test(target));
}

/** A pattern for printed text: … stands for anything, and a number of four digits or more for any number. */
export function patternOf(printed: string): RegExp {
  const parts = printed.trim().split(/(…|\d{4,})/);
  const pattern = parts.map((part) => {
    if (part === '…') return '[^]*?';
    return /^\d{4,}$/.test(part) ? '\\d+' : part.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  });
  return new RegExp(`^${pattern.join('')}$`);
}
