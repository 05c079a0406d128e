import { once } from 'node:events';

/** What a report is about. */
export interface ReportPlan {
  /** In letters that the fonts of every PDF reader have. */
  readonly title: string;
  readonly pages: number;
}

/** What rendering goes by. */
export interface RenderOptions {
  readonly signal: AbortSignal;
  /** Called when a page is done, with its number. */
  readonly onPage: (page: number) => void;
}

const LINES = 40;

/**
 * The bytes of a PDF, page by page: the next page is not made before the one before has been taken, so that a report of a
 * thousand pages takes the memory of one.
 *
 * @throws the signal's reason
 */
export async function* reportPages(
  { title, pages }: ReportPlan,
  { signal, onPage }: RenderOptions,
): AsyncGenerator<Buffer> {
  // A large package: a server that makes no report starts without it.
  const { default: PDFDocument } = await import('pdfkit');
  const document = new PDFDocument({ autoFirstPage: false, size: 'A4', info: { Title: title } });
  const made: Buffer[] = [];
  document.on('data', (chunk: Buffer) => made.push(chunk));
  for (let page = 1; page <= pages; page += 1) {
    signal.throwIfAborted();
    drawPage(document, `${title}, page ${page} of ${pages}`, page);
    // A turn of the event loop: what else the process does goes on, and what was drawn has come by then.
    await new Promise((resolve) => setImmediate(resolve));
    onPage(page);
    yield* made.splice(0);
  }
  const ended = once(document, 'end', { signal });
  document.end();
  await ended;
  yield* made.splice(0);
}

function drawPage(document: PDFKit.PDFDocument, heading: string, page: number): void {
  document.addPage();
  document.fontSize(16).text(heading).moveDown().fontSize(10);
  for (let line = 1; line <= LINES; line += 1) {
    const order = (page - 1) * LINES + line;
    document.text(
      `Order ${order}: ${1 + (order % 7)} pieces, ${(order * 37) % 1_000}.${String(order % 100).padStart(2, '0')} EUR`,
    );
  }
}
